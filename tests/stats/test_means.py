import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from experiments.stats.means import CupedSums, clustered_mean, cuped, quantile_difference, welch_t_test
from experiments.stats.quantiles import needed_for_bound, rank, rank_interval, resampled, value
from tests.stats.vectors import vector

samples = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40)


def sums(x: np.ndarray, y: np.ndarray) -> CupedSums:
    return CupedSums(
        n=x.size,
        sum_y=float(y.sum()),
        sum_y2=float((y**2).sum()),
        sum_x=float(x.sum()),
        sum_x2=float((x**2).sum()),
        sum_xy=float((x * y).sum()),
    )


def welch(control: np.ndarray, treatment: np.ndarray):  # type: ignore[no-untyped-def]
    return welch_t_test(
        float(control.mean()),
        float(control.var(ddof=1)),
        control.size,
        float(treatment.mean()),
        float(treatment.var(ddof=1)),
        treatment.size,
    )


def test_the_adjusted_difference_matches_vector_cuped() -> None:
    v = vector("cuped")
    arms = {name: np.array(numbers) for name, numbers in v.inputs.items()}
    result = cuped(sums(arms["pre_control"], arms["post_control"]), sums(arms["pre_treatment"], arms["post_treatment"]))
    assert (result.theta, result.estimate, result.p_value) == v.near(
        (v.expected["theta"], v.expected["diff"], v.expected["p_value"])
    )
    assert (result.ci_low, result.ci_high) == v.near(tuple(v.expected["ci"]))
    assert (result.raw, result.raw_p) == v.near((v.expected["raw_diff"], v.expected["raw_p"]))
    assert result.variance_kept is not None
    assert result.variance_kept < 0.25


def test_clustered_errors_match_vector_clustered_se() -> None:
    v = vector("clustered_se")
    score, item, reviewer = v.inputs["score"], v.inputs["item"], v.inputs["reviewer"]
    alone, by_item, both = clustered_mean(score), clustered_mean(score, item), clustered_mean(score, item, reviewer)
    assert (alone.estimate, alone.se) == v.near((v.expected["mean"], v.expected["se_iid"]))
    assert by_item.se == v.near(v.expected["se_item_cr1"])
    groups = np.array(both.groups)
    cr0 = np.array(both.se_by_cluster) * np.sqrt((groups - 1) / groups)
    assert tuple(cr0) == v.near((v.expected["se_item_cr0"], v.expected["se_reviewer_cr0"]))
    iid_cr0 = (both.se_iid or 0) ** 2 * 11 / 12
    assert np.sqrt((cr0**2).sum() - iid_cr0) == v.near(v.expected["se_two_way_cr0"])
    assert both.se == v.near(v.expected["se_item_cr1"])
    assert cr0[0] ** 2 / (v.expected["se_iid"] ** 2) == v.near(v.expected["deff_item"])


def test_order_statistics_match_vector_quantile_rank_ci() -> None:
    v = vector("quantile_rank_ci")
    for case, expected in v.cases():
        found = rank_interval(case["n"], case["q"])
        assert (found.lower_rank, found.upper_rank) == (expected["lower_rank"], expected["upper_rank"])
        assert (found.upper_rank is None) == expected["upper_is_infinite"]
        assert found.coverage == v.near(expected["coverage"])


@given(samples, samples)
def test_welch_agrees_with_scipy(control: list[float], treatment: list[float]) -> None:
    first, second = np.array(control), np.array(treatment)
    ours = welch(first, second)
    if first.std() > 1e-6 and second.std() > 1e-6:
        theirs = stats.ttest_ind(second, first, equal_var=False)
        assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-6, abs=1e-12)
        low, high = theirs.confidence_interval()
        assert (ours.ci_low, ours.ci_high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


@given(samples, samples)
def test_swapping_the_arms_of_welch_changes_only_the_sign(control: list[float], treatment: list[float]) -> None:
    first, second = np.array(control), np.array(treatment)
    one, other = welch(first, second), welch(second, first)
    assert one.estimate == pytest.approx(-(other.estimate or 0))
    if one.ci_low is not None:
        assert one.ci_low == pytest.approx(-(other.ci_high or 0))
        assert one.p_value == pytest.approx(other.p_value)


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_cuped_agrees_with_adjusting_the_observations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = [rng.normal(5, 2, size) for size in (30, 45)]
    y = [0.8 * one + rng.normal(0, 1, one.size) for one in x]
    theta = np.cov(np.concatenate(x), np.concatenate(y))[0, 1] / np.concatenate(x).var(ddof=1)
    theirs = stats.ttest_ind(y[1] - theta * x[1], y[0] - theta * x[0], equal_var=False)
    ours = cuped(sums(x[0], y[0]), sums(x[1], y[1]))
    assert (ours.theta, ours.statistic, ours.p_value) == pytest.approx((theta, theirs.statistic, theirs.pvalue))


def test_a_covariate_that_does_not_vary_adjusts_nothing() -> None:
    y = [np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0, 7.0])]
    ours = cuped(sums(np.ones(3), y[0]), sums(np.ones(3), y[1]))
    assert ours.theta == 0
    assert ours.estimate == pytest.approx(5 / 3)
    assert any("does not vary" in note for note in ours.warnings)


def test_constant_arms_have_no_test_and_say_so() -> None:
    result = welch_t_test(1.0, 0.0, 10, 2.0, 0.0, 10)
    assert result.estimate == 1
    assert (result.ci_low, result.p_value) == (None, None)
    assert result.warnings


def test_one_way_clusters_agree_with_statsmodels() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 30, 400)
    numbers = rng.normal(size=30)[codes] + rng.normal(size=400)
    theirs = sm.OLS(numbers, np.ones(400)).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}, use_t=True
    )
    ours = clustered_mean(numbers, codes)
    assert ours.se == pytest.approx(theirs.bse[0] * np.sqrt(30 / 29))
    assert ours.df == 29


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=50), st.integers(0, 9))
def test_the_clustered_interval_holds_the_mean_whatever_the_order(numbers: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes, order = rng.integers(0, 4, len(numbers)), rng.permutation(len(numbers))
    one = clustered_mean(numbers, codes)
    other = clustered_mean(np.array(numbers)[order], codes[order])
    assert one.estimate == pytest.approx(other.estimate, abs=1e-9)
    if one.ci_low is not None and one.ci_high is not None:
        assert one.ci_low <= (one.estimate or 0) <= one.ci_high
    else:
        assert one.warnings


def test_equal_values_are_not_a_tiny_spread() -> None:
    result = clustered_mean([0.1] * 7, [0, 0, 1, 1, 2, 2, 2])
    assert result.se == 0
    assert result.p_value is None
    assert result.warnings


@given(st.integers(0, 200), st.sampled_from([0.1, 0.5, 0.9]))
@settings(max_examples=25)
def test_swapping_the_arms_negates_a_quantile_difference(seed: int, q: float) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.exponential(size=120), rng.exponential(size=90)
    one = quantile_difference(first, second, q, seed=seed, resamples=500)
    other = quantile_difference(second, first, q, seed=seed, resamples=500)
    assert one.estimate == -(other.estimate or 0)
    assert one.ci_low is not None
    assert one.ci_high is not None
    assert one.ci_low <= (one.estimate or 0) <= one.ci_high


def test_the_drawn_order_statistic_has_the_law_of_a_real_resample() -> None:
    rng = np.random.default_rng(0)
    values = np.sort(rng.exponential(size=60))
    drawn = resampled(values, None, 0.8, rng, 20_000)
    made = np.sort(rng.choice(values, size=(20_000, 60)), axis=1)[:, rank(60, 0.8) - 1]
    assert stats.ks_2samp(drawn, made).statistic < 0.02


def test_clusters_of_one_give_the_law_of_independent_values() -> None:
    rng = np.random.default_rng(1)
    values = rng.exponential(size=60)
    drawn = resampled(values, None, 0.5, rng, 4000)
    by_cluster = resampled(values, np.arange(60), 0.5, rng, 4000)
    assert stats.ks_2samp(drawn, by_cluster).statistic < 0.05


def test_clustered_values_widen_the_interval_of_a_quantile() -> None:
    rng = np.random.default_rng(2)
    owners = np.arange(600) // 20
    arms = [rng.normal(size=30)[owners] * 2 + rng.normal(size=600) for _ in range(2)]
    narrow = quantile_difference(arms[0], arms[1], 0.5, seed=1)
    wide = quantile_difference(arms[0], arms[1], 0.5, clusters=(owners, owners), seed=1)
    assert (wide.ci_high or 0) - (wide.ci_low or 0) > 2 * ((narrow.ci_high or 0) - (narrow.ci_low or 0))


def test_p99_has_no_bound_below_299_values() -> None:
    assert needed_for_bound(0.99) == 299
    rng = np.random.default_rng(3)
    result = quantile_difference(rng.random(298), rng.random(1000), 0.99, seed=1)
    assert result.estimate is not None
    assert (result.ci_low, result.p_value) == (None, None)
    assert "299" in result.warnings[0]
    assert quantile_difference(rng.random(299), rng.random(1000), 0.99, seed=1).ci_low is not None


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_the_quantile_agrees_with_numpys_inverted_distribution(numbers: list[float], q: float) -> None:
    assert value(np.array(numbers), q) == np.quantile(numbers, q, method="inverted_cdf")
