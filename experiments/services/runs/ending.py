"""How generation ends: complete and on to scoring, or paused with the reason a reader needs."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from experiments.endpoints.errors import CallError
from experiments.models import BenchmarkRun
from experiments.services.scoring import running as scoring

Status = BenchmarkRun.Status
GENERATING = (Status.QUEUED, Status.RUNNING, Status.PAUSED)


@transaction.atomic
def close_if_complete(*, run_id: UUID, now: datetime) -> bool:
    """When no case waits any more, its scoring is due. Whoever notices first asks for it."""
    run = BenchmarkRun.objects.select_for_update().filter(pk=run_id, status__in=GENERATING).first()
    if run is None or run.n_done + run.n_errors < run.n_cases:
        return False
    hand_to_scoring(run=run, now=now)
    return True


def hand_to_scoring(*, run: BenchmarkRun, now: datetime) -> None:
    run.status, run.status_reason = Status.SCORING, ""
    run.save(update_fields=["status", "status_reason"])
    scoring.start(run=run, created_by=run.created_by, now=now)


def pause_for_budget(*, run_id: UUID) -> None:
    pause(run_id=run_id, reason="The budget is used up. Continue with a larger one, or end the run with what there is.")


def pause_for_endpoint(*, run_id: UUID, error: CallError | None) -> None:
    said = f" The last answer: {error.detail}" if error else ""
    pause(run_id=run_id, reason=f"The endpoint does not answer usefully.{said} Mend it, then continue.")


def pause_for_usage(*, run_id: UUID) -> None:
    reason = (
        "The endpoint does not say how many tokens its answers take, so this run’s budget cannot be kept. Let its "
        "server report usage, then continue; or cancel it and start one without a budget, which takes them over."
    )
    pause(run_id=run_id, reason=reason)


def pause_for_rest(*, run_id: UUID, until: datetime) -> None:
    reason = (
        f"The endpoint asks not to be called before {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC (Retry-After). Continue "
        "then; continuing earlier asks it again at once."
    )
    pause(run_id=run_id, reason=reason)


def pause(*, run_id: UUID, reason: str) -> None:
    running = BenchmarkRun.objects.filter(pk=run_id, status__in=[Status.QUEUED, Status.RUNNING])
    running.filter(n_cases__gt=F("n_done") + F("n_errors")).update(status=Status.PAUSED, status_reason=reason)
