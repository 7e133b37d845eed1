"""Events become sums per unit, each batch once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from experiments.models import EventBatch, LiveTest, UnitMetric
from experiments.services.live_traffic import fold_sql, folding
from experiments.services.live_traffic.ingesting import ingest
from experiments.tasks import fold_waiting_events
from tests.factories.live_events_ import LATER, event, expose_units, exposure
from tests.factories.live_tests_ import COMPLETION, make_live_test
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
METRICS: list[dict[str, Any]] = [
    COMPLETION,
    {"key": "liked", "kind": "rate", "event": "liked", "field": "value"},
    {"key": "cached", "kind": "rate", "event": "answered", "field": "properties.cached"},
    {"key": "csat", "kind": "mean", "event": "rated", "per": "unit_with_event"},
    {"key": "tokens", "kind": "mean", "event": "answered", "field": "properties.tokens"},
    {"key": "answers", "kind": "mean", "event": "answered", "field": "count",
     "covariate": {"event": "answered", "field": "count", "days": 7}},
    {"key": "cost", "kind": "ratio", "event": "billed", "denominator": {"event": "answered", "field": "count"}},
    {"key": "latency", "kind": "quantile", "event": "answered", "field": "properties.ms", "q": 0.95},
]  # fmt: skip


@pytest.fixture
def test() -> LiveTest:
    made = make_live_test(key="test", metrics=METRICS)
    expose_units(made, "ada", "bob")
    return made


def send(*events: dict[str, Any]) -> None:
    answers = ingest(list(events), now=LATER)
    assert {one.status for one in answers} == {"accepted"}, answers


def fold(test: LiveTest) -> int:
    return folding.fold(test.pk, now=LATER)


def sums(metric: str) -> dict[str, list[Any]]:
    rows = UnitMetric.objects.filter(metric=metric).values_list("unit_id", "n", "total", "denominator", "before")
    return {unit: list(rest) for unit, *rest in rows}


def test_a_rate_counts_its_events(test: LiveTest) -> None:
    send(event("task_completed"), event("task_completed", value=0), event("task_completed", unit_id="bob"))
    assert fold(test) == 3
    assert sums("completion") == {"ada": [2, 2, 0, None], "bob": [1, 1, 0, None]}


def test_a_rate_over_a_field_counts_what_is_above_zero(test: LiveTest) -> None:
    send(*[event("liked", value=value) for value in (1, 0, -1, 0.5, None)])
    send(*[event("answered", properties={"cached": value}) for value in (True, False, 3, "yes", None)])
    fold(test)
    assert (sums("liked"), sums("cached")) == ({"ada": [2, 2, 0, None]}, {"ada": [2, 2, 0, None]})


def test_a_mean_adds_up_and_leaves_out_what_is_no_number(test: LiveTest) -> None:
    send(*[event("rated", value=value) for value in (5, 2.5, None)])
    send(*[event("answered", properties={"tokens": value}) for value in (10, 0, True, "12", None, 1e300, 1e-300)])
    fold(test)
    assert sums("csat") == {"ada": [2, 7.5, 0, None]}
    assert sums("tokens") == {"ada": [3, 11, 0, None]}


def test_a_ratio_adds_up_both_of_its_events(test: LiveTest) -> None:
    send(event("billed", value=0.25), event("answered"), event("answered"), event("answered", unit_id="bob"))
    fold(test)
    assert sums("cost") == {"ada": [1, 0.25, 2, None], "bob": [0, 0, 1, None]}


def test_what_came_before_the_exposure_is_the_covariate_and_nothing_else(test: LiveTest) -> None:
    send(*[event("answered", at=NOW - days * DAY) for days in (1, 2)], event("answered", at=NOW))
    fold(test)
    assert sums("answers") == {"ada": [1, 1, 0, 2]}
    assert sums("cost") == {"ada": [0, 0, 1, None]}
    send(event("answered", at=NOW - 3 * DAY), event("answered", at=LATER))
    fold(test)
    assert sums("answers") == {"ada": [2, 2, 0, 3]}


def test_an_event_dated_by_a_clock_behind_the_sites_counts_as_what_it_is(test: LiveTest) -> None:
    behind, before = NOW - timedelta(minutes=10), NOW - timedelta(minutes=10, seconds=1)
    send(event("answered", at=behind), event("answered", at=before), event("answered", at=behind - 7 * DAY))
    fold(test)
    assert sums("answers") == {"ada": [1, 1, 0, 2]}
    assert sums("cost") == {"ada": [0, 0, 1, None]}


def test_a_quantile_keeps_single_values_in_their_order(test: LiveTest) -> None:
    send(*[event("answered", at=NOW + place * DAY / 100, properties={"ms": ms}) for place, ms in ((2, 30), (1, 10))])
    fold(test)
    send(event("answered", at=NOW, properties={"ms": 20}))
    fold(test)
    row = UnitMetric.objects.get(metric="latency")
    assert (row.values, row.n, row.last_at) == ([10, 30, 20], 3, NOW + DAY / 50)
    assert UnitMetric.objects.get(metric="answers").values == []


def test_of_a_unit_without_end_so_many_values_are_kept(test: LiveTest) -> None:
    text = fold_sql.FOLD.replace(f"[:{fold_sql.MOST_VALUES}]", "[:3]")
    with patch.object(fold_sql, "FOLD", text):
        for _ in range(2):
            send(*[event("answered", properties={"ms": ms}) for ms in range(5)])
            fold(test)
    row = UnitMetric.objects.get(metric="latency")
    assert (len(row.values), row.n) == (3, 10)


def test_events_that_no_metric_wants_are_folded_too(test: LiveTest) -> None:
    send(event("something_else"), exposure())
    assert fold(test) == 2
    assert not UnitMetric.objects.exists()
    assert fold(test) == 0


def test_each_batch_is_folded_once(test: LiveTest) -> None:
    for _ in range(3):
        send(event())
    assert [fold(test), fold(test)] == [3, 0]
    assert sums("completion") == {"ada": [3, 3, 0, None]}
    assert set(EventBatch.objects.values_list("folded_at", flat=True)) == {LATER}


def test_a_fold_that_dies_counts_nothing_and_loses_nothing(test: LiveTest) -> None:
    send(event())
    with patch.object(fold_sql, "MARK", "SELECT 1/0"), pytest.raises(DatabaseError):
        fold(test)
    assert not UnitMetric.objects.exists()
    assert fold(test) == 1


def test_more_batches_than_fit_at_once_are_folded_in_turn(test: LiveTest) -> None:
    for _ in range(5):
        send(event())
    with patch.object(folding, "BATCHES_AT_ONCE", 2):
        assert fold(test) == 5
        assert folding.refold(test.pk, now=LATER) == 5
    assert sums("completion") == {"ada": [5, 5, 0, None]}


# As a VACUUM leaves them that came by while all of a table's rows were on their way in.
SEEN_EMPTY = """
UPDATE pg_class SET relpages = greatest(1, pg_relation_size(oid) / 8192), reltuples = 0
WHERE relname = 'experiments_exposure'
"""


@pytest.mark.parametrize(("many", "way"), [(10_000, "Index Scan using"), (1, "Hash")])
def test_exposures_are_never_read_whole_for_each_event(test: LiveTest, many: int, way: str) -> None:
    expose_units(test, *(f"unit {n}" for n in range(2000)))
    send(event(), event())
    plans = []

    def explain(execute: Callable[..., Any], sql: str, values: Any, is_many: bool, context: dict[str, Any]) -> Any:
        if sql == fold_sql.FOLD:
            with context["connection"].cursor() as cursor:
                cursor.execute("EXPLAIN " + sql, values)
                plans.append("\n".join(line for (line,) in cursor.fetchall()))
        return execute(sql, values, is_many, context)

    with connection.cursor() as cursor:
        cursor.execute(SEEN_EMPTY)
    with patch.object(folding, "MANY_EVENTS", many), connection.execute_wrapper(explain):
        assert fold(test) == 2
    [plan] = plans
    [line] = [line for line in plan.splitlines() if "experiments_exposure" in line and "Scan" in line]
    assert way in (line if way != "Hash" else plan)
    assert many > 1 or "Nested Loop" not in plan.split("experiments_exposure")[0]


def test_sums_made_anew_are_those_that_stood(test: LiveTest) -> None:
    random = Random(7)
    for _ in range(4):
        send(*[
            event(name, unit_id=random.choice(["ada", "bob"]), at=NOW + DAY * random.random() / 24,
                  value=random.randrange(9), properties={"tokens": random.randrange(99), "ms": random.randrange(99)})
            for name in random.choices(["task_completed", "liked", "answered", "rated", "billed"], k=50)
        ])  # fmt: skip
        fold(test)
    fields = ("metric", "unit_id", "n", "total", "denominator", "before", "last_at")
    before = list(UnitMetric.objects.order_by("metric", "unit_id").values_list(*fields))
    UnitMetric.objects.filter(metric="liked").delete()
    assert folding.refold(test.pk, now=LATER) == 200
    assert list(UnitMetric.objects.order_by("metric", "unit_id").values_list(*fields)) == before


def test_the_beat_asks_for_each_test_with_events_that_wait(test: LiveTest) -> None:
    make_live_test(key="idle")
    send(event(), event(event_id="x"))
    ingest([event(experiment="unknown")], now=LATER)
    with patch("experiments.tasks.fold_events.apply_async") as asked:
        fold_waiting_events()
    asked.assert_called_once_with(args=(test.pk,), expires=60)


def test_the_command_folds_what_waits_or_all_anew(test: LiveTest) -> None:
    send(event(), event())
    told = StringIO()
    for options in ([], [], ["--anew"]):
        call_command("fold_events", "test", *options, stdout=told)
    assert told.getvalue().splitlines() == ["2 events folded", "0 events folded", "2 events folded"]
    assert sums("completion") == {"ada": [2, 2, 0, None]}
    with pytest.raises(CommandError, match="No registered live test has the key 'nowhere'"):
        call_command("fold_events", "nowhere")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_folded_beside_sums_made_anew() -> None:
    test = make_live_test(key="test")
    expose_units(test, "ada", "bob")
    send(event())

    def work() -> int:
        try:
            send(event(unit_id="bob"))
            return fold(test)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        assert folding.refold(test.pk, now=LATER) == 1
        assert threads.submit(work).result() == 0
    assert sums("completion") == {"ada": [1, 1, 0, None]}
    assert fold(test) == 1
    assert sums("completion") == {"ada": [1, 1, 0, None], "bob": [1, 1, 0, None]}


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_fold_each_event_once() -> None:
    test = make_live_test(key="test", metrics=METRICS)
    units = [f"u{n}" for n in range(20)]
    expose_units(test, *units)
    for turn in range(12):
        order: Callable[[Any], Any] = reversed if turn % 2 else iter
        send(*[event("answered", unit_id=unit, properties={"ms": 1}) for unit in order(units)])

    def work(_: int) -> int:
        try:
            return fold(test)
        finally:
            connections.close_all()

    with patch.object(folding, "BATCHES_AT_ONCE", 2), ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == 240
    assert sums("answers") == {unit: [12, 12, 0, None] for unit in units}
    assert {len(row.values) for row in UnitMetric.objects.filter(metric="latency")} == {12}
