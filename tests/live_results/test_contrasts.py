"""Cells of units to an estimate with its error, against the functions that see every unit."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from experiments.live_plan import Metric
from experiments.reports.live.cells import Cell, Stratum, cell_of, merged
from experiments.reports.live.contrasts import contrast
from experiments.reports.live.sums import read_cell
from experiments.reports.live.values import Values, quantile_contrast

RNG = np.random.default_rng(5)


def metric(kind: str = "mean", **fields: object) -> Metric:
    return Metric(**{"key": "m", "title": "M", "role": "primary", "kind": kind, "event": "e", **fields})  # type: ignore[arg-type]


def stratum(control: Cell, treatment: Cell) -> Stratum:
    return Stratum(control, treatment)


def test_cells_merge_without_loss() -> None:
    y, x = RNG.normal(5, 2, 90), RNG.normal(3, 1, 90)
    both = merged(cell_of(y[:40], x[:40]), cell_of(y[40:], x[40:]))
    whole = cell_of(y, x)
    for name in ("n", "y", "x", "yy", "xx", "xy", "y3", "y2x", "yx2", "x3"):
        assert getattr(both, name) == pytest.approx(getattr(whole, name))


def test_units_that_did_nothing_count_as_zeros() -> None:
    y = RNG.normal(5, 2, 40)
    assert cell_of(y).with_zeros(60).yy == pytest.approx(cell_of(np.concatenate([y, np.zeros(60)])).yy)
    assert cell_of(y).with_zeros(0) == cell_of(y)


def test_third_powers_are_what_the_database_can_sum() -> None:
    """Of a value with a square, both about their means, as regr_sxy gives them."""
    y, x = RNG.gamma(1, 3, 50), RNG.gamma(2, 1, 50)

    def together(a: np.ndarray, b: np.ndarray) -> float:
        return float((a - a.mean()) @ (b - b.mean()))

    sums = [50, y.mean(), x.mean(), together(y, y), together(x, x), together(x, y), y.mean(), 0]
    read = read_cell([*sums, together(y, y * y), together(x, y * y), together(y, x * x), together(x, x * x)])
    for name in ("y3", "y2x", "yx2", "x3"):
        assert getattr(read, name) == pytest.approx(getattr(cell_of(y, x), name))
    assert read.thirds(0.7) / 50 == pytest.approx(stats.moment(y - 0.7 * x, 3))


def test_a_difference_knows_how_skewed_it_is() -> None:
    y, x = RNG.lognormal(0, 1, 900), RNG.gamma(4, 1, 900) + 1
    cells = stratum(cell_of(y[:600], x[:600]), cell_of(y[600:], x[600:]))
    for kind, of_unit in (("mean", (y[:600], y[600:])), ("ratio", tuple(linear(y, x, at) for at in (0, 1)))):
        found = contrast(metric(kind), (cells,), alpha=0.05)
        assert found is not None
        third = [stats.moment(arm, 3) / arm.size**2 for arm in of_unit]
        se = math.sqrt(sum(arm.var(ddof=1) / arm.size for arm in of_unit))
        assert abs(found.skewness or 0) >= abs(third[1] - third[0]) / se**3 - 1e-9
    rate = contrast(metric("rate"), (stratum(Cell(n=200, y=0.3), Cell(n=100, y=0.4)),), alpha=0.05)
    assert rate is not None
    assert rate.skewness is None


def linear(y: np.ndarray, x: np.ndarray, arm: int) -> np.ndarray:
    part = slice(600, None) if arm else slice(600)
    return np.asarray((y[part] - y[part].mean() / x[part].mean() * x[part]) / x[part].mean())


def test_a_mean_is_welchs_t_test() -> None:
    control, treatment = RNG.normal(5, 2, 200), RNG.normal(5.4, 4, 90)
    found = contrast(metric(), (stratum(cell_of(control), cell_of(treatment)),), alpha=0.05)
    assert found is not None
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    assert found.result.p_value == pytest.approx(float(expected.pvalue))
    assert found.result.ci_low == pytest.approx(expected.confidence_interval().low)


def test_a_rate_is_the_pooled_two_proportion_test() -> None:
    cells = stratum(Cell(n=200, y=0.3, yy=42.0), Cell(n=100, y=0.4, yy=24.0))
    found = contrast(metric("rate"), (cells,), alpha=0.05)
    assert found is not None
    assert found.result.method.startswith("two-proportion z-test")
    assert found.result.statistic == pytest.approx(0.1 / math.sqrt(1 / 3 * 2 / 3 * (1 / 200 + 1 / 100)))


def test_a_ratio_has_the_error_that_the_bootstrap_of_units_has() -> None:
    def arm(n: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
        views = RNG.poisson(6, n) + 1.0
        return RNG.binomial(views.astype(int), RNG.beta(20 * rate, 20 * (1 - rate), n)).astype(float), views

    control, treatment = arm(3000, 0.2), arm(1500, 0.23)
    found = contrast(metric("ratio"), (stratum(cell_of(*control), cell_of(*treatment)),), alpha=0.05)
    assert found is not None
    assert found.result.control == pytest.approx(control[0].sum() / control[1].sum())

    def resampled(clicks: np.ndarray, views: np.ndarray) -> np.ndarray:
        drawn = RNG.integers(0, clicks.size, (2000, clicks.size))
        return np.asarray(clicks[drawn].sum(axis=1) / views[drawn].sum(axis=1))

    spread = (resampled(*treatment) - resampled(*control)).std()
    assert found.result.se == pytest.approx(spread, rel=0.06)


def test_a_ratio_without_denominator_is_undefined_and_says_so() -> None:
    found = contrast(metric("ratio"), (stratum(Cell(n=5), Cell(n=5)),), alpha=0.05)
    assert found is not None
    assert found.result.estimate is None
    assert "denominator" in found.result.warnings[0]


def test_a_covariate_takes_its_share_of_the_variance_away() -> None:
    x0, x1 = RNG.normal(3, 1, 2000), RNG.normal(3, 1, 2000)
    y0, y1 = x0 + RNG.normal(0, 0.5, 2000), x1 + RNG.normal(0, 0.5, 2000) + 0.1
    with_covariate = metric(covariate={"event": "e", "days": 7})
    found = contrast(with_covariate, (stratum(cell_of(y0, x0), cell_of(y1, x1)),), alpha=0.05)
    assert found is not None
    assert found.reduction == pytest.approx(0.8, abs=0.03)
    assert found.result.estimate == pytest.approx(0.1, abs=0.04)


def test_swapping_the_arms_turns_the_sign_and_nothing_else() -> None:
    phases = [stratum(cell_of(RNG.normal(5, 2, n)), cell_of(RNG.normal(5, 3, m))) for n, m in ((90, 10), (50, 60))]
    swapped = tuple(stratum(one.treatment, one.control) for one in phases)
    for kind in ("mean", "rate"):
        cells = (
            tuple(phases)
            if kind == "mean"
            else (stratum(Cell(50, 0.4), Cell(20, 0.5)), stratum(Cell(9, 0.2), Cell(8, 0.3)))
        )
        other = swapped if kind == "mean" else tuple(stratum(one.treatment, one.control) for one in cells)
        here, there = contrast(metric(kind), cells, alpha=0.05), contrast(metric(kind), other, alpha=0.05)
        assert here is not None
        assert there is not None
        assert here.result.estimate == pytest.approx(-(there.result.estimate or 0))
        assert here.result.p_value == pytest.approx(there.result.p_value)
        assert here.result.ci_low == pytest.approx(-(there.result.ci_high or 0))


def test_a_ramp_between_a_bad_and_a_good_day_makes_no_difference() -> None:
    """Simpson's paradox: nothing differs within a day, and pooled the treatment looks far better."""
    monday = stratum(Cell(n=9000, y=0.10), Cell(n=1000, y=0.10))
    sunday = stratum(Cell(n=1000, y=0.30), Cell(n=9000, y=0.30))
    found = contrast(metric("rate"), (monday, sunday), alpha=0.05)
    assert found is not None
    assert found.result.estimate == pytest.approx(0, abs=1e-12)
    assert found.result.p_value == pytest.approx(1)
    assert found.result.method.endswith("within each of 2 phases of the split")


def test_a_first_percent_of_traffic_weighs_no_more_than_it_can_tell() -> None:
    """Five units of treatment without a hit are no proof that treatment hits nothing."""
    percent = stratum(Cell(n=495, y=0.7), Cell(n=5, y=0.0))
    half = stratum(Cell(n=2000, y=0.7), Cell(n=2000, y=0.7))
    found = contrast(metric("rate"), (percent, half), alpha=0.05)
    assert found is not None
    told = (495 * 5 / 500, 1000)
    assert found.result.estimate == pytest.approx(-0.7 * told[0] / sum(told))
    alone = contrast(metric("rate"), (half,), alpha=0.05)
    assert alone is not None
    assert found.result.se == pytest.approx(alone.result.se, rel=0.01)


def test_an_arm_without_a_hit_is_not_certain_of_it() -> None:
    rare = stratum(Cell(n=20_000, y=0.02), Cell(n=500, y=0.0))
    expected = math.sqrt(rare.control.y * 0.98 / 20_000 + (400 / 20_500) * (1 - 400 / 20_500) / 500)
    for phases in ((rare,), (rare, rare)):
        found = contrast(metric("rate"), phases, alpha=0.05)
        assert found is not None
        assert found.result.se == pytest.approx(expected / math.sqrt(len(phases)))
        assert found.v1 > found.v0


def test_phases_of_one_split_are_as_good_as_one_phase() -> None:
    y0, y1 = RNG.normal(5, 2, 4000), RNG.normal(5.1, 2, 4000)
    whole = contrast(metric(), (stratum(cell_of(y0), cell_of(y1)),), alpha=0.05)
    halves = tuple(stratum(cell_of(y0[part]), cell_of(y1[part])) for part in (slice(0, 2000), slice(2000, 4000)))
    split = contrast(metric(), halves, alpha=0.05)
    assert whole is not None
    assert split is not None
    assert split.result.estimate == pytest.approx(whole.result.estimate)
    assert split.result.se == pytest.approx(whole.result.se, rel=0.01)


def test_covariates_and_ratios_hold_over_phases_too() -> None:
    x = [RNG.normal(3, 1, 3000) for _ in range(4)]
    y = [one + RNG.normal(0, 0.5, 3000) + lead for one, lead in zip(x, (0, 0.1, 1, 1.1), strict=True)]
    cells = [cell_of(b, a) for a, b in zip(x, y, strict=True)]
    phases = (stratum(cells[0], cells[1]), stratum(cells[2], cells[3]))
    found = contrast(metric(covariate={"event": "e", "days": 7}), phases, alpha=0.05)
    assert found is not None
    assert found.result.estimate == pytest.approx(0.1, abs=0.04)
    assert found.reduction == pytest.approx(0.8, abs=0.03)
    ratio = contrast(metric("ratio"), phases, alpha=0.05)
    assert ratio is not None
    assert ratio.result.control == pytest.approx((y[0].sum() + y[2].sum()) / (x[0].sum() + x[2].sum()))


def test_a_phase_with_an_empty_arm_is_left_out_with_a_word() -> None:
    phases = (stratum(Cell(n=500, y=0.3), Cell(n=0)), stratum(Cell(n=500, y=0.3), Cell(n=500, y=0.4)))
    found = contrast(metric("rate"), phases, alpha=0.05)
    assert found is not None
    assert found.result.n == 1000
    assert any("500 units" in note for note in found.result.warnings)


def test_without_a_unit_in_an_arm_there_is_no_contrast() -> None:
    assert contrast(metric(), (stratum(Cell(n=10, y=1.0), Cell()),), alpha=0.05) is None
    assert contrast(metric(), (), alpha=0.05) is None


def test_a_quantile_is_only_resampled_where_it_is_read_once() -> None:
    """A thousand resamples have no p-value below .002 and no interval at the level of an early look."""
    values = Values(
        control=RNG.lognormal(0, 1, 2000),
        treatment=RNG.lognormal(3, 1, 2000),
        control_unit=np.arange(2000),
        treatment_unit=np.arange(2000),
    )
    p95 = metric("quantile", q=0.95)
    for alpha in (0.05, 1e-6):
        found = quantile_contrast(p95, values, alpha=alpha)
        assert found is not None
        result = found.result
        assert "Woodruff" in result.method
        assert result.estimate is not None
        assert result.ci_low == pytest.approx(result.estimate + stats.norm.ppf(alpha / 2) * (result.se or 0))
        assert (result.p_value or 1) < 1e-6
    once = quantile_contrast(p95, values, alpha=0.05, once=True)
    assert once is not None
    assert "bootstrap" in once.result.method


def test_a_slow_day_with_more_treatment_does_not_make_the_model_slow() -> None:
    """Both models are alike. A tenth of the traffic on a fast day, nine tenths on a slow one."""
    days = ((3.0, 1800, 200), (4.0, 200, 1800))
    arms = [[RNG.lognormal(shift, 0.4, sizes[arm]) for shift, *sizes in days] for arm in (0, 1)]
    control, treatment = (np.concatenate(arm) for arm in arms)
    first, second = (np.repeat([0, 1], [one.size for one in arm]) for arm in arms)
    units = np.arange(2000)
    values = Values(control, treatment, units, units, 1.0, first, second)
    p95 = metric("quantile", q=0.95)
    found = quantile_contrast(p95, values, alpha=0.05, once=True)
    pooled = quantile_contrast(p95, replace(values, control_phase=None, treatment_phase=None), alpha=0.05)
    assert found is not None
    assert pooled is not None
    assert (pooled.result.p_value or 1) < 1e-6
    assert (found.result.p_value or 0) > 0.05
    assert "within each of 2 phases" in found.result.method
    assert (found.n0, found.n1, found.result.warnings) == (2000, 2000, ())


def test_a_phase_in_which_an_arm_has_next_to_no_unit_leaves_the_quantile_and_is_told() -> None:
    control, treatment = RNG.lognormal(3, 0.4, 1100), RNG.lognormal(3, 0.4, 1001)
    phase = np.arange(1100) >= 100
    values = Values(control, treatment, np.arange(1100), np.arange(1001), 1.0, phase * 1, (np.arange(1001) >= 1) * 1)
    found = quantile_contrast(metric("quantile", q=0.5), values, alpha=0.05)
    assert found is not None
    assert (found.n0, found.n1) == (1000, 1000)
    assert any("101 units" in note for note in found.result.warnings)
    alone = replace(values, control_phase=phase * 0, treatment_phase=phase[:1001] * 0 + 1)
    assert quantile_contrast(metric("quantile", q=0.5), alone, alpha=0.05) is None
