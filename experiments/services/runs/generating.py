"""The job of one lane: from the run's row to a lane at work."""

from datetime import datetime
from uuid import UUID

from django.conf import settings

from evalsite.platform.jobs import JobRun
from experiments.models import BenchmarkRun, EvalCase
from experiments.services import endpoints
from experiments.services.keys import KeyNotReadable, NoFieldKeys
from experiments.services.runs import backoff, ending
from experiments.services.runs.backoff import Backoff
from experiments.services.runs.lane import LIVE, Lane, Task
from experiments.services.runs.messages import AskedCase, AskedModel, tokens_guessed

Status = BenchmarkRun.Status
CASES_GUESSED_FROM = 20


def generate(delivery: JobRun, *, run_id: UUID, now: datetime) -> None:
    """May run any number of times, and beside other lanes: which case is whose is told by the items' leases."""
    run = BenchmarkRun.objects.select_related("model_version__endpoint").get(pk=run_id)
    if run.status not in LIVE:
        return
    if ending.close_if_complete(run_id=run_id, now=now):
        return
    task = task_of(run)
    if task is None:
        return
    BenchmarkRun.objects.filter(pk=run_id, status=Status.QUEUED).update(status=Status.RUNNING)
    BenchmarkRun.objects.filter(pk=run_id, started_at=None).update(started_at=now)
    Lane(delivery, task).work()


def task_of(run: BenchmarkRun) -> Task | None:
    """None where the endpoint cannot be called at all; the run then says why and waits."""
    version = run.model_version
    endpoint = version.endpoint
    if endpoint is None:
        ending.pause(run_id=run.pk, reason=f"{version} has no endpoint, so nobody can be asked.")
        return None
    try:
        caller = endpoints.caller(endpoint)
    except (KeyNotReadable, NoFieldKeys) as unusable:
        ending.pause(run_id=run.pk, reason=str(unusable))
        return None
    asked = AskedModel(
        model=version.model,
        system_prompt=version.system_prompt,
        prompt_template=version.prompt_template,
        params=version.params,
    )
    return Task(
        run=run,
        endpoint=endpoint,
        call=caller.chat,
        asked=asked,
        tokens_guessed=tokens_guessed(asked, first_cases(run)),
        backoff=Backoff(
            wait=backoff.exponential(first=settings.RUN_BACKOFF_SECONDS, longest=settings.RUN_BACKOFF_MOST_SECONDS),
            max_attempts=endpoint.max_attempts,
        ),
    )


def first_cases(run: BenchmarkRun) -> list[AskedCase]:
    cases = EvalCase.objects.filter(eval_set=run.eval_set_id).order_by("position")[:CASES_GUESSED_FROM]
    return [AskedCase(case.prompt, case.system, case.turns, case.checks) for case in cases]
