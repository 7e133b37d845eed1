"""Short runs of the simulations; full counts by `make prove`."""

import pytest

from benchmarks.prove.simulations import PROMISES, run
from benchmarks.simulations.promise import Promise
from benchmarks.table import Row


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Every promise is counted once, for all tests here."""
    return {row.name: row for row in run(full=False)}


@pytest.mark.slow
@pytest.mark.parametrize("promise", PROMISES, ids=[promise.name for promise in PROMISES])
def test_a_method_keeps_its_promise(promise: Promise, rows: dict[str, Row]) -> None:
    row = rows[promise.name]
    assert f"{promise.short:,} trials" in row.note
    assert row.ok, f"{row.ours} is outside {row.bound}"


def test_names_are_unique_and_a_run_repeats_its_digits() -> None:
    assert len({promise.name for promise in PROMISES}) == len(PROMISES)
    assert PROMISES[0].rate(50) == PROMISES[0].rate(50)


def test_promises_on_the_same_data_see_the_same_draws() -> None:
    by_data = {promise.data for promise in PROMISES if promise.data}
    assert all(sum(promise.data == data for promise in PROMISES) > 1 for data in by_data)


def test_a_broken_promise_is_reported_as_broken() -> None:
    always = Promise("always", lambda rng: True, 0.0, 0.5, full=10, short=10)
    assert not always.kept(always.rate(10), 10)


def test_the_slack_of_a_short_run_does_not_grow_with_what_it_saw() -> None:
    """Sixty trials of a method that errs in every fifth do not pass for one that errs in every twentieth."""
    seldom = Promise("seldom", lambda rng: True, 0.0, 0.055, full=5000, short=60)
    assert seldom.kept(0.1, 60)
    assert not seldom.kept(0.2, 60)
    for promise in PROMISES:
        if promise.high <= 0.1:
            assert not promise.kept(0.2, promise.short), promise.name


def test_the_proof_prints_one_row_per_promise(rows: dict[str, Row]) -> None:
    assert list(rows) == [promise.name for promise in PROMISES]
    assert rows[PROMISES[0].name].ok is True
