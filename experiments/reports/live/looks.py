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
DRAWN = 60


@dataclass(frozen=True)
class Stage:
    """Where a test stands. fresh: results are computed now; else those of `frozen` are shown, or none at all.

    information: shares of the planned n at the looks of a group-sequential test, the one now last. look: this
    computation is to be remembered as one, `planned` or not.
    """

    fresh: bool
    look: bool = False
    planned: bool = False
    information: tuple[float, ...] = ()
    frozen: LiveLook | None = None


def stage_of(
    live_test: LiveTest, plan: Plan, units: PerArm, looks: Sequence[LiveLook], kinds: Sequence[str], now: datetime
) -> Stage:
    """units: of the arms, those seen in both included. kinds: of the amendments."""
    planned = [one for one in looks if one.planned]
    smaller = min(units.control, units.treatment)
    if plan.method == "confidence_sequence":
        return Stage(fresh=True, look=is_due(live_test, units, looks, now))
    if plan.method == "fixed_horizon":
        full = not planned and smaller >= plan.n_per_arm
        is_open = full or bool(planned) or LiveAmendment.Kind.OPENED_EARLY in kinds
        return Stage(fresh=is_open, look=full, planned=full)
    past = tuple(float(one.figures["information"]) for one in planned)
    share = min(1.0, smaller / plan.n_per_arm)
    reached = [part for part in plan.planned_looks if (past[-1] if past else 0.0) < part <= share + 1e-9]
    if reached:
        return Stage(fresh=True, look=True, planned=True, information=(*past, share))
    if live_test.status == LiveTest.Status.STOPPED and share > (past[-1] if past else 0.0) + 1e-6:
        return Stage(fresh=True, information=(*past, share))
    return Stage(fresh=False, frozen=planned[-1] if planned else None)


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
    units: PerArm, alone: Sequence[MetricRow], *, information: float | None, bound: float | None
) -> dict[str, Any]:
    """What is kept of a look: each metric as this look alone has it."""
    return {
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
