"""Ends a campaign whose registered rule is sequential, once its confidence sequence excludes one half."""

from datetime import datetime

from django.db import transaction

from annotations.models import Campaign
from evalsite.platform import audit
from experiments.models import CampaignPlan, SequentialStop
from experiments.reports.human.stopping import sequence
from experiments.reports.progress import progress_of
from experiments.reports.votes import read_votes
from experiments.stats.result import Estimate

JUDGED = (Campaign.Status.OPEN, Campaign.Status.PAUSED)


def stop_if_decided(*, campaign: Campaign, now: datetime) -> SequentialStop | None:
    """Looks, and says nothing of what it saw unless the campaign is over by it.

    Skips and leases that lapse write the campaign's row, so it is locked to close it, not while anything is computed.
    What is judged between look and lock changes nothing: the sequence holds at every look, so also at this one.
    """
    if not may_stop(campaign):
        return None
    votes = read_votes([campaign])
    found = sequence(votes.where(~votes.on_gold), per_pair=campaign.reviewers_per_pair)
    if found.p_value is None or found.p_value > found.alpha:
        return None
    with transaction.atomic():
        held = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
        if not may_stop(held):
            return None
        return close(campaign=held, found=found, n_judgments=votes.n, now=now)


def may_stop(campaign: Campaign) -> bool:
    plans = CampaignPlan.objects.filter(campaign=campaign, campaign__status__in=JUDGED)
    is_sequential = plans.filter(stopping=CampaignPlan.Stopping.SEQUENTIAL).exists()
    return is_sequential and not progress_of([campaign])[campaign.pk].is_complete


def close(*, campaign: Campaign, found: Estimate, n_judgments: int, now: datetime) -> SequentialStop:
    stop = SequentialStop.objects.create(
        campaign=campaign,
        n_pairs=found.n,
        n_judgments=n_judgments,
        estimate=found.estimate or 0.0,
        ci_low=found.ci_low or 0.0,
        ci_high=found.ci_high or 0.0,
        at=now,
    )
    campaign.status, campaign.closed_at = Campaign.Status.CLOSED, now
    campaign.save(update_fields=["status", "closed_at"])
    audit.record(
        actor=None,
        action="campaign.stopped",
        subject=str(campaign.uuid),
        details={"title": campaign.title, "pairs": stop.n_pairs, "judgments": stop.n_judgments},
        now=now,
    )
    return stop
