"""Earlier looks at a test, and when the next one is due."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from experiments.live_plan import Plan
from experiments.models import LiveAmendment, LiveLook, LiveTest
from experiments.reports.live.judging import History
from experiments.reports.live.over_time import Seen
from experiments.reports.live.payload import Look, MetricRow, PerArm

SHORTEST_PAUSE = timedelta(minutes=15)
PAUSES_OF_A_TEST = 200
GROWTH = 1.25
FEWEST_UNITS = 200
# Less between two looks of the units compared is none: then they start anew.
LEAST_GROWTH = 1.001
DRAWN = 60


@dataclass(frozen=True)
class Stage:
    """Where a test stands. fresh: results are computed now; else those of `frozen` are shown, or none at all.

    information: shares of the planned n at the looks of a group-sequential test, the one now last. era: how many ramps
    have taken units away, and stretches: after the first, the information of the looks of each stretch. look: this
    computation is to be remembered as one, `planned` or not. due: a look is, and waits for events that have arrived
    and are in no sum yet. again: the last look is read once more. closed: this reading is the last one.
    """

    fresh: bool
    look: bool = False
    planned: bool = False
    information: tuple[float, ...] = ()
    frozen: LiveLook | None = None
    due: bool = False
    again: bool = False
    closed: bool = False
    era: int = 0
    stretches: tuple[tuple[float, ...], ...] = ()

    @property
    def veiled(self) -> bool:
        """What units do now tells a direction that the plan does not show now."""
        return not self.fresh and not self.closed


def stage_of(
    live_test: LiveTest,
    plan: Plan,
    units: PerArm,
    looks: Sequence[LiveLook],
    kinds: Sequence[str],
    now: datetime,
    *,
    behind: bool,
    era: int = 0,
    compared: float = 0.0,
) -> Stage:
    """units: of the arms, those seen in both included. kinds: of the amendments. behind: events wait to be summed.

    era: how many ramps took units away, and compared: the information of those that are left.
    """
    if plan.method == "confidence_sequence":
        return Stage(fresh=True, look=is_due(live_test, units, looks, now))
    smaller = min(units.control, units.treatment)
    if plan.method == "fixed_horizon":
        opened = LiveAmendment.Kind.OPENED_EARLY in kinds
        return read_once(plan, looks, now, full=smaller >= plan.n_per_arm, opened=opened, behind=behind)
    planned = [one for one in looks if one.planned]
    past = tuple(float(one.figures["information"]) for one in planned)
    last, share = past[-1] if past else 0.0, min(1.0, smaller / plan.n_per_arm)
    frozen = planned[-1] if planned else None

    def since(before: Sequence[LiveLook], share: float) -> dict[str, Any]:
        return {"era": era, "stretches": stretches_of(before, era, compared if era else share)}

    if any(last < part <= share + 1e-9 for part in plan.planned_looks):
        if behind:
            return Stage(fresh=False, frozen=frozen, due=True)
        return Stage(fresh=True, look=True, planned=True, information=(*past, share), **since(planned, share))
    if live_test.status != LiveTest.Status.STOPPED:
        return Stage(fresh=False, frozen=frozen)
    if share > last + 1e-6:
        return Stage(fresh=True, information=(*past, share), **since(planned, share))
    if not past:
        return Stage(fresh=False)
    return Stage(fresh=True, information=past, again=True, **since(planned[:-1], last))


def stretches_of(looks: Sequence[LiveLook], era: int, clock: float) -> tuple[tuple[float, ...], ...]:
    """Information of the planned looks and the one now, in one stretch where each contains the data of the one before.

    Empty before any ramp took units away: then their shares of the planned n say it.
    """
    told = [(one.figures.get("era", 0), one.figures.get("compared", one.figures["information"])) for one in looks]
    found: list[list[float]] = []
    before = -1
    for number, reached in [*told, (era, clock)]:
        if number != before or (number and reached < found[-1][-1] * LEAST_GROWTH):
            found.append([])
        found[-1].append(float(reached))
        before = number
    return tuple(tuple(one) for one in found) if before or len(found) > 1 else ()


def read_once(plan: Plan, looks: Sequence[LiveLook], now: datetime, *, full: bool, opened: bool, behind: bool) -> Stage:
    """A fixed horizon: opened at the planned size; the same units until their events are in; then as it was read."""
    cutoff = cutoff_of(looks)
    if cutoff is None:
        taken = full and not behind
        return Stage(fresh=opened or taken, look=taken, planned=taken, due=full and behind)
    closing = next((one for one in looks if one.figures.get("closing")), None)
    if closing is not None:
        return Stage(fresh=False, frozen=closing, closed=True)
    ripe = now >= ripe_at(plan, cutoff)
    return Stage(fresh=True, look=ripe and not behind, closed=ripe and not behind, due=ripe and behind)


def cutoff_of(looks: Sequence[LiveLook]) -> datetime | None:
    """Of the one reading of a fixed-horizon test."""
    found = next((one for one in looks if one.planned), None)
    return datetime.fromisoformat(found.figures["cutoff"]) if found else None


def ripe_at(plan: Plan, cutoff: datetime) -> datetime:
    """When the last event of the units compared can have come in: what is later is late."""
    return cutoff + timedelta(hours=plan.late_hours)


def is_due(live_test: LiveTest, units: PerArm, looks: Sequence[LiveLook], now: datetime) -> bool:
    """Often while a test is young, then a few hundred times at most."""
    if units.total < FEWEST_UNITS:
        return False
    if not looks:
        return True
    last = looks[-1]
    before = sum(last.figures["n"].values())
    running = now - (live_test.started_at or now)
    pause = max(SHORTEST_PAUSE, running / PAUSES_OF_A_TEST)
    return units.total >= before * GROWTH or (units.total > before and now - last.at >= pause)


def figures_of(
    units: PerArm,
    alone: Sequence[MetricRow],
    *,
    information: float | None,
    bound: float | None,
    stage: Stage | None = None,
) -> dict[str, Any]:
    """What is kept of a look: each metric as this look alone has it. stage: after a ramp that took units away."""
    later = {"era": stage.era, "compared": stage.stretches[-1][-1]} if stage and stage.era and stage.stretches else {}
    return later | {
        "n": {"control": units.control, "treatment": units.treatment},
        "information": information,
        "bound": bound,
        "metrics": {
            row.key: {
                "n": row.control_n + row.treatment_n,
                "estimate": row.difference,
                "low": row.ci_low,
                "high": row.ci_high,
                "p": row.p_value,
                "z": row.z,
            }
            for row in alone
        },
    }


def seen(looks: Sequence[LiveLook], metric: str) -> list[Seen]:
    """What the looks said of one metric, thinned out to what can be drawn."""
    found = [
        Seen(look.at, one["n"], one["estimate"], one["low"], one["high"], one["p"])
        for look in looks
        if (one := look.figures["metrics"].get(metric)) is not None
    ]
    every = math.ceil(len(found) / DRAWN)
    return found[::-1][::every][::-1] if found else []


def histories(looks: Sequence[LiveLook], *, since: datetime | None) -> dict[str, History]:
    """since: when the metrics were changed last; what was seen before then was something else."""
    found: dict[str, History] = {}
    for look in looks:
        if since is None or look.at > since:
            for key, one in look.figures["metrics"].items():
                found[key] = joined(found.get(key, History()), one)
    return found


def joined(history: History, one: Mapping[str, Any]) -> History:
    if one["p"] is None or one["low"] is None or one["high"] is None:
        return history
    return History(
        p_value=min(history.p_value, one["p"]),
        low=max(history.low, one["low"]),
        high=min(history.high, one["high"]),
    )


def planned_looks(looks: Sequence[LiveLook], primary: str) -> tuple[Look, ...]:
    return tuple(look_of(one.number, one.at, one.figures, primary) for one in looks if one.planned)


def look_of(number: int, at: datetime, figures: Mapping[str, Any], primary: str) -> Look:
    seen_then = figures["metrics"].get(primary) or {}
    z, bound = seen_then.get("z"), figures.get("bound")
    return Look(
        number=number,
        at=at,
        n=sum(figures["n"].values()),
        information=figures.get("information"),
        bound=bound,
        z=z,
        crossed=None if z is None or bound is None else abs(z) >= bound,
    )


def past_information(looks: Sequence[LiveLook]) -> float:
    return max((float(one.figures["information"] or 0) for one in looks if one.planned), default=0.0)


def next_look_n(plan: Plan, past: float) -> int | None:
    """Units in the smaller arm at which the next planned look is due."""
    ahead = [part for part in plan.planned_looks if part > past + 1e-9]
    return math.ceil(ahead[0] * plan.n_per_arm - 1e-9) if ahead else None
