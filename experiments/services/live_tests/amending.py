"""What is added to a registered plan later: always with a reason, always shown beside the result."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from evalsite.platform.models import Role, User
from experiments.live_plan import Plan
from experiments.live_plan.plan import MOST_DAYS, MOST_UNITS
from experiments.models import LiveAmendment, LiveLook, LiveTest
from experiments.services.live_tests.drafting import TestRefused
from experiments.services.live_tests.running import amend, exposed, locked, made_before, note, plan_of, spoken

Kind = LiveAmendment.Kind


@transaction.atomic
def open_early(*, live_test: LiveTest, reason: str, token: UUID, actor: User | None, now: datetime) -> LiveAmendment:
    """Show the direction of a fixed-horizon test before its planned size. The result is marked for ever."""
    if actor is not None and not actor.has_role(Role.LEAD):
        raise TestRefused("Only a lead may open the result early.")
    held = registered(live_test)
    if earlier := made_before(token, held, Kind.OPENED_EARLY):
        return earlier
    if earlier := LiveAmendment.objects.filter(live_test=held, kind=Kind.OPENED_EARLY).first():
        return earlier
    said = spoken(reason)
    plan, units = plan_of(held), exposed(held)
    if plan.method != "fixed_horizon":
        raise TestRefused("Nothing is hidden here: this plan's results are valid at every look.")
    if held.started_at is None:
        raise TestRefused("This live test has not started: there is nothing to open.")
    if min(units.values()) >= plan.n_per_arm:
        raise TestRefused("The planned units are in: the result is open to see.")
    change = {"units": units, "planned": plan.n_per_arm}
    row = amend(held, Kind.OPENED_EARLY, change=change, reason=said, token=token, actor=actor, now=now)
    note(held, "live_test.opened_early", actor=actor, now=now, reason=said, **change)
    return row


@transaction.atomic
def extend(
    *,
    live_test: LiveTest,
    n_per_arm: int | None = None,
    days: int | None = None,
    reason: str,
    token: UUID,
    actor: User | None,
    now: datetime,
) -> LiveAmendment:
    """More units or days for a fixed-horizon test, as long as nobody can have seen its direction. Never fewer."""
    held = registered(live_test)
    plan = plan_of(held)
    before = {"n_per_arm": plan.n_per_arm, "days": plan.days}
    after = {"n_per_arm": n_per_arm or plan.n_per_arm, "days": days or plan.days}
    if earlier := made_before(token, held, Kind.EXTENSION):
        if any(
            said and earlier.change["after"][name] != said for name, said in (("n_per_arm", n_per_arm), ("days", days))
        ):
            raise TestRefused("This form was sent before with other numbers. Load the page again.")
        return earlier
    said = spoken(reason)
    refuse_extending(held, plan)
    if any(after[name] < before[name] for name in after) or after == before:
        raise TestRefused(
            f"Planned are {plan.n_per_arm:,} units per arm and {plan.days} days: say more of one of them."
        )
    if after["n_per_arm"] > MOST_UNITS or after["days"] > MOST_DAYS:
        raise TestRefused(f"At most {MOST_UNITS:,} units per arm and {MOST_DAYS} days can be planned.")
    change = {"before": before, "after": after}
    # Written as it is: a computation that has read the old size cannot take its look by it any more.
    held.save(update_fields=["split"])
    row = amend(held, Kind.EXTENSION, change=change, reason=said, token=token, actor=actor, now=now)
    note(held, "live_test.extended", actor=actor, now=now, reason=said, **change)
    return row


def refuse_extending(held: LiveTest, plan: Plan) -> None:
    if held.status == LiveTest.Status.STOPPED:
        raise TestRefused("This live test is stopped. Copy it as a new one.")
    if plan.method == "confidence_sequence":
        raise TestRefused("It may run on as long as you like: its results are valid at every look.")
    if plan.method == "group_sequential":
        raise TestRefused("Its looks are planned at shares of the registered size, and α is spent by them.")
    opened = LiveAmendment.objects.filter(live_test=held, kind=Kind.OPENED_EARLY).exists()
    looked = LiveLook.objects.filter(live_test=held, planned=True).exists()
    if opened or looked or min(exposed(held).values()) >= plan.n_per_arm:
        raise TestRefused("The direction can be seen already: more units now would be chosen by what they show.")


@transaction.atomic
def add_note(*, live_test: LiveTest, text: str, token: UUID, actor: User | None, now: datetime) -> LiveAmendment:
    """Something a reader of the result must know: an outage, a campaign, a release in between."""
    held = registered(live_test)
    if earlier := made_before(token, held, Kind.NOTE):
        if earlier.reason != text.strip():
            raise TestRefused("This form was sent before with another text. Load the page again.")
        return earlier
    row = amend(held, Kind.NOTE, change={}, reason=spoken(text), token=token, actor=actor, now=now)
    note(held, "live_test.noted", actor=actor, now=now, note=row.reason)
    return row


def registered(live_test: LiveTest) -> LiveTest:
    held = locked(live_test)
    if held.status == LiveTest.Status.DRAFT:
        raise TestRefused("This is a draft: change it instead.")
    return held
