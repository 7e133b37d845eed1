"""One contrast read in three ways."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.reports.live.cells import Cell, Stratum, cell_of
from experiments.reports.live.contrasts import Contrast, contrast
from experiments.reports.live.correcting import corrected, corrected_segments
from experiments.reports.live.judging import DRIFTED, History, Measure, Reading, judged, nominal, remembered
from experiments.reports.live.payload import MetricRow, SegmentRow
from experiments.stats.sequential import asymptotic_confidence_sequence, group_sequential_bounds
from tests.live_results.test_contrasts import metric

RATE = metric("rate")
FIXED = Reading("fixed_horizon", 0.05)
ALWAYS = Reading("confidence_sequence", 0.05, n_star=4000)


def measure(control: float, treatment: float, n: int = 2000) -> Measure:
    cells = (Stratum(Cell(n=n, y=control), Cell(n=n, y=treatment)),)
    return lambda alpha: contrast(RATE, cells, alpha=alpha)


def at_look(*information: float, spending: str = "obrien_fleming") -> Reading:
    return Reading("group_sequential", 0.05, information=information, spending=spending)


def test_a_fixed_horizon_test_is_read_as_if_once() -> None:
    row = judged(RATE, measure(0.30, 0.34), FIXED)
    assert row.p_kind == "fixed"
    assert row.p_value == pytest.approx(0.00674, abs=1e-4)
    assert "n = 2,000 and 2,000" in row.sentence


def test_at_any_time_the_interval_is_the_confidence_sequence_of_the_same_error() -> None:
    row, once = judged(RATE, measure(0.30, 0.34), ALWAYS), judged(RATE, measure(0.30, 0.34), FIXED)
    assert row.difference is not None
    assert row.se is not None
    expected = asymptotic_confidence_sequence(row.difference, row.se, 4000, n_star=4000)
    assert (row.ci_low, row.ci_high, row.p_value) == (expected.ci_low, expected.ci_high, expected.p_value)
    assert (row.p_value or 0) > (once.p_value or 1)
    assert row.relative_low is not None
    assert once.relative_low is not None
    assert row.relative_low < once.relative_low


def test_before_a_hundred_units_in_each_arm_there_is_an_estimate_and_no_interval() -> None:
    for reading in (ALWAYS, at_look(0.2)):
        row = judged(RATE, measure(0.3, 0.9, n=99), reading)
        assert row.difference == pytest.approx(0.6, abs=0.01)
        assert (row.ci_low, row.p_value) == (None, None)
        assert "99" in row.warnings[0]


def skewed(cap: float) -> Measure:
    """600 units against 150 that spend what few spend."""
    amounts = np.minimum(np.random.default_rng(3).lognormal(0, 1.5, 750), cap)
    cells = (Stratum(cell_of(amounts[:600]), cell_of(amounts[600:] + 5)),)
    return lambda alpha: contrast(metric("mean"), cells, alpha=alpha)


@pytest.mark.parametrize("reading", [ALWAYS, at_look(0.2), FIXED])
def test_where_a_few_large_values_decide_there_is_no_verdict_and_a_way_out(reading: Reading) -> None:
    [row] = corrected([judged(metric("mean"), skewed(np.inf), reading)], method="holm", alpha=0.05)
    assert (row.verdict, row.significant) == ("doubted", None)
    assert "Set a cap" in row.doubt
    assert row.warnings[0] == row.doubt
    assert (row.p_value is None) == (reading is not FIXED)
    [capped] = corrected([judged(metric("mean"), skewed(3), reading)], method="holm", alpha=0.05)
    assert (capped.verdict, capped.doubt) == ("better", "")


def test_a_planned_look_asks_for_less_skew_than_a_single_reading() -> None:
    """150 lognormal units against 600, as simulated: at a look 5% become 8%, read once they stay 5%."""
    third, cells = 6.0, Cell(n=600, y=1.0, yy=600.0, y3=600 * 6.0)
    tilted = Stratum(cells, Cell(n=1500, y=1.2, yy=1500.0, y3=1500 * third))

    def between(alpha: float) -> Contrast | None:
        return contrast(metric("mean"), (tilted,), alpha=alpha)

    found = between(0.05)
    assert found is not None
    assert 0.1 < abs(found.skewness or 0) < 0.2
    assert judged(metric("mean"), between, at_look(0.2)).doubt
    assert not judged(metric("mean"), between, ALWAYS).doubt


def test_a_doubted_metric_stays_a_test_of_its_family() -> None:
    rows = [
        MetricRow(key=key, title=key, role="secondary", kind="mean", difference=1.0, p_value=0.03, doubt=doubt)
        for key, doubt in (("one", ""), ("two", "Not to be trusted."))
    ]
    one, two = corrected(rows, method="holm", alpha=0.05)
    assert one.p_corrected == pytest.approx(0.06)
    assert one.significant is False
    assert (two.p_corrected, two.verdict) == (None, "doubted")


def test_before_twenty_of_the_rarer_kind_a_rate_is_not_read() -> None:
    row = judged(RATE, measure(0.0, 0.0045), ALWAYS)
    assert row.p_value is None
    assert "rarer kind" in row.warnings[0]


def test_a_small_arm_that_can_expect_next_to_no_hit_is_not_read() -> None:
    cells = (Stratum(Cell(n=9900, y=0.005), Cell(n=100, y=0.03)),)
    for reading in (ALWAYS, at_look(0.2)):
        row = judged(RATE, lambda alpha: contrast(RATE, cells, alpha=alpha), reading)
        assert row.p_value is None
        assert "may expect 0.5" in row.warnings[0]


def test_a_look_crosses_its_bound_exactly_when_its_p_value_is_below_alpha() -> None:
    information = (0.2, 0.4, 0.6)
    bound = group_sequential_bounds(information).bounds[-1]
    for z in (bound - 1e-6, bound + 1e-6):
        row = judged(metric(), with_z(z), at_look(*information))
        assert row.z == pytest.approx(z)
        assert row.stopping_bound == pytest.approx(bound)
        assert ((row.p_value or 0) < 0.05) == (z > bound)


def with_z(z: float) -> Measure:
    """A contrast with this z and 1,000 units in each arm, half of them hits."""

    def found(alpha: float) -> Contrast:
        base = contrast(metric(), (Stratum(Cell(1000, 0.0, yy=999.0), Cell(1000, 0.0, yy=999.0)),), alpha=alpha)
        assert base is not None
        p = 2 * float(stats.norm.sf(z))
        return Contrast(
            result=type(base.result)(**{**vars(base.result), "estimate": 0.1, "p_value": p, "statistic": z}),
            v0=base.v0,
            v1=base.v1,
            n0=1000,
            n1=1000,
        )

    return found


def test_the_p_value_of_a_look_is_the_level_that_it_just_reaches() -> None:
    row = judged(metric(), with_z(2.6), at_look(0.5, 0.75, spending="pocock"))
    level = row.p_value or 0
    bound = group_sequential_bounds((0.5, 0.75), alpha=level, spending="pocock").bounds[-1]
    assert bound == pytest.approx(2.6, abs=1e-3)


def test_one_look_at_the_planned_size_is_a_fixed_test() -> None:
    row, once = judged(RATE, measure(0.30, 0.34), at_look(1.0)), judged(RATE, measure(0.30, 0.34), FIXED)
    assert row.p_value == once.p_value
    assert row.ci_low == pytest.approx(once.ci_low)
    assert row.stopping_bound == pytest.approx(1.96, abs=1e-3)


def test_a_p_value_too_small_for_any_bound_stays_itself() -> None:
    row = judged(RATE, measure(0.3, 0.6), at_look(0.5, 1.0))
    assert 0 < (row.p_value or 0) <= 1e-10


def test_the_level_of_a_bound_is_two_sided() -> None:
    assert nominal(1.959964) == pytest.approx(0.05, abs=1e-6)


def test_what_held_at_an_earlier_look_still_holds() -> None:
    row = judged(RATE, measure(0.30, 0.34), ALWAYS)
    assert row.ci_low is not None
    now = remembered(row, History(p_value=1e-4, low=row.ci_low + 0.001, high=0.9), 0.05)
    assert (now.p_value, now.ci_low, now.ci_high) == (1e-4, row.ci_low + 0.001, row.ci_high)
    assert remembered(row, None, 0.05) == row


def test_a_difference_outside_of_earlier_bounds_is_called_a_drift() -> None:
    row = judged(RATE, measure(0.30, 0.34), ALWAYS)
    now = remembered(row, History(p_value=0.2, low=-0.5, high=0.01), 0.05)
    assert (now.ci_low, now.ci_high) == (row.ci_low, row.ci_high)
    assert DRIFTED in now.warnings


def test_after_a_drift_p_interval_and_verdict_are_of_one_look() -> None:
    row = judged(RATE, measure(0.30, 0.295), ALWAYS)
    now = remembered(row, History(p_value=1.6e-4, low=0.03, high=0.11), 0.05)
    assert DRIFTED in now.warnings
    assert (now.p_value, now.ci_low, now.ci_high) == (row.p_value, row.ci_low, row.ci_high)
    [read] = corrected([now], method="holm", alpha=0.05)
    assert (read.verdict, read.significant) == ("no_difference_shown", False)


def test_a_fixed_reading_forgets_earlier_ones() -> None:
    row = judged(RATE, measure(0.30, 0.34), FIXED)
    assert remembered(row, History(p_value=1e-9, low=0.039, high=0.041), 0.05) == row


def row_of(key: str, p: float | None, *, role: str = "secondary", difference: float = 0.1, **fields: str) -> MetricRow:
    return MetricRow(key=key, title=key, role=role, kind="rate", p_value=p, difference=difference, **fields)  # type: ignore[arg-type]


def test_the_primary_metric_is_read_at_alpha_and_secondary_ones_are_corrected_among_themselves() -> None:
    rows = [
        row_of("a", 0.04, role="primary"),
        row_of("b", 0.02),
        row_of("c", 0.03),
        row_of("d", 0.01),
        row_of("g", 0.04, role="guardrail"),
    ]
    holm = corrected(rows, method="holm", alpha=0.05)
    assert [row.p_corrected for row in holm] == [None, *(pytest.approx(p) for p in (0.04, 0.04, 0.03)), None]
    assert [row.p_deciding for row in holm[:2]] == [0.04, pytest.approx(0.04)]
    assert [row.significant for row in holm] == [True] * 5
    bh = corrected(rows, method="bh", alpha=0.025)
    assert [row.p_corrected for row in bh[1:4]] == [pytest.approx(0.03)] * 3
    assert [row.significant for row in bh] == [False] * 5
    none = corrected(rows, method="none", alpha=0.05)
    assert [row.p_corrected for row in none] == [None] * 5
    assert all(row.significant for row in none)


def test_better_is_what_the_plan_calls_better() -> None:
    [up] = corrected([row_of("a", 0.001)], method="holm", alpha=0.05)
    [down] = corrected([row_of("a", 0.001, direction="lower")], method="holm", alpha=0.05)
    [unclear] = corrected([row_of("a", 0.5)], method="holm", alpha=0.05)
    [undefined] = corrected([row_of("a", None)], method="holm", alpha=0.05)
    assert [one.verdict for one in (up, down, unclear, undefined)] == [
        "better",
        "worse",
        "no_difference_shown",
        "undefined",
    ]


def test_segments_are_corrected_by_benjamini_and_hochberg() -> None:
    rows = [SegmentRow(attribute="os", value=name, row=row_of("m", p)) for name, p in (("a", 0.01), ("b", 0.04))]
    found = corrected_segments(rows, alpha=0.05)
    assert [one.row.p_corrected for one in found] == [pytest.approx(0.02), pytest.approx(0.04)]
    assert corrected_segments([], alpha=0.05) == ()


def test_rows_without_units_say_so() -> None:
    row = judged(RATE, lambda alpha: None, FIXED)
    assert row.difference is None
    assert "no unit" in row.warnings[0]
    assert not math.isnan(row.control_n)
