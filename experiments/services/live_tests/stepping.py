"""The steps of a live test by name, as pages, commands and the API call them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from evalsite.platform.models import User
from experiments.models import LiveTest
from experiments.services.live_tests import adding, amending, registering, running
from experiments.services.live_tests.drafting import TestRefused


@dataclass(frozen=True, kw_only=True)
class Step:
    """`button`: what the act is called; `means`: what it does, and whether it can be undone."""

    name: str
    button: str
    means: str
    is_final: bool = False


STEPS = {
    step.name: step
    for step in (
        Step(
            name="register",
            button="Register the plan",
            means="The plan is hashed and stays as it is; what changes later is shown beside the result.",
        ),
        Step(
            name="start",
            button="Start the test",
            means="From the next request on, units are routed by this plan, and their events are counted.",
        ),
        Step(
            name="ramp",
            button="Raise the split",
            means="More units go to treatment. Those in treatment stay there; none ever moves back.",
        ),
        Step(
            name="stop",
            button="Stop the test",
            means="No unit is routed any more: all get control. A stopped test stays stopped; it can be copied.",
            is_final=True,
        ),
        Step(
            name="open",
            button="Open the result early",
            means="The direction is shown before the planned size. Whoever reads the result is told so, for ever.",
            is_final=True,
        ),
        Step(
            name="extend",
            button="Extend the test",
            means="More units per arm or more days, as long as the direction of a fixed-horizon test is hidden.",
        ),
        Step(
            name="add_metric",
            button="Add a metric",
            means="A secondary one or a guardrail, summed up of all events so far. It says for ever when it was added.",
        ),
        Step(name="note", button="Add a note", means="It stands beside the result, with your name and this day."),
    )
}


def take(
    *,
    live_test: LiveTest,
    step: str,
    token: UUID,
    reason: str = "",
    split: float | None = None,
    n_per_arm: int | None = None,
    days: int | None = None,
    metric: Mapping[str, Any] | None = None,
    most_events: int | None = adding.MOST_EVENTS,
    actor: User | None,
    now: datetime,
) -> str:
    """What was done, in a sentence. Raises TestRefused, and PlanRefused where a plan or a metric is not one.

    most_events: with add_metric, of a test that may have been read in one request; None for any.
    """
    match step:
        case "register":
            row = registering.register(live_test=live_test, registered_by=actor, now=now)
            return f"The plan is registered: {row.sha256[:12]}…"
        case "start":
            running.start(live_test=live_test, actor=actor, now=now)
            return "The test runs: from now on units are routed."
        case "ramp":
            if split is None:
                raise TestRefused("Say which split.")
            running.ramp(live_test=live_test, split=split, reason=reason, token=token, actor=actor, now=now)
            return f"The split is {100 * split:g} % now."
        case "stop":
            running.stop(live_test=live_test, reason=reason, token=token, actor=actor, now=now)
            return "The test is stopped: all units get control."
        case "open":
            amending.open_early(live_test=live_test, reason=reason, token=token, actor=actor, now=now)
            return "The result is open. Your reason is on record."
        case "extend":
            more = {"n_per_arm": n_per_arm, "days": days}
            amending.extend(live_test=live_test, reason=reason, token=token, actor=actor, now=now, **more)
            return "The test is extended. Your reason is on record."
        case "add_metric":
            added = adding.add_metric(
                live_test=live_test,
                raw=metric or {},
                reason=reason,
                token=token,
                actor=actor,
                now=now,
                most_events=most_events,
            )
            return f"{added.change['added']['title']} is counted from the first event on."
        case "note":
            amending.add_note(live_test=live_test, text=reason, token=token, actor=actor, now=now)
            return "The note stands beside the result."
    raise TestRefused(f"There is no step {step!r}.")
