"""What a person does to a run: pause, continue, cancel, end it early, try its errors again."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import Job, User
from experiments.models import BenchmarkRun, ErrorClass, RunItem
from experiments.reports.runs import live_lanes
from experiments.services.runs import limits, waking
from experiments.services.runs.ending import hand_to_scoring
from experiments.services.runs.starting import RunRefused, refuse_budget, wake_lanes

Status = BenchmarkRun.Status
State = RunItem.State
ENDED_EARLY = "The run was ended before this case was answered."


def locked(run: BenchmarkRun) -> BenchmarkRun:
    rows = BenchmarkRun.objects.select_for_update(of=("self",)).select_related("model_version__endpoint", "created_by")
    return rows.get(pk=run.pk)


@transaction.atomic
def pause(*, run: BenchmarkRun, actor: User | None, now: datetime) -> BenchmarkRun:
    """Its lanes see it within a second; calls in flight are still kept."""
    found = locked(run)
    if found.status not in (Status.QUEUED, Status.RUNNING):
        raise RunRefused(f"This run is {found.get_status_display()}: there is nothing to pause.")
    found.status, found.status_reason = Status.PAUSED, f"Paused by {actor or 'the command line'}."
    found.save()
    record(found, actor, "run.paused", now)
    return found


@transaction.atomic
def resume(*, run: BenchmarkRun, actor: User | None, budget: Decimal | None = None, now: datetime) -> BenchmarkRun:
    """Continue a paused run, with another budget if one is given; or one whose lanes all came to an end too soon."""
    found = locked(run)
    stuck = found.status in (Status.QUEUED, Status.RUNNING) and not live_lanes(found)
    if found.status != Status.PAUSED and not stuck:
        raise RunRefused(f"This run is {found.get_status_display()}: there is nothing to continue.")
    if budget is not None:
        refuse_budget(budget, found.model_version)
        found.budget = budget
    if found.budget is not None and found.cost >= found.budget:
        raise RunRefused(f"{found.cost:,.4f} of {found.budget:,.4f} is spent: continue with a larger budget.")
    continue_generating(found, now=now)
    record(found, actor, "run.continued", now)
    return found


def continue_generating(run: BenchmarkRun, *, now: datetime) -> None:
    if run.model_version.endpoint:
        limits.forget_failures(endpoint=run.model_version.endpoint)
    if not live_lanes(run):
        waking.free_all(run)
    # The rest that a server asked for is over when a person says so.
    run.items.filter(state=State.WAITING, not_before__gt=now).update(not_before=None)
    run.status, run.status_reason, run.finished_at = Status.RUNNING, "", None
    run.save()
    wake_lanes(run=run, now=now)


@transaction.atomic
def cancel(*, run: BenchmarkRun, actor: User | None, now: datetime) -> BenchmarkRun:
    """What has been answered stays and serves a later run; the rest is never asked."""
    found = locked(run)
    if found.status not in (Status.QUEUED, Status.RUNNING, Status.PAUSED):
        raise RunRefused(f"This run is {found.get_status_display()}: there is nothing to cancel.")
    found.status, found.finished_at = Status.CANCELLED, now
    found.status_reason = f"Cancelled by {actor or 'the command line'}."
    found.save()
    record(found, actor, "run.cancelled", now)
    return found


@transaction.atomic
def end_here(*, run: BenchmarkRun, actor: User | None, now: datetime) -> BenchmarkRun:
    """Score what there is: the cases that were never answered become errors that say why."""
    found = locked(run)
    if found.status != Status.PAUSED or found.budget is None:
        raise RunRefused("Only a paused run with a budget can be ended with what there is.")
    refuse_while_calling(found, now=now)
    is_spent = found.cost >= found.budget
    left = found.items.filter(state=State.WAITING)
    n_left = left.update(
        state=State.ERROR,
        error_class=ErrorClass.BUDGET if is_spent else ErrorClass.ENDED,
        error_detail="The budget was used up before this case was answered." if is_spent else ENDED_EARLY,
        lease_token=None,
        lease_until=None,
        finished_at=now,
    )
    found.n_errors += n_left
    hand_to_scoring(run=found, now=now)
    found.save()
    record(found, actor, "run.ended", now, left=n_left)
    return found


def refuse_while_calling(run: BenchmarkRun, *, now: datetime) -> None:
    """Calls in flight are paid for: their answers are stored first."""
    calling = [lane.lease_until for lane in live_lanes(run) if lane.status == Job.Status.RUNNING]
    if any(until and until > now for until in calling):
        raise RunRefused("Its last calls are still on their way. End it as soon as they are over.")


@transaction.atomic
def retry_errors(*, run: BenchmarkRun, actor: User | None, now: datetime) -> int:
    """Ask again for every case that ended without an output; how many those are."""
    found = locked(run)
    if found.status not in (Status.DONE, Status.FAILED, Status.PAUSED):
        raise RunRefused(f"This run is {found.get_status_display()}: its errors can be tried again when it is over.")
    if found.model_version.endpoint_id is None:
        raise RunRefused("Outputs that were imported cannot be asked for again.")
    again = found.items.filter(state=State.ERROR, output=None).update(
        state=State.WAITING, error_class="", error_detail="", attempts=0, not_before=None, finished_at=None
    )
    if not again:
        raise RunRefused("No case of this run failed without an answer.")
    found.n_errors -= again
    continue_generating(found, now=now)
    record(found, actor, "run.retried", now, cases=again)
    return again


def record(run: BenchmarkRun, actor: User | None, action: str, now: datetime, **details: int) -> None:
    audit.record(actor=actor, action=action, subject=str(run), details=details, now=now)


STEPS: dict[str, Callable[..., object]] = {
    "pause": pause,
    "resume": resume,
    "cancel": cancel,
    "end": end_here,
    "retry": retry_errors,
}
