"""Background work of this app: each handler calls one service and may run twice."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from annotations.models import Campaign
from evalsite.platform.jobs import JobFailed, JobRun, handler
from evalsite.platform.models import User
from experiments.models import Endpoint, Experiment, LiveTest
from experiments.services import (
    comparisons,
    endpoint_checks,
    evidence,
    import_checking,
    import_committing,
    imports,
    live_results,
    results,
    upload_dropping,
)
from experiments.services.campaigns import opening
from experiments.services.hooks import delivering
from experiments.services.live_traffic import folding, refusing
from experiments.services.pipelines import advancing
from experiments.services.runs import generating, waking
from experiments.services.runs.starting import GENERATE
from experiments.services.scoring import running as scoring


@handler("experiments.check_import")
def check_import(run: JobRun, *, import_id: str) -> None:
    import_checking.run_check(run, import_id=UUID(import_id))
    imports.go_on(import_id=UUID(import_id), now=timezone.now())


@handler("experiments.commit_import")
def commit_import(run: JobRun, *, import_id: str) -> dict[str, Any] | None:
    return import_committing.run_commit(run, import_id=UUID(import_id), now=timezone.now())


@handler(endpoint_checks.CHECK, quick=True)
def check_endpoint(run: JobRun, *, endpoint: int, model: str) -> None:
    found = Endpoint.objects.get(pk=endpoint)
    endpoint_checks.run_check(endpoint=found, model=model, now=timezone.now(), progress=run.progress)


@handler(scoring.SCORE_RUN)
def score_run(run: JobRun, *, run_id: str) -> dict[str, Any] | None:
    return scoring.score_run(run, run_id=UUID(run_id), clock=timezone.now)


@handler(GENERATE)
def generate(run: JobRun, *, run_id: str, lane: int) -> None:
    """`lane` only tells this job from its siblings."""
    generating.generate(run, run_id=UUID(run_id), now=timezone.now())


@shared_task(name="experiments.wake_idle_runs")
def wake_idle_runs() -> None:
    """The rows say which runs go on although nobody works on them."""
    waking.wake_idle(now=timezone.now())


@handler(opening.OPEN_CAMPAIGN)
def open_campaign(run: JobRun, *, campaign: str, requested_by: int | None) -> None:
    person = User.objects.filter(pk=requested_by).first()
    try:
        opening.open_campaign(
            campaign_uuid=UUID(campaign),
            opened_by=person,
            now=timezone.now(),
            progress=run.progress,
            guard=run.guard,
        )
    except opening.CannotOpen as error:
        opening.back_to_draft(campaign_uuid=UUID(campaign))
        raise JobFailed(str(error)) from error


@handler(comparisons.COMPARE_RUNS)
def compare_runs(run: JobRun, *, comparison_id: str) -> dict[str, Any]:
    found = comparisons.compute(
        comparison_id=UUID(comparison_id), now=timezone.now(), progress=run.progress, guard=run.guard
    )
    ask_for_evidence(found.experiment)
    return {"comparison": comparison_id}


@shared_task(name="experiments.compare_finished_runs")
def compare_finished_runs() -> None:
    """The rows say which runs ended or were rescored and are not compared yet."""
    comparisons.start_due(now=timezone.now())


def ask_for_results(campaign: Campaign) -> None:
    """Now rather than at the next beat; when the broker is away, the beat will do."""
    with suppress(BrokerError, OSError):
        compute_results.apply_async(args=(campaign.pk,), expires=60, retry=False)


@shared_task(name="experiments.refresh_stale_results")
def refresh_stale_results() -> None:
    """One message per campaign, so that several workers share the work; the results' rows say what is stale."""
    for campaign in results.stale(now=timezone.now()):
        compute_results.apply_async(args=(campaign.pk,), expires=60)


@shared_task(name="experiments.compute_results")
def compute_results(campaign_id: int) -> None:
    results.refresh(campaign=Campaign.objects.get(pk=campaign_id), now=timezone.now())
    ask_for_evidence(Experiment.objects.filter(plans__campaign=campaign_id).first())


def ask_for_evidence(experiment: Experiment | None) -> None:
    """Something it rests on was computed just now; what is not asked for here, the next beat finds."""
    if experiment and evidence.is_rested(experiment, now=timezone.now()):
        with suppress(BrokerError, OSError):
            refresh_evidence.apply_async(args=(experiment.pk,), expires=60, retry=False)


@handler(evidence.GATHER, quick=True)
def gather_evidence(run: JobRun, *, experiment: int) -> None:
    evidence.refresh(
        experiment=Experiment.objects.select_related("baseline", "candidate").get(pk=experiment),
        now=timezone.now(),
        tell=lambda note: run.progress(0, None, note),
        guard=run.guard,
    )


@shared_task(name="experiments.gather_due_evidence")
def gather_due_evidence() -> None:
    """One message per experiment, so that several workers share the work; the counters say where evidence moved."""
    for experiment in evidence.due(now=timezone.now()):
        refresh_evidence.apply_async(args=(experiment.pk,), expires=60)


@shared_task(name="experiments.refresh_evidence")
def refresh_evidence(experiment_id: int) -> None:
    experiments = Experiment.objects.select_related("baseline", "candidate")
    evidence.refresh(experiment=experiments.get(pk=experiment_id), now=timezone.now())


# When this process asked last, by test: an answer to events must not wait for a message each time.
FOLDING_EVERY = timedelta(seconds=1)
folding_asked: dict[str, datetime] = {}


def ask_for_folding(key: str, *, now: datetime) -> None:
    """Of a test that just took events. What is not asked for, or lost with the broker, the next beat finds."""
    asked = folding_asked.get(key)
    if asked is None or not timedelta(0) <= now - asked < FOLDING_EVERY:
        folding_asked[key] = now
        with suppress(BrokerError, OSError):
            fold_events.apply_async(
                args=(LiveTest.objects.values_list("pk", flat=True).get(key=key),), expires=60, retry=False
            )


@shared_task(name="experiments.fold_waiting_events")
def fold_waiting_events() -> None:
    """One message per test, so that several workers share the work; the batches' rows say what waits."""
    for test_id in folding.waiting():
        fold_events.apply_async(args=(test_id,), expires=60)


@shared_task(name="experiments.fold_events")
def fold_events(test_id: int) -> None:
    if folding.fold(test_id, now=timezone.now()):
        ask_for_live_results(test_id)


def ask_for_live_results(test_id: int) -> None:
    with suppress(BrokerError, OSError):
        compute_live_results.apply_async(args=(test_id,), expires=60, retry=False)


@shared_task(name="experiments.refresh_stale_live_results")
def refresh_stale_live_results() -> None:
    """One message per test, so that several workers share the work; the results' rows say what is stale."""
    for live_test in live_results.stale(now=timezone.now()):
        ask_for_live_results(live_test.pk)


@shared_task(name="experiments.compute_live_results")
def compute_live_results(test_id: int) -> None:
    live_test = LiveTest.objects.select_related("experiment").get(pk=test_id)
    live_results.refresh(live_test=live_test, now=timezone.now())
    ask_for_evidence(live_test.experiment)


@shared_task(name="experiments.drop_refused_events")
def drop_refused_events() -> None:
    refusing.drop_old(now=timezone.now())


@shared_task(name="experiments.drop_unneeded_bytes")
def drop_unneeded_bytes() -> None:
    """Of files that were imported or discarded."""
    upload_dropping.drop_some(now=timezone.now())


@shared_task(name="experiments.advance_pipelines")
def advance_pipelines() -> None:
    """One message per pipeline, so that several workers share the work; their rows say which go on."""
    for pipeline_id in advancing.running():
        advance_pipeline.apply_async(args=(str(pipeline_id),), expires=60)


@shared_task(name="experiments.advance_pipeline")
def advance_pipeline(pipeline_id: str) -> None:
    advancing.advance(UUID(pipeline_id), now=timezone.now())


@shared_task(name="experiments.deliver_hooks")
def deliver_hooks() -> None:
    """One message per delivery, so that a slow receiver keeps no other waiting; their rows say which are due."""
    for delivery_id in delivering.due(now=timezone.now()):
        deliver_hook.apply_async(args=(delivery_id,), expires=60)


@shared_task(name="experiments.deliver_hook")
def deliver_hook(delivery_id: int) -> None:
    delivering.deliver(delivery_id, now=timezone.now())
