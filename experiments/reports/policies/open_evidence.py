"""Which evidence of an experiment can be read already, so that a policy registered now comes after it."""

from collections.abc import Iterator

from annotations.models import Campaign
from experiments.deciding.wording import counted
from experiments.models import BenchmarkRun, CampaignPlan, Experiment, LiveTest
from experiments.reports.progress import progress_of


def open_evidence(experiment: Experiment) -> list[str]:
    """In words, by layer. What is hidden, or not there, is not open."""
    return [*scored(experiment), *told(experiment), *watched(experiment)]


def scored(experiment: Experiment) -> Iterator[str]:
    sets = experiment.suites.values("eval_set_id")
    runs = BenchmarkRun.objects.finished().filter(model_version=experiment.candidate_id, eval_set__in=sets)
    last: dict[str, str] = {}
    for run in runs.select_related("eval_set").order_by("finished_at", "created_at"):
        ended = run.finished_at or run.created_at
        last[str(run.eval_set)] = f"{ended:%-d %b %Y}"
    for name, day in sorted(last.items()):
        yield f"benchmarks: the candidate’s scores on {name}, since {day}"


def told(experiment: Experiment) -> Iterator[str]:
    plans = CampaignPlan.objects.filter(experiment=experiment).select_related("campaign").order_by("campaign_id")
    campaigns: list[Campaign] = [plan.campaign for plan in plans]
    progress = progress_of(campaigns)
    for one in campaigns:
        if progress[one.pk].revealed:
            yield f"human review: the direction of “{one.title}”, {counted(progress[one.pk].counted, 'judgments')}"


def watched(experiment: Experiment) -> Iterator[str]:
    tests = LiveTest.objects.filter(experiment=experiment, result__isnull=False).select_related("result")
    for test in tests.order_by("pk"):
        payload = test.result.payload
        exposed = payload.get("exposed") or {}
        n = sum(int(exposed.get(arm) or 0) for arm in ("control", "treatment"))
        if n and not payload.get("hidden"):
            yield f"live test: the figures of “{test.name}”, {counted(n, 'units')}"
