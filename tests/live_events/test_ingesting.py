"""Each event gets its own answer, is stored once, and is counted."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import orjson
import pytest
from django.db import DatabaseError, connection, connections

from experiments.models import ArmConflict, EventBatch, Exposure, LiveEvent, LiveTest, RefusedEvent
from experiments.services.live_tests import running
from experiments.services.live_traffic import event_rows, known_units, refusing, repeats
from experiments.services.live_traffic.exposures import Exposed, rule
from experiments.services.live_traffic.folding import fold, refold
from experiments.services.live_traffic.ingesting import Answer, ingest
from experiments.services.live_traffic.running_tests import running as running_test
from tests.factories.live_events_ import LATER, event, expose_units, exposure
from tests.factories.live_tests_ import COMPLETION, make_live_test
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPENDING = {
    "key": "spending",
    "title": "Spending",
    "kind": "mean",
    "event": "paid",
    "covariate": {"event": "paid", "days": 14},
}


@pytest.fixture(autouse=True)
def nothing_was_repeated_yet() -> None:
    repeats.met.clear()
    known_units.kept.clear()


@pytest.fixture
def test() -> LiveTest:
    made = make_live_test(key="test")
    expose_units(made, "ada", "bob")
    return made


def statuses(*events: dict[str, Any], now: datetime = LATER) -> list[str]:
    return [answer.status for answer in ingest(list(events), now=now)]


def unit_in(arm: str) -> str:
    found = running_test("test")
    assert found
    return next(f"u{n}" for n in range(1000) if rule(found.plan, found.split, f"u{n}") == arm)


def test_an_event_of_an_exposed_unit_is_stored_as_sent(test: LiveTest) -> None:
    sent = event(event_id="1", conversation_id="c", value=2.5, properties={"tokens": 7, "note": "ö"})
    assert ingest([sent], now=LATER) == [Answer("1", "accepted")]
    row = LiveEvent.objects.get()
    assert (row.live_test_id, row.event_id, row.name, row.unit_id) == (test.pk, "1", "task_completed", "ada")
    assert (row.conversation_id, row.at, row.received_at, row.value) == ("c", LATER, LATER, 2.5)
    assert row.properties == {"tokens": 7, "note": "ö"}
    batch = EventBatch.objects.get()
    assert (batch.pk, batch.n, batch.counts, batch.folded_at) == (row.batch_id, 1, {}, None)


def test_answers_come_in_the_order_of_the_events(test: LiveTest) -> None:
    sent = [
        event(event_id="1", unit_id="nobody"), event(event_id="2"), event(event_id="3", value="x"),
        event(event_id="4", experiment="other"), event(event_id="2"), exposure(event_id="5", unit_id="carol"),
        event(event_id="6", unit_id="carol"),
    ]  # fmt: skip
    assert [(one.event_id, one.status) for one in ingest(orjson.dumps(sent), now=LATER)] == [
        ("1", "not_exposed"), ("2", "accepted"), ("3", "malformed"), ("4", "unknown_test"), ("2", "duplicate"),
        ("5", "accepted"), ("6", "accepted"),
    ]  # fmt: skip


def test_the_same_event_counts_once_however_often_it_is_sent(test: LiveTest) -> None:
    sent = event(value=1, properties={"a": 1.0, "big": 1e22, "small": 1e-7, "id": 2**63, "b": None})
    assert [statuses(sent) for _ in range(3)] == [["accepted"], ["duplicate"], ["duplicate"]]
    assert statuses(sent, now=LATER + 30 * DAY) == ["duplicate"]
    assert LiveEvent.objects.count() == 1
    assert not RefusedEvent.objects.exists()
    assert [batch.counts for batch in EventBatch.objects.order_by("pk")] == [{}] + [{"duplicate": 1}] * 3


def test_an_event_that_was_taken_in_time_is_a_duplicate_for_ever(test: LiveTest) -> None:
    sent = event()
    assert statuses(sent) == ["accepted"]
    assert not repeats.met
    assert statuses(sent, event(at=NOW), now=LATER + 30 * DAY) == ["duplicate", "late"]


def test_after_a_repeated_event_ids_are_looked_up_first_for_a_minute(test: LiveTest) -> None:
    sent = event()
    statuses(sent)
    statuses(sent)
    assert repeats.are_expected("test", LATER + timedelta(seconds=59))
    assert not repeats.are_expected("test", LATER + timedelta(seconds=60))
    assert not repeats.are_expected("other", LATER)


@pytest.mark.parametrize(
    "other",
    [{"value": 2}, {"unit_id": "bob"}, {"event": "liked"}, {"properties": {"a": 2}}, {"conversation_id": "c"},
     {"timestamp": NOW.isoformat()}],
)  # fmt: skip
def test_another_content_under_the_same_id_is_a_conflict(test: LiveTest, other: dict[str, Any]) -> None:
    sent = event(event_id="1", value=1, properties={"a": 1})
    assert statuses(sent, {**sent, **other}) == ["accepted", "conflict"]
    assert statuses({**sent, **other}) == ["conflict"]
    assert LiveEvent.objects.get().value == 1


def test_the_same_moment_in_another_zone_is_the_same_event(test: LiveTest) -> None:
    sent = event(timestamp="2026-11-01T12:00:00+01:00", at=NOW)
    other = {**sent, "timestamp": "2026-11-01T11:00:00Z"}
    at = datetime.fromisoformat("2026-11-01T11:30:00Z")
    expose_units(test, "zoe", at=at - HOUR)
    zoe = [{**one, "unit_id": "zoe"} for one in (sent, other)]
    assert statuses(*zoe, now=at) == ["accepted", "duplicate"]


def test_two_tests_may_use_the_same_ids(test: LiveTest) -> None:
    expose_units(make_live_test(key="second"), "ada")
    assert statuses(event(event_id="1"), event(event_id="1", experiment="second")) == ["accepted", "accepted"]


def test_a_repeated_event_is_answered_as_its_first_was(test: LiveTest) -> None:
    sent = event(event_id="1", unit_id="nobody")
    assert statuses(sent, sent) == ["not_exposed", "not_exposed"]


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (LATER + timedelta(minutes=10), "accepted"),
        (LATER + timedelta(minutes=10, seconds=1), "early"),
        (NOW, "accepted"),
        (NOW - timedelta(minutes=10), "accepted"),
        (NOW - timedelta(minutes=10, seconds=1), "before_exposure"),
    ],
)
def test_the_time_of_an_event_decides(test: LiveTest, at: datetime, status: str) -> None:
    assert statuses(event(at=at)) == [status]


def test_an_event_older_than_the_plan_allows_is_late(test: LiveTest) -> None:
    now = NOW + timedelta(hours=168) + HOUR
    assert statuses(event(at=NOW + HOUR), event(at=NOW + HOUR - timedelta(seconds=1)), now=now) == ["accepted", "late"]


def test_an_event_that_was_refused_for_its_unit_may_be_sent_again(test: LiveTest) -> None:
    sent = event(unit_id="carol")
    assert statuses(sent) == ["not_exposed"]
    expose_units(test, "carol")
    assert statuses(sent) == ["accepted"]


def test_what_came_before_the_exposure_is_taken_where_a_covariate_wants_it() -> None:
    test = make_live_test(key="test", metrics=[COMPLETION, SPENDING])
    expose_units(test, "ada")
    days_before = [1, 14, 14.01]
    sent = [event("paid", at=NOW - days * DAY, value=3) for days in days_before]
    assert statuses(*sent, event(at=NOW - DAY)) == ["accepted", "accepted", "before_exposure", "before_exposure"]
    assert statuses(event("paid", at=NOW - 10 * DAY, unit_id="nobody")) == ["not_exposed"]


@pytest.mark.parametrize("status", ["draft", "registered"])
def test_a_test_that_is_not_started_takes_nothing(status: str) -> None:
    test = make_live_test(key="test", status=status)
    assert statuses(event(), exposure(), event(value="x")) == ["not_running", "not_running", "malformed"]
    assert set(RefusedEvent.objects.values_list("live_test", flat=True)) == {test.pk}
    assert not Exposure.objects.exists()


def test_a_stopped_test_takes_what_happened_while_it_ran_as_long_as_events_may_be_late(test: LiveTest) -> None:
    running.stop(live_test=test, reason="Enough.", token=uuid4(), actor=None, now=LATER)
    after = LATER + timedelta(minutes=5)
    sent = event(event_id="1"), event(at=after), exposure(at=LATER, unit_id="carol"), exposure(at=after, unit_id="dan")
    assert statuses(*sent, now=after) == ["accepted", "not_running", "accepted", "not_running"]
    assert statuses(event(at=LATER), event(event_id="1"), now=LATER + 7 * DAY + HOUR) == ["not_running", "duplicate"]


@pytest.mark.parametrize(
    ("at", "status"),
    [(NOW - timedelta(minutes=11), "not_running"), (NOW - timedelta(minutes=9), "accepted"), (LATER + HOUR, "early")],
)
def test_an_exposure_has_its_time_too(test: LiveTest, at: datetime, status: str) -> None:
    assert statuses(exposure(unit_id="carol", at=at)) == [status]
    assert Exposure.objects.filter(unit_id="carol").exists() == (status == "accepted")


def test_a_unit_exposed_by_a_fast_clock_is_exposed_now(test: LiveTest) -> None:
    ahead = exposure(unit_id="carol", at=LATER + timedelta(minutes=9))
    assert statuses(ahead) == ["accepted"]
    assert Exposure.objects.get(unit_id="carol").exposed_at == LATER
    assert statuses(event(unit_id="carol", at=LATER - timedelta(minutes=2)), ahead) == ["accepted", "duplicate"]


def test_an_exposure_counts_before_the_events_beside_it(test: LiveTest) -> None:
    unit = unit_in("treatment")
    sent = event(unit_id=unit), exposure("treatment", unit_id=unit), event(unit_id=unit, at=NOW - HOUR)
    assert statuses(*sent) == ["accepted", "accepted", "before_exposure"]
    row = Exposure.objects.get(unit_id=unit)
    assert (row.arm, row.source, row.exposed_at) == ("treatment", "event", NOW)
    assert not ArmConflict.objects.exists()


def test_a_unit_told_in_both_arms_keeps_the_first_and_is_noted(test: LiveTest) -> None:
    unit = unit_in("control")
    assert statuses(exposure("control", unit_id=unit)) == ["accepted"]
    assert statuses(exposure("treatment", unit_id=unit, at=LATER)) == ["accepted"]
    assert Exposure.objects.get(unit_id=unit).arm == "control"
    assert ArmConflict.objects.get().unit_id == unit


def test_an_arm_that_the_rule_does_not_give_is_taken_and_noted(test: LiveTest) -> None:
    unit = unit_in("control")
    assert statuses(exposure("treatment", unit_id=unit)) == ["accepted"]
    assert Exposure.objects.get(unit_id=unit).arm == "treatment"
    assert ArmConflict.objects.get().unit_id == unit


def test_attributes_of_an_exposure_are_kept_where_the_plan_names_them() -> None:
    make_live_test(key="test", segments=["plan"])
    assert statuses(exposure(properties={"arm": "control", "plan": "pro", "email": "x"})) == ["accepted"]
    assert Exposure.objects.get().segment == {"plan": "pro"}


def test_every_answer_is_counted_and_what_was_refused_is_listed(test: LiveTest) -> None:
    sent: list[Any] = [
        event(event_id="1"), event(event_id="1"), event(unit_id="nobody"), event(event_id="9", value="x"), {}, 7,
    ]  # fmt: skip
    statuses(*sent, event(experiment="a"), event(experiment="b"), event(experiment="c", value="x"))
    of_test, of_none = EventBatch.objects.filter(live_test=test).get(), EventBatch.objects.filter(live_test=None).get()
    assert (of_test.n, of_test.counts) == (1, {"duplicate": 1, "not_exposed": 1, "malformed": 1})
    assert (of_none.n, of_none.counts, of_none.folded_at) == (0, {"unknown_test": 2, "malformed": 3}, LATER)
    listed = Counter(RefusedEvent.objects.values_list("live_test", "reason"))
    assert listed == {
        (test.pk, "not_exposed"): 1, (test.pk, "malformed"): 1, (None, "unknown_test"): 2, (None, "malformed"): 3,
    }  # fmt: skip
    malformed = RefusedEvent.objects.get(event_id="9")
    assert (malformed.unit_id, malformed.received_at) == ("ada", LATER)
    assert malformed.detail.startswith("value must be a number")


def test_a_request_with_many_made_up_tests_is_one_batch(test: LiveTest) -> None:
    assert set(statuses(*[event(experiment=f"made-up-{n}") for n in range(200)])) == {"unknown_test"}
    assert EventBatch.objects.count() == 1


def test_of_refused_events_the_newest_are_kept_and_all_are_counted(test: LiveTest) -> None:
    with patch.object(refusing, "KEPT", 30):
        for hour in range(3):
            ingest([event(unit_id="nobody") for _ in range(25)], now=LATER + hour * HOUR)
        assert refusing.drop_old(now=LATER + 2 * HOUR) == 30
    assert sum(batch.counts["not_exposed"] for batch in EventBatch.objects.all()) == 75
    kept = Counter(RefusedEvent.objects.values_list("received_at", flat=True))
    assert kept == {LATER + HOUR: 10, LATER + 2 * HOUR: 20}


def test_old_counts_become_one_row_of_their_test_and_stay_exact(test: LiveTest) -> None:
    one = event(event_id="1")
    for hour in range(3):
        at = LATER + hour * HOUR
        ingest([one, event(event_id=f"new-{hour}"), event(unit_id="nobody")], now=at)
        ingest([one, one], now=at)
        ingest([event(experiment="nowhere")], now=at)
    fold(test.pk, now=LATER + 3 * HOUR)
    counted = counts_of(test), counts_of(None)
    assert counted == ({"duplicate": 8, "not_exposed": 3, "n": 4}, {"unknown_test": 3, "n": 0})
    for now, batches in ((LATER + DAY, 9), (LATER + DAY + 2 * HOUR, 4 + 3), (LATER + 9 * DAY, 4 + 1)):
        for _ in range(2):
            refusing.drop_old(now=now)
            assert (counts_of(test), counts_of(None)) == counted
            assert EventBatch.objects.count() == batches
    assert set(EventBatch.objects.filter(n__gt=0).values_list("live_test", flat=True)) == {test.pk}
    assert refold(test.pk, now=LATER) == 4


def test_a_batch_that_waits_or_is_in_hand_is_not_merged(test: LiveTest) -> None:
    ingest([event(), event(unit_id="nobody")], now=LATER)
    refusing.drop_old(now=LATER + 9 * DAY)
    [batch] = EventBatch.objects.all()
    assert (batch.n, batch.counts, batch.folded_at) == (1, {"not_exposed": 1}, None)


def counts_of(test: LiveTest | None) -> Counter[str]:
    found: Counter[str] = Counter(n=0)
    for batch in EventBatch.objects.filter(live_test=test):
        found.update(batch.counts)
        found["n"] += batch.n
    return found


def test_a_failure_leaves_nothing_of_the_request(test: LiveTest) -> None:
    def fail(*args: Any, **named: Any) -> None:
        raise DatabaseError("the disk is full")

    with patch.object(event_rows, "write", fail), pytest.raises(DatabaseError):
        ingest([exposure(unit_id="carol"), event(unit_id="carol")], now=LATER)
    assert not EventBatch.objects.exists()
    assert not Exposure.objects.filter(unit_id="carol").exists()


def test_an_event_cannot_be_changed_or_deleted(test: LiveTest) -> None:
    statuses(event())
    with pytest.raises(DatabaseError, match="append-only"):
        connection.cursor().execute("UPDATE experiments_liveevent SET value = 7")


def test_a_request_asks_the_database_the_same_few_questions_for_any_number_of_events(
    test: LiveTest, django_assert_num_queries: Callable[..., Any]
) -> None:
    for n in (1, 200):
        # Two of them open and close the transaction.
        with django_assert_num_queries(6):
            statuses(*[event() for _ in range(n)])


def test_what_is_known_of_a_unit_is_not_asked_again(
    test: LiveTest,
    django_assert_num_queries: Callable[..., Any],
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        statuses(event())
    with django_assert_num_queries(5):
        assert statuses(event()) == ["accepted"]
    assert statuses(event(at=NOW - HOUR)) == ["before_exposure"]
    assert statuses(event(), event(unit_id="bob"), event(unit_id="nobody")) == ["accepted", "accepted", "not_exposed"]


def test_what_is_kept_is_looked_up_and_never_walked(test: LiveTest) -> None:
    class Kept(known_units.Kept):
        def keys(self) -> Any:
            raise AssertionError("walked")

        __iter__ = items = values = keys

    found = running_test("test")
    assert found
    ada = Exposed("control", NOW)
    known_units.kept[known_units.place_of(found)] = Kept({"ada": ada})
    assert known_units.look_up(found, {"ada"})["ada"] is ada
    assert known_units.look_up(found, {"ada", "bob", "nobody"}).keys() == {"ada", "bob"}


def test_so_much_is_kept_in_mind_and_no_more(
    test: LiveTest, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with patch.object(known_units, "MOST_KEPT", 1), django_capture_on_commit_callbacks(execute=True):
        statuses(event())
        statuses(event(unit_id="bob"))
    assert [list(units) for units in known_units.kept.values()] == [["bob"]]


@pytest.mark.django_db(transaction=True)
def test_the_same_events_sent_at_once_are_stored_once() -> None:
    test = make_live_test(key="test")
    expose_units(test, "ada")
    sent = [event() for _ in range(100)]

    def send(turn: int) -> list[str]:
        try:
            return statuses(*(sent if turn % 2 else reversed(sent)))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        told = Counter(status for answers in threads.map(send, range(6)) for status in answers)
    assert told == {"accepted": 100, "duplicate": 500}
    assert LiveEvent.objects.count() == 100
    assert sum(EventBatch.objects.values_list("n", flat=True)) == 100
