"""What is hidden, and why; and what else a reader of the result must know."""

from experiments.models import LiveTest
from experiments.reports.live import headlines
from experiments.reports.live.known import Known, Traced
from experiments.reports.live.looks import (
    Stage,
    next_look_n,
    past_information,
    ripe_at,
)

OPENED_EARLY = (
    "The direction was opened before the planned units were in. The interval and p-value of a fixed-horizon test hold "
    "for one reading at the planned size only."
)
FROZEN = "Units exposed until {at:%d %b %Y %H:%M} UTC are compared, when the planned units were in; later ones are not."
WAITING = "{n:,} events have arrived and are not in these sums yet."
RIPENING = "Their events still come in until {at:%d %b %Y %H:%M} UTC; from then on this result stays as it is."
CLOSED = "Their events were in by {at:%d %b %Y %H:%M} UTC: this result stays as it is."
ANEW = (
    "A ramp left out {n:,} units of control, so what is compared now is not what was compared before it: the bounds "
    "started anew, with what was left of the error rate. What was shown before the ramp was paid for, and stays."
)
AGAIN = "Look {number} is read once more, with what its units have sent since."
BETWEEN = "These are the figures of look {number}; the next planned look is due at {n:,} units in each arm."


def why_hidden(known: Known, traced: Traced, stage: Stage) -> str:
    if stage.fresh or stage.frozen is not None:
        return ""
    if stage.due:
        return headlines.hidden_counting(traced.traffic.waiting)
    if known.plan.method == "fixed_horizon":
        return headlines.hidden_until(known.plan, traced.units)
    return headlines.hidden_before(known.plan, traced.units, next_n(known, stage) or 0)


def units_hidden(known: Known, stage: Stage) -> bool:
    """Sums of units are of now: beside a look they would tell what comes after it."""
    running = known.live_test.status == LiveTest.Status.RUNNING
    return stage.veiled or (known.plan.method == "group_sequential" and running)


def next_n(known: Known, stage: Stage) -> int | None:
    return next_look_n(known.plan, stage.information[-1] if stage.information else past_information(known.looks))


def notes(known: Known, traced: Traced, stage: Stage) -> tuple[str, ...]:
    found = []
    if known.opened_early:
        found.append(OPENED_EARLY)
    if known.cutoff is not None:
        found.append(FROZEN.format(at=known.cutoff))
    if known.cutoff is not None and known.plan.method == "fixed_horizon":
        at = ripe_at(known.plan, known.cutoff)
        found.append((CLOSED if stage.closed else RIPENING).format(at=at))
    if stage.veiled and stage.frozen is not None and (n := next_n(known, stage)):
        found.append(BETWEEN.format(number=stage.frozen.number, n=n))
    if stage.again:
        found.append(AGAIN.format(number=known.looks[-1].number))
    if traced.restarts and known.plan.method != "fixed_horizon":
        found.append(ANEW.format(n=traced.traffic.moved))
    if traced.traffic.waiting:
        found.append(WAITING.format(n=traced.traffic.waiting))
    return tuple(found)
