"""Differences of paired rates, and whether the candidate is at most a margin worse."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from experiments.stats import quantiles
from experiments.stats.non_inferiority import cases_needed, non_inferior_means, non_inferior_rates
from experiments.stats.paired import paired_difference
from experiments.stats.paired_rates import paired_rate_difference, shift_z

cells = st.integers(0, 60)
tables = st.tuples(cells, cells, cells, cells).filter(lambda table: sum(table) > 0)


def known(value: float | None) -> float:
    assert value is not None
    return value


def test_published_interval_of_airway_reactivity() -> None:
    """Fagerland, Lydersen & Laake 2014, table 1: 1, 1, 7, 12; Tango's interval .026 to .517."""
    found = paired_rate_difference(1, 1, 7, 12)
    assert (found.estimate, found.ci_low, found.ci_high) == pytest.approx((0.286, 0.026, 0.517), abs=5e-4)


def by_maximum_likelihood(table: tuple[int, int, int, int], shift: float) -> float:
    """Tango's statistic with its nuisance found by maximising the likelihood rather than by a formula."""
    a, b, c, d = table
    n = sum(table)

    def minus_log_likelihood(q: float) -> float:
        parts = ((b, q), (c, q + shift), (a + d, 1 - 2 * q - shift))
        return -sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

    low, high = max(0.0, -shift), (1 - shift) / 2
    q = float(optimize.minimize_scalar(minus_log_likelihood, bounds=(low, high), options={"xatol": 1e-12}).x)
    return float((c - b - n * shift) / math.sqrt(n * (2 * q + shift * (1 - shift))))


@given(tables, st.floats(-0.6, 0.6).filter(lambda shift: abs(shift) > 0.01))
def test_the_score_is_that_of_the_maximised_likelihood(table: tuple[int, int, int, int], shift: float) -> None:
    z = shift_z(*table, shift)
    assert z is not None
    assert z == pytest.approx(by_maximum_likelihood(table, shift), abs=1e-3, rel=1e-3)


@given(tables)
def test_swapping_the_models_mirrors_the_difference(table: tuple[int, int, int, int]) -> None:
    a, b, c, d = table
    one, other = paired_rate_difference(a, b, c, d), paired_rate_difference(a, c, b, d)
    assert one.estimate == pytest.approx(-known(other.estimate))
    assert (one.ci_low, one.ci_high) == pytest.approx((-known(other.ci_high), -known(other.ci_low)), abs=1e-8)
    assert one.p_value == other.p_value
    assert -1 <= known(one.ci_low) <= known(one.estimate) <= known(one.ci_high) <= 1


def test_no_pair_is_no_number() -> None:
    found = paired_rate_difference(0, 0, 0, 0)
    assert (found.estimate, found.p_value, found.n) == (None, None, 0)
    assert found.warnings


@pytest.mark.parametrize("table", [(-1, 0, 0, 0), (0, 0.5, 0, 0)])
def test_what_is_no_count_is_refused_by_name(table: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"both|only_baseline"):
        paired_rate_difference(*table)


@given(tables, st.floats(0.01, 0.3))
def test_the_verdict_is_where_the_interval_lies(table: tuple[int, int, int, int], margin: float) -> None:
    found = non_inferior_rates(*table, margin=margin)
    assert found.ci_low is not None
    assert found.ci_high is not None
    expected = "undecided"
    if found.ci_low > -margin:
        expected = "no regression shown"
    elif found.ci_high < -margin:
        expected = "regression shown"
    assert found.verdict == expected
    assert (found.more is not None) == (expected == "undecided")
    if found.p_value is not None and abs(found.ci_low + margin) > 1e-6:
        assert (found.p_value < 0.025) == (expected == "no regression shown")


def test_the_point_rule_stands_beside_the_test() -> None:
    small = non_inferior_rates(20, 1, 0, 9, margin=0.05)
    assert (small.point_holds, small.verdict) == (True, "undecided")
    assert small.more is not None
    assert small.more > 0
    large = non_inferior_rates(2000, 100, 0, 900, margin=0.05)
    assert (large.point_holds, large.verdict) == (True, "no regression shown")
    lost = non_inferior_rates(2000, 600, 100, 300, margin=0.05)
    assert (lost.point_holds, lost.verdict) == (False, "regression shown")


def test_a_relative_margin_is_a_share_of_the_baseline() -> None:
    """From 20% to 18.5%: 1.5 points, and 7.5% of the baseline."""
    table = (3600, 400, 100, 15900)
    assert non_inferior_rates(*table, margin=0.05).verdict == "no regression shown"
    relative = non_inferior_rates(*table, margin=0.05, relative=True)
    assert relative.verdict == "regression shown"
    assert relative.estimate == pytest.approx(-0.075)


def test_a_baseline_of_zero_has_no_relative_margin() -> None:
    found = non_inferior_rates(0, 0, 3, 7, margin=0.05, relative=True)
    assert (found.estimate, found.verdict, found.point_holds) == (None, "undecided", None)
    assert any("baseline is 0" in warning for warning in found.warnings)


def test_without_discordant_cases_the_number_missing_is_still_told() -> None:
    found = non_inferior_rates(15, 0, 0, 5, margin=0.05)
    assert found.verdict == "undecided"
    assert found.needed == cases_needed(0.05, math.sqrt(1 / 22)) == 143
    assert found.more == 123


@given(st.integers(1, 3000), st.integers(0, 3000), st.floats(0.01, 0.5))
def test_without_discordant_cases_a_relative_margin_is_held_against_the_rate(both: int, neither: int, m: float) -> None:
    found = non_inferior_rates(both, 0, 0, neither, margin=m, relative=True)
    rate = both / (both + neither)
    plain = paired_rate_difference(both, 0, 0, neither)
    assert (found.estimate, found.point_holds) == (0.0, True)
    ends = (max(-1.0, known(plain.ci_low) / rate), known(plain.ci_high) / rate)
    assert (found.ci_low, found.ci_high) == pytest.approx(ends)
    assert found.needed == cases_needed(m * rate, math.sqrt(1 / (both + neither + 2)))
    assert found.verdict in ("no regression shown", "undecided")
    assert (found.more is not None) == (found.verdict == "undecided")
    if abs(known(found.ci_low) + m) > 1e-6:
        assert (known(found.p_value) < 0.025) == (found.verdict == "no regression shown")


def test_a_candidate_that_got_nothing_right_has_lost_more_than_any_relative_margin() -> None:
    found = non_inferior_rates(0, 40, 0, 40, margin=0.05, relative=True)
    assert (found.estimate, found.verdict, found.point_holds) == (-1.0, "regression shown", False)
    assert found.ci_low == -1.0 < known(found.ci_high) < -0.5


def test_a_baseline_without_any_right_case_has_no_relative_change() -> None:
    assert non_inferior_rates(0, 0, 0, 9, margin=0.05, relative=True).estimate is None


def test_so_many_cases_as_needed_show_no_regression_with_the_power_promised() -> None:
    rng = np.random.default_rng(4)
    needed = cases_needed(0.05, math.sqrt(0.2))
    assert needed is not None
    shown = 0
    for table in rng.multinomial(needed, [0.6, 0.1, 0.1, 0.2], size=2000):
        shown += non_inferior_rates(*table.tolist(), margin=0.05).verdict == "no regression shown"
    assert 0.77 < shown / 2000 < 0.83


def test_a_true_loss_of_the_margin_is_rarely_let_through() -> None:
    rng = np.random.default_rng(5)
    let_through = 0
    for table in rng.multinomial(400, [0.5, 0.15, 0.10, 0.25], size=4000):
        let_through += non_inferior_rates(*table.tolist(), margin=0.05).verdict == "no regression shown"
    assert 0.015 < let_through / 4000 < 0.035


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_for_values_the_interval_is_that_of_the_paired_difference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.random(60), rng.random(60)
    clusters = rng.integers(0, 20, size=60)
    found = non_inferior_means(before, after, margin=0.1, clusters=clusters)
    paired = paired_difference(before, after, clusters=clusters)
    assert (found.estimate, found.ci_low, found.ci_high) == (paired.estimate, paired.ci_low, paired.ci_high)
    assert paired.se is not None
    assert paired.df is not None
    assert paired.estimate is not None
    t = (paired.estimate + 0.1) / paired.se
    assert found.p_value == pytest.approx(float(special.stdtr(paired.df, -t)))


def test_equal_differences_leave_the_question_open() -> None:
    found = non_inferior_means([0.2, 0.4, 0.6], [0.2, 0.4, 0.6], margin=0.05)
    assert (found.verdict, found.ci_low, found.point_holds, found.more) == ("undecided", None, True, None)
    assert found.warnings


@given(st.integers(1, 400), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_between_its_order_statistics(n: int, q: float) -> None:
    values = np.random.default_rng(n).lognormal(size=n)
    found = quantiles.quantile_interval(values, q)
    assert found.estimate == quantiles.value(values, q)
    low, high = found.ci_low, found.ci_high
    assert low is None or low <= known(found.estimate)
    assert high is None or high >= known(found.estimate)
    assert bool(found.warnings) == (found.ci_low is None or found.ci_high is None)


def test_a_quantile_without_enough_values_says_how_many_it_takes() -> None:
    found = quantiles.quantile_interval(np.arange(100.0), 0.99)
    assert found.ci_high is None
    assert "368" in found.warnings[0]
