"""What is added to a registered plan later: always with a reason, always shown beside the result."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from evalsite.platform.models import Role, User
from experiments.models import LiveAmendment, LiveTest
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
