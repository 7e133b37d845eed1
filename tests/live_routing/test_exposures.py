"""A unit's first arm stays; what is told otherwise is noted, not believed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from experiments.models import ArmConflict, Exposure, LiveTest
from experiments.services.live_traffic import running_tests
from experiments.services.live_traffic.exposures import Exposed, Seen, expose, rule, stored
from experiments.services.live_traffic.running_tests import RunningTest, running
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


def running_test(**plan: object) -> RunningTest:
    test = running(make_live_test(**plan).key)  # type: ignore[arg-type]
    assert test
    return test


def seen_by(test: RunningTest, *seen: Seen, source: str = "assigned", split: float | None = None) -> dict[str, Exposed]:
    return expose(test.test_id, test.plan, split or test.split, seen, source)


def units_in(test: RunningTest, arm: str, *, split: float = 0.5) -> Iterator[str]:
    return (f"u{n}" for n in range(10_000) if rule(test.plan, split, f"u{n}") == arm)


def test_the_rule_gives_the_arm_and_its_bucket_is_kept() -> None:
    test = running_test()
    found = seen_by(test, *[Seen(f"u{n}", NOW) for n in range(50)])
    assert {one.arm for one in found.values()} == {"control", "treatment"}
    for row in Exposure.objects.all():
        assert row.arm == found[row.unit_id].arm == ("treatment" if (row.bucket or 0) / 10_000 < 0.5 else "control")
        assert (row.source, row.exposed_at, row.segment) == ("assigned", NOW, {})
    assert stored(test.test_id, ["u0", "u49", "nobody"]).keys() == {"u0", "u49"}


def test_a_raised_split_moves_no_unit_that_was_exposed() -> None:
    test = running_test(routing={"salt": "s", "split": 0.1})
    moved = next(unit for unit in units_in(test, "treatment", split=0.9) if rule(test.plan, 0.1, unit) == "control")
    assert seen_by(test, Seen(moved, NOW))[moved].arm == "control"
    assert seen_by(test, Seen(moved, LATER), split=0.9)[moved] == Exposed("control", NOW)
    assert not ArmConflict.objects.exists()


def test_of_one_unit_told_often_the_earliest_counts() -> None:
    test = running_test()
    arm = rule(test.plan, 0.5, "u")
    found = seen_by(test, Seen("u", LATER, arm), Seen("u", NOW, arm), source="event")
    assert found == {"u": Exposed(arm, NOW)}
    assert Exposure.objects.count() == 1


def test_a_unit_told_to_be_in_the_other_arm_keeps_its_first_and_is_noted_once() -> None:
    test = running_test()
    unit = next(units_in(test, "control"))
    seen_by(test, Seen(unit, NOW))
    for at in (LATER, LATER + timedelta(hours=1)):
        assert seen_by(test, Seen(unit, at, "treatment"), source="event")[unit].arm == "control"
    conflict = ArmConflict.objects.get()
    assert (conflict.unit_id, conflict.seen_arm, conflict.seen_at) == (unit, "treatment", LATER)


def test_both_arms_told_at_once_is_a_conflict_too() -> None:
    test = running_test()
    unit = next(units_in(test, "treatment"))
    found = seen_by(test, Seen(unit, LATER, "control"), Seen(unit, NOW, "treatment"), source="event")
    assert found[unit] == Exposed("treatment", NOW)
    assert ArmConflict.objects.get().seen_arm == "control"


@pytest.mark.parametrize("arm", ["control", "treatment"])
def test_an_arm_that_the_rule_does_not_give_is_kept_as_told_and_noted(arm: str) -> None:
    test = running_test()
    other = "treatment" if arm == "control" else "control"
    unit = next(units_in(test, other))
    assert seen_by(test, Seen(unit, NOW, arm), source="event")[unit].arm == arm
    assert ArmConflict.objects.get().seen_arm == other


def test_a_client_that_has_not_heard_of_the_ramp_yet_is_right() -> None:
    test = running_test(routing={"salt": "s", "split": 0.1})
    unit = next(unit for unit in units_in(test, "treatment", split=0.9) if rule(test.plan, 0.1, unit) == "control")
    assert seen_by(test, Seen(unit, NOW, "control"), source="event", split=0.9)[unit].arm == "control"
    assert not ArmConflict.objects.exists()


def test_an_imported_exposure_has_the_arm_of_its_file_and_no_bucket() -> None:
    test = running_test()
    unit = next(units_in(test, "control"))
    seen_by(test, Seen(unit, NOW, "treatment"), source="imported")
    assert Exposure.objects.values_list("arm", "bucket").get() == ("treatment", None)
    assert not ArmConflict.objects.exists()


def test_only_attributes_that_the_plan_names_are_kept() -> None:
    test = running_test(segments=["country"])
    seen_by(test, Seen("u", NOW, segment={"country": "NO", "email": "a@example.org"}))
    assert Exposure.objects.get().segment == {"country": "NO"}


def test_an_exposure_is_never_changed_or_deleted() -> None:
    seen_by(running_test(), Seen("u", NOW))
    for act in (lambda: Exposure.objects.update(arm="control"), lambda: Exposure.objects.all().delete()):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            act()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_store_one_arm_per_unit_and_tell_the_same() -> None:
    test = running_test()
    units = [f"u{n}" for n in range(40)]

    def ask(turn: int) -> dict[str, Exposed]:
        order = units if turn % 2 else units[::-1]
        try:
            return seen_by(test, *[Seen(unit, NOW + timedelta(seconds=turn)) for unit in order])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(ask, range(12)))
    assert all(one == told[0] for one in told)
    assert Exposure.objects.count() == 40


def test_a_ramp_and_a_stop_are_seen_at_the_next_look_and_the_plan_is_read_once(
    django_assert_num_queries: object,
) -> None:
    live_test = make_live_test()
    running_tests.plan_of.cache_clear()
    assert (first := running(live_test.key))
    LiveTest.objects.update(split=0.75)
    second = running(live_test.key)
    LiveTest.objects.update(status="stopped")
    with django_assert_num_queries(1):  # type: ignore[operator]
        third = running(live_test.key)
    assert second
    assert third
    assert (first.split, second.split) == (0.5, 0.75)
    assert (first.runs, third.runs) == (True, False)
    assert first.plan is third.plan
    assert first.plan.sha256 == first.plan_sha256


def test_traffic_knows_no_draft() -> None:
    assert running(make_live_test(status="draft").key) is None
    assert running("nowhere") is None
    registered = running(make_live_test(status="registered").key)
    assert registered
    assert not registered.runs
