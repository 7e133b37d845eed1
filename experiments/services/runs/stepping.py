"""A step of a run as a program asks for it, perhaps twice: what stands as asked already is no error."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import AuditEntry, User
from experiments.models import BenchmarkRun
from experiments.services.runs import pausing
from experiments.services.runs.starting import RunRefused

ASKED = "run.step_asked"
Status = BenchmarkRun.Status
# Trying errors again is not among them: what looks the same afterwards may have been another round of paid calls.
STANDS_IN = {
    "pause": (Status.PAUSED,),
    "resume": (Status.QUEUED, Status.RUNNING),
    "cancel": (Status.CANCELLED,),
    "end": (Status.SCORING, Status.DONE),
}


def take(*, run: BenchmarkRun, step: str, budget: Decimal | None = None, actor: User | None, now: datetime) -> bool:
    """Whether the run changed. Raises RunRefused."""
    if budget is not None and step != "resume":
        raise RunRefused("Only a run that is continued takes another budget.")
    more = {"budget": budget} if step == "resume" else {}
    try:
        pausing.STEPS[step](run=run, actor=actor, now=now, **more)
    except RunRefused:
        found = BenchmarkRun.objects.get(pk=run.pk)
        if found.status not in STANDS_IN.get(step, ()) or budget not in (None, found.budget):
            raise
        return False
    return True


@transaction.atomic
def take_once(
    *, key: UUID, run: BenchmarkRun, step: str, budget: Decimal | None = None, actor: User | None, now: datetime
) -> bool:
    """The same key again changes nothing, whatever has become of the run. Raises RunRefused."""
    found = pausing.locked(run)
    asked = {"key": str(key), "run": str(run.pk), "step": step, "budget": None if budget is None else f"{budget:f}"}
    earlier = AuditEntry.objects.filter(action=ASKED, details__key=str(key)).first()
    if earlier is not None:
        if earlier.details != asked:
            raise RunRefused("This key was used before for another step: make a new one.")
        return False
    changed = take(run=found, step=step, budget=budget, actor=actor, now=now)
    audit.record(actor=actor, action=ASKED, subject=str(found), details=asked, now=now)
    return changed
