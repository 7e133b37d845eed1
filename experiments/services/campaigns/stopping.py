"""Ends a campaign whose registered rule is sequential, once its confidence sequence excludes one half."""

from datetime import datetime

from annotations.models import Campaign
from evalsite.platform import audit
from experiments.models import CampaignPlan, SequentialStop
from experiments.reports.human.stopping import sequence
from experiments.reports.human.votes import Votes

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
    stop = SequentialStop.objects.create(
        campaign=held,
        n_pairs=found.n,
        n_judgments=votes.n,
        estimate=found.estimate,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        at=now,
    )
    held.status, held.closed_at = Campaign.Status.CLOSED, now
    held.save(update_fields=["status", "closed_at"])
    audit.record(
        actor=None,
        action="campaign.stopped",
        subject=str(held.uuid),
        details={"title": held.title, "pairs": stop.n_pairs, "judgments": stop.n_judgments},
        now=now,
    )
    return stop
