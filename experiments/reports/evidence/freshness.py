"""Whether gathered evidence still says what stands now: hashes of the counters it came from, in few queries."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db.models import Count, Max

from annotations.models import Campaign
from experiments import policy
from experiments.deciding import evidence, verdict
from experiments.models import (
    BenchmarkRun,
    CampaignPlan,
    CampaignResult,
    EvidenceSnapshot,
    Experiment,
    ExperimentSuite,
    LiveAmendment,
    LiveResult,
    LiveTest,
    ModelVersion,
    PlanAmendment,
    RegisteredPolicy,
    RunComparison,
    Unblinding,
)
from experiments.reports.comparisons.freshness import stale as stale_comparisons
from experiments.reports.progress import progress_of

# Of what is gathered and how, and of the rule: another one makes every snapshot stale.
VERSIONS = (3, verdict.VERSION, evidence.VERSION, policy.VERSION)
HALF = 32


@dataclass
class Seen:
    """evidence: what a number can depend on. progress: how far work is, which moves nothing but itself."""

    evidence: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    progress: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    @property
    def source(self) -> str:
        """Two halves, so that mere progress can be told from new evidence."""
        return half([VERSIONS, self.evidence]) + half(self.progress)


def half(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:HALF]


def same_evidence(one: str, other: str) -> bool:
    return one[:HALF] == other[:HALF]


def has_moved(snapshot: EvidenceSnapshot) -> bool:
    """Its numbers may be others now: it waits to be gathered again."""
    experiment = snapshot.experiment
    return not same_evidence(snapshot.source, sources([experiment])[experiment.pk])


def sources(experiments: Iterable[Experiment]) -> dict[int, str]:
    by_id = {one.pk: one for one in experiments}
    seen = {pk: Seen() for pk in by_id}
    see_policies(seen)
    see_benchmarks(by_id, seen)
    see_campaigns(seen)
    see_live(seen)
    return {pk: one.source for pk, one in seen.items()}


def see_policies(seen: dict[int, Seen]) -> None:
    rows = RegisteredPolicy.objects.filter(experiment__in=seen).values_list("experiment_id").annotate(Max("number"))
    for pk, number in rows:
        seen[pk].evidence["policy"] = [number]


def see_benchmarks(experiments: dict[int, Experiment], seen: dict[int, Seen]) -> None:
    users: dict[tuple[int, int], list[int]] = defaultdict(list)
    suites = ExperimentSuite.objects.filter(experiment__in=experiments).order_by("pk")
    for pk, eval_set, role in suites.values_list("experiment_id", "eval_set_id", "role"):
        seen[pk].evidence["suites"].append([eval_set, role])
        for model in (experiments[pk].baseline_id, experiments[pk].candidate_id):
            users[model, eval_set].append(pk)
    models, sets = {model for model, _ in users}, {eval_set for _, eval_set in users}
    priced = prices(one for found in experiments.values() for one in (found.baseline_id, found.candidate_id))
    for pk, found in experiments.items():
        seen[pk].evidence["prices"] = [priced.get(one) for one in (found.baseline_id, found.candidate_id)]
    runs = BenchmarkRun.objects.filter(model_version__in=models, eval_set__in=sets).order_by("created_at", "pk")
    for run in runs.only("model_version", "eval_set", "status", "n_done", "n_errors"):
        for pk in users.get((run.model_version_id, run.eval_set_id), ()):
            seen[pk].evidence["runs"].append([str(run.pk), run.status])
            if run.status != BenchmarkRun.Status.DONE:
                seen[pk].progress["runs"].append([str(run.pk), run.n_done, run.n_errors])
    compared = RunComparison.objects.filter(experiment__in=experiments).select_related("baseline_run", "candidate_run")
    rows = list(compared.defer("payload", "headline").order_by("pk"))
    out_of_date = {one.pk for one in stale_comparisons(rows)}
    for one in rows:
        if one.experiment_id is not None:
            told = [str(one.pk), one.source, one.computed_at, one.pk in out_of_date]
            seen[one.experiment_id].evidence["comparisons"].append(told)


def prices(models: Iterable[int]) -> dict[int, list[str]]:
    """What the endpoint of each costs now: they may be edited, and costs are told by them."""
    rows = ModelVersion.objects.filter(pk__in=set(models), endpoint__isnull=False).values_list(
        "pk", "endpoint__price_per_million_input", "endpoint__price_per_million_output", "endpoint__currency"
    )
    return {pk: [str(one) for one in paid] for pk, *paid in rows}


def see_campaigns(seen: dict[int, Seen]) -> None:
    plans = CampaignPlan.objects.filter(experiment__in=seen, registered_at__isnull=False).select_related("campaign")
    rows = list(plans.order_by("campaign_id"))
    campaigns: list[Campaign] = [plan.campaign for plan in rows]
    progress = progress_of(campaigns)
    results = dict(CampaignResult.objects.filter(campaign__in=campaigns).values_list("campaign_id", "source"))
    acts = {
        kind: dict(rows.values_list("campaign_id").annotate(Count("pk")))
        for kind, rows in (
            ("looks", Unblinding.objects.filter(campaign__in=campaigns)),
            ("amendments", PlanAmendment.objects.filter(campaign__in=campaigns)),
        )
    }
    for plan in rows:
        pk, now = plan.campaign_id, progress[plan.campaign_id]
        # Votes are read live: where their direction is known, each of them moves it.
        told = [pk, plan.campaign.status, results.get(pk, ""), now.planned, now.revealed and now.counted]
        seen[plan.experiment_id].evidence["campaigns"].append([*told, *(acts[kind].get(pk, 0) for kind in acts)])
        seen[plan.experiment_id].progress["campaigns"].append([pk, now.counted])


def see_live(seen: dict[int, Seen]) -> None:
    tests = list(LiveTest.objects.filter(experiment__in=seen).order_by("pk"))
    results = dict(LiveResult.objects.filter(live_test__in=tests).values_list("live_test_id", "source"))
    acts = dict(LiveAmendment.objects.filter(live_test__in=tests).values_list("live_test_id").annotate(Count("pk")))
    for test in tests:
        if test.experiment_id is not None:
            told = [test.key, test.status, results.get(test.pk), acts.get(test.pk, 0)]
            seen[test.experiment_id].evidence["live"].append(told)
