"""Ends a campaign whose registered rule is sequential, once its confidence sequence excludes one half."""

from datetime import datetime

from annotations.models import Campaign
from evalsite.platform import audit
from experiments.models import CampaignPlan, SequentialStop
from experiments.reports.human.stopping import sequence
from experiments.reports.human.votes import Votes
from experiments.stats.result import Estimate

JUDGED = (Campaign.Status.OPEN, Campaign.Status.PAUSED)


def stop_if_decided(*, campaign: Campaign, votes: Votes, now: datetime) -> SequentialStop | None:
    """Looks, and says nothing of what it saw unless the campaign is over by it. Inside the caller's transaction."""
    plan = CampaignPlan.objects.get(campaign=campaign)
    if plan.stopping != CampaignPlan.Stopping.SEQUENTIAL:
        return None
    held = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    if held.status not in JUDGED:
        return None
    found = sequence(votes.where(~votes.on_gold), per_pair=campaign.reviewers_per_pair)
    if found.p_value is None or found.p_value > found.alpha:
        return None
    return close(campaign=held, found=found, n_judgments=votes.n, now=now)


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
