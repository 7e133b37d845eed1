"""Short runs of the A/A tests; full counts by `make prove`."""

from datetime import timedelta

import numpy as np
import pytest

from benchmarks.prove.live_tests import run
from benchmarks.simulations.live_tests import (
    DAYS,
    MEAN,
    PROMISES,
    SHORT,
    TWENTIETH,
    Day,
    arms_of,
    shown,
    spent,
)
from benchmarks.simulations.live_tests import plan_of as simulated_plan
from benchmarks.simulations.promise import Promise
from benchmarks.table import Row
from experiments.reports.live.cells import Cell, Stratum
from experiments.services.live_traffic.running_tests import plan_of
from tests.factories.live_results_ import fill, first, result_of
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW

# What reading every look as the only one comes to at least.
NAIVE = 0.15


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Every promise is counted once, for all tests here."""
    return {row.name: row for row in run(full=False)}


@pytest.mark.slow
@pytest.mark.parametrize("promise", PROMISES, ids=[promise.name for promise in PROMISES])
def test_a_way_of_reading_keeps_its_promise(promise: Promise, rows: dict[str, Row]) -> None:
    row = rows[promise.name]
    assert f"{promise.short:,} trials" in row.note
    assert row.ok, f"{row.ours} is outside {row.bound}"


def test_reading_every_look_as_the_only_one_is_printed_beside(rows: dict[str, Row]) -> None:
    assert [promise.name for promise in PROMISES if promise.note == "why not"] == [
        "A/A test of a rate, 14 looks, each look read as the only one",
        "A/A test after a ramp from 1%, 14 looks, each look read as the only one",
        "A/A test of a capped mean, 14 looks, each look read as the only one",
    ]
    assert next(iter(rows.values())).ok is True
    assert len(rows) == len(PROMISES)


def test_a_short_run_tells_a_promise_from_its_breach() -> None:
    promised = [one for one in PROMISES if one.high == 0.055 and one.short == SHORT]
    assert len(promised) == 24
    assert all(one.high == 0.055 for one in PROMISES if one.note != "why not")
    for promise in promised:
        assert not promise.kept(NAIVE, promise.short)
        assert promise.kept(0.05, promise.short)


def test_what_is_too_rare_for_a_short_run_is_not_read_at_the_looks_at_which_it_would_err() -> None:
    """Nine in ten are 0 in a twentieth of the traffic: without a guard on skewness planned looks err in 9 to 19%."""
    rng = np.random.default_rng(12)
    plan = simulated_plan(MEAN, "group_sequential")
    for _ in range(3):
        rows = list(shown(plan, arms_of(spent, control=TWENTIETH)(rng)))
        assert len(rows) == DAYS
        assert all(row.doubt and row.p_value is None and not row.significant for row in rows[: DAYS // 2])


@pytest.mark.django_db
def test_the_row_that_is_simulated_is_the_row_that_the_page_shows() -> None:
    """The trials leave out the database alone: what a look remembers goes into the next one here as there."""
    live_test = make_live_test(n_per_arm=600, small_reason="a test")
    hits = ((90, 130), (170, 190), (260, 262))
    days = []
    for day, (control, treatment) in enumerate(hits, start=1):
        n, before = 200 * day, hits[day - 2] if day > 1 else (0, 0)
        fill(live_test, "control", 200, {"completion": first(control - before[0])}, prefix=f"{day}-", at=NOW)
        fill(live_test, "treatment", 200, {"completion": first(treatment - before[1])}, prefix=f"{day}-", at=NOW)
        days.append(Day((Stratum(Cell(n=n, y=control / n), Cell(n=n, y=treatment / n)),)))
        row = result_of(live_test, now=NOW + timedelta(days=day)).primary
        *_, simulated = shown(plan_of(live_test.pk, live_test.plan.sha256), days)
        assert row is not None
        assert (row.significant, row.verdict) == (simulated.significant, simulated.verdict)
        for name in ("difference", "p_value", "ci_low", "ci_high"):
            assert getattr(row, name) == pytest.approx(getattr(simulated, name)), (day, name)
