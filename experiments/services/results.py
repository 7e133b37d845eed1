"""Computes what human review says and keeps it beside the count it was computed from."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from annotations.models import Campaign, Flag
from experiments.models import CampaignPlan, CampaignResult, Experiment, ExperimentResult
from experiments.reports import pair_index
from experiments.reports.human import HumanReport, human_report
from experiments.reports.human.gold import GoldRule
from experiments.reports.human.votes import Votes
from experiments.reports.progress import progress_of
from experiments.reports.reachable import reachable
from experiments.reports.votes import criteria_of, read_votes
from experiments.services.campaigns import stopping

RESULT_LOCK = 0x45565202
# All there are of twelve reviewers: the most of whom a heat map is drawn.
MOST_KAPPAS = 66
SHORTEST_PAUSE = timedelta(seconds=8)
PAUSE_PER_COST = 20
JUDGED = (Campaign.Status.OPEN, Campaign.Status.PAUSED, Campaign.Status.CLOSED)


def refresh(*, campaign: Campaign, now: datetime) -> CampaignResult | None:
    """Compute only if something has moved since: several messages may ask for the same."""
    kept = CampaignResult.objects.filter(campaign=campaign).first()
    if kept and kept.source == progress_of([campaign])[campaign.pk].source:
        return kept
    return compute(campaign=campaign, now=now)


def compute(*, campaign: Campaign, now: datetime) -> CampaignResult | None:
    """None when another worker is computing the same campaign right now."""
    started = time.monotonic()
    stopping.stop_if_decided(campaign=campaign, now=now)
    with transaction.atomic():
        if not lock(campaign.pk):
            return None
        # The counters are read first: what arrives while the votes are read makes this result stale, never wrong.
        progress = progress_of([campaign])[campaign.pk]
        votes = read_votes([campaign])
        report = report_on([campaign], votes=votes, reveal=progress.revealed)
        result, _ = CampaignResult.objects.update_or_create(
            campaign=campaign,
            defaults={
                "n_judgments": votes.n,
                "source": progress.source,
                "revealed": progress.revealed,
                "payload": {
                    "human": report.to_dict(most_kappas=MOST_KAPPAS),
                    "flags": flags_of(campaign),
                    "reachable": reachable(campaign, progress).to_dict(),
                    "categories": list(report.votes.pairs.categories),
                },
                "pairs": pair_index.build(votes, reveal=progress.revealed),
                "computed_at": now,
                "compute_ms": int((time.monotonic() - started) * 1000),
            },
        )
        # One campaign of an experiment after the other, or the older of two readings could be kept last.
        experiment = Experiment.objects.select_for_update(of=("self",), no_key=True).get(plans__campaign=campaign)
        compute_experiment(experiment=experiment, computed=result, now=now)
    return result


def compute_experiment(*, experiment: Experiment, computed: CampaignResult, now: datetime) -> ExperimentResult:
    """All campaigns whose direction is known, together; while none is, all of them with the direction hidden."""
    campaigns = judged_campaigns(experiment)
    if len(campaigns) == 1:
        n, revealed, payload = computed.n_judgments, computed.revealed, computed.payload
    else:
        report, revealed = pooled_report(campaigns)
        n, payload = report.everything.n, {"human": report.to_dict(most_kappas=MOST_KAPPAS)}
    result, _ = ExperimentResult.objects.update_or_create(
        experiment=experiment,
        defaults={"n_judgments": n, "revealed": revealed, "payload": payload, "computed_at": now},
    )
    return result


def judged_campaigns(experiment: Experiment) -> list[Campaign]:
    plans = CampaignPlan.objects.filter(experiment=experiment, registered_at__isnull=False)
    return list(Campaign.objects.filter(pk__in=plans.values("campaign_id"), status__in=JUDGED).order_by("pk"))


def pooled_report(campaigns: Sequence[Campaign]) -> tuple[HumanReport, bool]:
    progress = progress_of(campaigns)
    known = [campaign for campaign in campaigns if progress[campaign.pk].revealed]
    shown = known or campaigns
    return report_on(shown, votes=read_votes(shown), reveal=bool(known)), bool(known)


def report_on(campaigns: Sequence[Campaign], *, votes: Votes, reveal: bool) -> HumanReport:
    plans = list(CampaignPlan.objects.filter(campaign__in=campaigns))
    per_pair = max((campaign.reviewers_per_pair for campaign in campaigns), default=1)
    return human_report(
        votes,
        reveal=reveal,
        labels={criterion.key: criterion.label for criterion in criteria_of(campaigns)},
        identical=int(votes.pairs.identical.sum()),
        per_pair=per_pair,
        gold=gold_rule(plans),
        sequential=any(plan.stopping == CampaignPlan.Stopping.SEQUENTIAL for plan in plans),
        several=len(campaigns) > 1,
    )


def gold_rule(plans: Sequence[CampaignPlan]) -> GoldRule | None:
    """Of several campaigns the strictest; None where no share was registered."""
    asked = [plan for plan in plans if plan.gold_share]
    if not asked:
        return None
    return GoldRule(max(plan.gold_share for plan in asked), max(plan.gold_threshold for plan in asked))


def lock(campaign_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [RESULT_LOCK, campaign_id])
        return bool(cursor.fetchone()[0])


def flags_of(campaign: Campaign) -> dict[str, int]:
    reasons = Flag.objects.filter(assignment__campaign=campaign).values_list("reason", flat=True)
    return {reason.value: sum(1 for one in reasons if one == reason) for reason in Flag.Reason}


def stale(*, now: datetime) -> list[Campaign]:
    """Campaigns whose counters have moved since their result was computed, the costly ones less often."""
    campaigns = {campaign.pk: campaign for campaign in Campaign.objects.filter(status__in=JUDGED)}
    results = CampaignResult.objects.filter(campaign__in=campaigns).only("source", "computed_at", "compute_ms")
    kept = {result.campaign_id: result for result in results}
    progress = progress_of(campaigns.values())
    return [
        campaign
        for pk, campaign in campaigns.items()
        if (result := kept.get(pk)) is None or (result.source != progress[pk].source and rested(result, now=now))
    ]


def rested(result: CampaignResult, *, now: datetime) -> bool:
    cost = timedelta(milliseconds=result.compute_ms)
    return now - result.computed_at >= max(SHORTEST_PAUSE, cost * PAUSE_PER_COST)
