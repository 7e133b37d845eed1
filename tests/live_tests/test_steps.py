"""From draft to stopped: each step once, in order, on record."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, transaction

from evalsite.platform.models import AuditEntry
from experiments.live_plan import Plan, PlanRefused
from experiments.models import Exposure, LiveAmendment, LivePlan, LiveTest
from experiments.services.live_tests import amending, drafting, registering, running
from experiments.services.live_tests.drafting import OtherTest, TestRefused
from tests.factories.experiments_ import make_experiment, make_model_version
from tests.factories.live_tests_ import make_live_test, raw_plan
from tests.factories.platform_ import NOW, make_user

Kind, Status = LiveAmendment.Kind, LiveTest.Status
pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=1)


def expose(live_test: LiveTest, *, control: int, treatment: int) -> None:
    for arm, n in (("control", control), ("treatment", treatment)):
        Exposure.objects.bulk_create(
            Exposure(live_test=live_test, unit_id=f"{arm}-{number}", arm=arm, source="assigned", exposed_at=NOW)
            for number in range(n)
        )


def ramp(live_test: LiveTest, split: float, *, token: UUID | None = None, reason: str = "It holds.") -> LiveAmendment:
    return running.ramp(live_test=live_test, split=split, reason=reason, token=token or uuid4(), actor=None, now=LATER)


def stop(live_test: LiveTest, **more: Any) -> LiveTest:
    said: dict[str, Any] = {"reason": "Enough.", "token": uuid4(), "actor": None, "now": LATER} | more
    return running.stop(live_test=live_test, **said)


def test_a_registered_plan_is_kept_as_canonical_json_with_its_hash() -> None:
    live_test = make_live_test(status=Status.DRAFT, key="bot")
    row = registering.register(live_test=live_test, registered_by=None, now=NOW)
    plan = Plan.from_dict(LivePlan.objects.get(pk=row.pk).body)
    assert (plan.key, plan.sha256) == ("bot", row.sha256)
    assert plan.n_computed == 2395
    assert plan.control_name == str(live_test.control)
    assert AuditEntry.objects.filter(action="live_test.registered", subject="bot", details__plan=row.sha256).exists()


def test_registering_twice_is_registering_once() -> None:
    live_test = make_live_test(status=Status.REGISTERED)
    first = live_test.plan
    assert registering.register(live_test=live_test, registered_by=None, now=LATER) == first


def test_a_registered_plan_is_never_changed_or_deleted() -> None:
    plan = make_live_test(status=Status.REGISTERED).plan
    for attempt in (lambda: LivePlan.objects.update(sha256="other"), lambda: LivePlan.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert LivePlan.objects.get().sha256 == plan.sha256


def test_an_amendment_is_never_changed() -> None:
    live_test = make_live_test()
    amending.add_note(live_test=live_test, text="An outage.", token=uuid4(), actor=None, now=NOW)
    with pytest.raises(DatabaseError), transaction.atomic():
        LiveAmendment.objects.update(reason="None.")


def test_a_draft_may_be_changed_and_discarded_and_a_registered_test_neither() -> None:
    live_test = make_live_test(status=Status.DRAFT)
    arms: dict[str, Any] = {"control": live_test.control, "treatment": live_test.treatment}
    changed = drafting.change(
        live_test=live_test, name="Other", key="other", draft=raw_plan(mde=0.02), changed_by=None, now=NOW, **arms
    )
    assert (changed.name, changed.key, changed.draft["mde"]) == ("Other", "other", 0.02)
    registering.register(live_test=changed, registered_by=None, now=NOW)
    with pytest.raises(TestRefused):
        drafting.change(live_test=changed, name="x", key="x", draft=raw_plan(), changed_by=None, now=NOW, **arms)
    with pytest.raises(TestRefused):
        drafting.discard(live_test=changed, discarded_by=None, now=NOW)
    another = make_live_test(status=Status.DRAFT)
    drafting.discard(live_test=another, discarded_by=None, now=NOW)
    assert list(LiveTest.objects.all()) == [changed]


def draft(**fields: Any) -> Callable[[], LiveTest]:
    said: dict[str, Any] = {
        "name": "Test",
        "key": "one",
        "control": make_model_version(),
        "treatment": make_model_version(),
        "draft": raw_plan(),
        "token": uuid4(),
        "created_by": None,
        "now": NOW,
    } | fields
    return lambda: drafting.create(**said)


def test_a_form_sent_twice_makes_one_test() -> None:
    once = draft()
    assert once() == once()
    assert AuditEntry.objects.filter(action="live_test.drafted").count() == 1


def test_another_test_under_the_same_id_or_key_is_refused() -> None:
    token, arms = uuid4(), {"control": make_model_version(), "treatment": make_model_version()}
    draft(token=token, **arms)()
    with pytest.raises(OtherTest):
        draft(token=token, **arms, draft=raw_plan(mde=0.02))()
    with pytest.raises(OtherTest, match="key one"):
        draft(**arms)()


def test_the_arms_of_an_experiment_are_its_baseline_and_candidate() -> None:
    experiment = make_experiment()
    with pytest.raises(PlanRefused) as refusal:
        draft(experiment=experiment, control=experiment.candidate, treatment=experiment.baseline)()
    assert [problem.field for problem in refusal.value.problems] == ["control_id", "treatment_id"]


def test_the_name_of_a_page_is_no_key() -> None:
    with pytest.raises(PlanRefused, match="name of a page"):
        draft(key="new")()


def test_a_test_starts_once_and_only_when_registered() -> None:
    with pytest.raises(TestRefused, match="Register"):
        running.start(live_test=make_live_test(status=Status.DRAFT), actor=None, now=NOW)
    live_test = make_live_test()
    assert running.start(live_test=live_test, actor=None, now=LATER).started_at == NOW
    with pytest.raises(TestRefused, match="Copy it"):
        running.start(live_test=make_live_test(status=Status.STOPPED), actor=None, now=LATER)


def test_the_split_only_goes_up() -> None:
    live_test = make_live_test(routing={"split": 0.1})
    row = ramp(live_test, 0.3)
    live_test.refresh_from_db()
    assert (live_test.split, row.kind, row.change) == (0.3, Kind.RAMP, {"before": 0.1, "after": 0.3})
    for split in (0.3, 0.2, 1.0, 0.30001):
        with pytest.raises(TestRefused):
            ramp(live_test, split)
    with pytest.raises(TestRefused, match="Say why"):
        ramp(live_test, 0.5, reason=" ")


def test_a_ramp_sent_twice_counts_once() -> None:
    live_test, token = make_live_test(routing={"split": 0.1}), uuid4()
    assert ramp(live_test, 0.3, token=token) == ramp(live_test, 0.3, token=token)
    with pytest.raises(OtherTest):
        ramp(live_test, 0.4, token=token)
    with pytest.raises(OtherTest):
        stop(live_test, token=token)
    live_test.refresh_from_db()
    assert (live_test.split, live_test.status) == (0.3, Status.RUNNING)


@pytest.mark.parametrize("status", [Status.DRAFT, Status.REGISTERED, Status.STOPPED])
def test_only_a_running_test_is_ramped(status: str) -> None:
    with pytest.raises(TestRefused):
        ramp(make_live_test(status=status), 0.9)


def test_stopping_before_the_planned_size_is_an_amendment() -> None:
    live_test = make_live_test(n_per_arm=3, small_reason="a test")
    expose(live_test, control=3, treatment=2)
    stopped = stop(live_test)
    assert (stopped.status, stopped.stopped_at, stopped.stop_reason) == (Status.STOPPED, LATER, "Enough.")
    row = LiveAmendment.objects.get(kind=Kind.STOPPED_EARLY)
    assert row.change == {"units": {"control": 3, "treatment": 2}, "planned": 3}
    assert stop(live_test, token=uuid4()) == stopped


def test_stopping_with_the_planned_size_in_is_none() -> None:
    live_test = make_live_test(n_per_arm=2, small_reason="a test")
    expose(live_test, control=3, treatment=2)
    stop(live_test)
    assert not LiveAmendment.objects.exists()
    assert AuditEntry.objects.filter(action="live_test.stopped", details__reason="Enough.").exists()


def test_a_guardrail_that_stops_is_named_even_with_the_planned_size_in() -> None:
    live_test = make_live_test(n_per_arm=1, small_reason="a test")
    expose(live_test, control=1, treatment=1)
    stop(live_test, kind=Kind.GUARDRAIL, change={"metric": "latency"})
    assert LiveAmendment.objects.get().change["metric"] == "latency"


def open_early(live_test: LiveTest, **more: Any) -> LiveAmendment:
    said: dict[str, Any] = {
        "reason": "The board meets.",
        "token": uuid4(),
        "actor": make_user(roles=["lead"]),
        "now": LATER,
    } | more
    return amending.open_early(live_test=live_test, **said)


def test_a_lead_opens_a_fixed_horizon_test_early_once_and_on_record() -> None:
    live_test = make_live_test(method="fixed_horizon")
    row = open_early(live_test)
    assert (row.kind, row.change["planned"]) == (Kind.OPENED_EARLY, 1251)
    assert open_early(live_test, reason="Again.") == row
    assert AuditEntry.objects.filter(action="live_test.opened_early").count() == 1


def test_what_is_open_is_not_opened_early() -> None:
    with pytest.raises(TestRefused, match="Nothing is hidden"):
        open_early(make_live_test())
    full = make_live_test(method="fixed_horizon", n_per_arm=1, small_reason="a test")
    expose(full, control=1, treatment=1)
    with pytest.raises(TestRefused, match="open to see"):
        open_early(full)
    with pytest.raises(TestRefused, match="not started"):
        open_early(make_live_test(method="fixed_horizon", status=Status.REGISTERED))


def test_only_a_lead_opens_early() -> None:
    with pytest.raises(TestRefused, match="lead"):
        open_early(make_live_test(method="fixed_horizon"), actor=make_user(roles=["admin"]))


def extend(live_test: LiveTest, **more: Any) -> LiveAmendment:
    said: dict[str, Any] = {"reason": "Less traffic than hoped.", "token": uuid4(), "actor": None, "now": LATER} | more
    return amending.extend(live_test=live_test, **said)


def test_a_hidden_test_is_extended_on_record_and_its_registered_plan_stays() -> None:
    live_test, token = make_live_test(method="fixed_horizon", n_per_arm=2, small_reason="a test"), uuid4()
    expose(live_test, control=2, treatment=1)
    row = extend(live_test, n_per_arm=4, token=token)
    assert row.change == {"before": {"n_per_arm": 2, "days": 14}, "after": {"n_per_arm": 4, "days": 14}}
    assert extend(live_test, n_per_arm=4, token=token) == row
    assert (running.plan_of(live_test).n_per_arm, live_test.plan.body["n_per_arm"]) == (4, 2)
    extend(live_test, days=21)
    assert (running.plan_of(live_test).n_per_arm, running.plan_of(live_test).days) == (4, 21)
    stop(live_test)
    assert LiveAmendment.objects.get(kind=Kind.STOPPED_EARLY).change["planned"] == 4


@pytest.mark.parametrize("less", [{"n_per_arm": 1200}, {"days": 7}, {"days": 7, "n_per_arm": 9000}, {}])
def test_a_test_is_never_made_smaller(less: dict[str, int]) -> None:
    with pytest.raises(TestRefused, match="say more"):
        extend(make_live_test(method="fixed_horizon"), **less)


def test_nothing_is_extended_once_its_direction_can_be_seen() -> None:
    with pytest.raises(TestRefused, match="run on"):
        extend(make_live_test(), days=30)
    with pytest.raises(TestRefused, match="looks are planned"):
        extend(make_live_test(method="group_sequential"), days=30)
    opened = make_live_test(method="fixed_horizon")
    open_early(opened)
    with pytest.raises(TestRefused, match="seen already"):
        extend(opened, days=30)
    full = make_live_test(method="fixed_horizon", n_per_arm=1, small_reason="a test")
    expose(full, control=1, treatment=1)
    with pytest.raises(TestRefused, match="seen already"):
        extend(full, n_per_arm=9)


def test_a_note_sent_twice_counts_once() -> None:
    live_test, token = make_live_test(), uuid4()

    def note(text: str) -> LiveAmendment:
        return amending.add_note(live_test=live_test, text=text, token=token, actor=None, now=NOW)

    assert note("An outage.") == note("An outage.")
    with pytest.raises(TestRefused):
        note("Another text.")


def test_a_past_test_is_stopped_and_says_so() -> None:
    said: dict[str, Any] = {
        "name": "Past",
        "key": "past",
        "control": make_model_version(),
        "treatment": make_model_version(),
        "draft": raw_plan(),
        "token": uuid4(),
        "created_by": None,
    }
    times: dict[str, Any] = {"started_at": NOW - timedelta(days=30), "stopped_at": NOW - timedelta(days=2), "now": NOW}
    past = registering.register_past(**said, **times)
    assert (past.status, past.started_at) == (Status.STOPPED, NOW - timedelta(days=30))
    assert "Ran elsewhere" in past.stop_reason
    assert registering.register_past(**said, **times) == past
