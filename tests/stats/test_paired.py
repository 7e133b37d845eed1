import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import contingency_tables

from experiments.stats.binomial import mid_p
from experiments.stats.paired import mcnemar, paired_bootstrap, paired_difference, sign_test, wilcoxon_signed_rank
from experiments.stats.signed_rank import signed_rank
from tests.stats.vectors import vector

counts = st.tuples(st.integers(0, 200), st.integers(0, 200)).filter(lambda bc: sum(bc) > 0)
pairs = st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=3, max_size=40)


def test_discordant_counts_match_vector_mcnemar() -> None:
    v = vector("mcnemar")
    for case, expected in v.cases():
        exact, mid = mcnemar(**case, method="exact"), mcnemar(**case)
        chi2, corrected = mcnemar(**case, method="chi2"), mcnemar(**case, method="chi2", correction=True)
        assert (exact.p_value, mid.p_value) == v.near((expected["exact_p"], expected["mid_p"]))
        assert (chi2.statistic, chi2.p_value) == v.near((expected["chi2"], expected["chi2_p"]))
        assert (corrected.statistic, corrected.p_value) == v.near((expected["chi2_cc"], expected["chi2_cc_p"]))


def test_signed_ranks_match_vector_wilcoxon_hollander_wolfe() -> None:
    v = vector("wilcoxon_hollander_wolfe")
    x, y = np.array(v.inputs["x"]), np.array(v.inputs["y"])
    ranks, signs = wilcoxon_signed_rank(x - y), sign_test(v.expected["sign_pos"], 9 - v.expected["sign_pos"])
    paired = paired_difference(y, x)
    assert (ranks.statistic, ranks.p_value) == v.near((v.expected["V"], v.expected["p_two_sided"]))
    assert (ranks.p_value or 0) / 2 == v.near(v.expected["p_greater"])
    assert np.count_nonzero(x > y) == v.expected["sign_pos"]
    assert signs.p_value == v.near(v.expected["sign_p"])
    assert (paired.statistic, paired.p_value) == v.near((v.expected["paired_t"], v.expected["paired_t_p"]))
    assert (ranks.estimate, ranks.ci_low, ranks.ci_high) == pytest.approx((0.46, 0.01, 0.786))  # R ?wilcox.test


def test_paired_scores_match_vector_paired_scores_miller() -> None:
    v = vector("paired_scores_miller")
    result = paired_difference(v.inputs["b"], v.inputs["a"])
    assert (result.estimate, result.se, result.se_unpaired, result.correlation) == v.near(
        (v.expected["diff"], v.expected["se_paired"], v.expected["se_unpaired"], v.expected["corr"])
    )


@given(counts)
def test_mcnemar_agrees_with_statsmodels(bc: tuple[int, int]) -> None:
    b, c = bc
    table = np.array([[0, b], [c, 0]])
    assert mcnemar(b, c, method="exact").p_value == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue)
    theirs = contingency_tables.mcnemar(table, exact=False, correction=False)
    assert mcnemar(b, c, method="chi2").p_value == pytest.approx(theirs.pvalue)


@given(counts, st.sampled_from(["mid-p", "exact", "chi2"]))
def test_swapping_the_models_mirrors_mcnemar(bc: tuple[int, int], method: str) -> None:
    one = mcnemar(bc[0], bc[1], method=method)  # type: ignore[arg-type]
    other = mcnemar(bc[1], bc[0], method=method)  # type: ignore[arg-type]
    assert one.p_value == pytest.approx(other.p_value)
    assert one.ci_low == pytest.approx(1 - (other.ci_high or 0), abs=1e-9)
    assert one.ci_low is not None
    assert one.ci_high is not None
    assert one.ci_low <= (one.estimate or 0) <= one.ci_high


@given(counts)
def test_the_mid_p_interval_excludes_one_half_exactly_when_mid_p_rejects(bc: tuple[int, int]) -> None:
    result = mcnemar(*bc)
    assert result.p_value is not None
    assert result.ci_low is not None
    assert result.ci_high is not None
    if abs(result.p_value - 0.05) > 1e-6:
        assert (result.p_value < 0.05) == (not result.ci_low <= 0.5 <= result.ci_high)


def test_mid_p_of_large_counts_is_finite() -> None:
    assert 0 < mid_p(100_500, 200_000) < 0.05


def test_equal_results_leave_nothing_to_test() -> None:
    for result in (mcnemar(0, 0), sign_test(0, 0), wilcoxon_signed_rank([0, 0, 0])):
        assert result.estimate is None
        assert result.p_value is None
        assert result.warnings


def test_few_discordant_cases_warn_about_chi_square() -> None:
    assert mcnemar(3, 9, method="chi2").warnings
    assert not mcnemar(30, 90, method="chi2").warnings


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_sign_test_agrees_with_scipy(positive: int, negative: int) -> None:
    if positive + negative:
        theirs = stats.binomtest(positive, positive + negative)
        ours = sign_test(positive, negative)
        assert ours.p_value == pytest.approx(theirs.pvalue)
        interval = theirs.proportion_ci(method="exact")
        assert (ours.ci_low, ours.ci_high) == pytest.approx((interval.low, interval.high))


@given(st.lists(st.floats(-5, 5).filter(lambda x: abs(x) > 1e-3), min_size=3, max_size=30, unique_by=abs))
@settings(max_examples=50)
def test_exact_signed_ranks_agree_with_scipy(differences: list[float]) -> None:
    ours = wilcoxon_signed_rank(differences)
    theirs = stats.wilcoxon(differences, method="exact")
    assert ours.p_value == pytest.approx(theirs.pvalue)
    mirrored = wilcoxon_signed_rank([-one for one in differences])
    assert mirrored.p_value == pytest.approx(ours.p_value)
    assert mirrored.estimate == pytest.approx(-(ours.estimate or 0), abs=1e-9)


def test_tied_signed_ranks_agree_with_scipys_normal_approximation() -> None:
    differences = np.round(np.random.default_rng(0).normal(0.3, 1, 200), 1)
    kept = differences[differences != 0]
    theirs = stats.wilcoxon(kept, method="approx", correction=True)
    assert wilcoxon_signed_rank(differences).p_value == pytest.approx(theirs.pvalue)


def test_the_pseudomedian_of_many_differences_is_that_of_all_walsh_averages() -> None:
    differences = np.random.default_rng(1).normal(0.2, 1, 2500)
    ordered = np.sort(differences)
    averages = np.array([(a + b) / 2 for a, b in itertools.combinations_with_replacement(ordered[:2500], 2)])
    assert signed_rank(differences, 0.05).pseudomedian == pytest.approx(float(np.median(averages)), abs=1e-12)


@given(pairs)
def test_the_paired_difference_agrees_with_scipy(rows: list[tuple[float, float]]) -> None:
    before, after = np.array(rows).T
    ours = paired_difference(before, after)
    if (after - before).std() > 1e-6:
        theirs = stats.ttest_rel(after, before)
        assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-6)
    back = paired_difference(after, before)
    assert ours.estimate == pytest.approx(-(back.estimate or 0), abs=1e-12)


def test_the_bca_interval_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.exponential(size=80), rng.exponential(1.4, size=80)
    ours = paired_bootstrap(before, after, seed=1, resamples=20_000)
    theirs = stats.bootstrap((after - before,), np.mean, n_resamples=20_000, method="BCa", rng=2).confidence_interval
    width = theirs.high - theirs.low
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)


def test_the_bootstrap_repeats_its_digits_and_negates_with_the_arms() -> None:
    rng = np.random.default_rng(4)
    before, after, codes = rng.random(60), rng.random(60), np.arange(60) // 3
    one, again = (paired_bootstrap(before, after, clusters=codes, seed=5, resamples=999) for _ in range(2))
    back = paired_bootstrap(after, before, clusters=codes, seed=5, resamples=999)
    assert one == again
    assert one.estimate == pytest.approx(-(back.estimate or 0))
    assert one.ci_low is not None
    assert one.ci_high is not None
    assert one.ci_low <= (one.estimate or 0) <= one.ci_high
    assert one.ci_low == pytest.approx(-(back.ci_high or 0), abs=0.02)


def test_pairing_and_clusters_change_the_error_as_they_should() -> None:
    rng = np.random.default_rng(5)
    hard = rng.normal(size=100)
    codes = np.arange(100) // 5
    shift = rng.normal(size=20)[codes] * 0.5
    before, after = hard + rng.normal(size=100) * 0.2, hard + shift + rng.normal(size=100) * 0.2
    alone, grouped = paired_difference(before, after), paired_difference(before, after, clusters=codes)
    assert (alone.se_unpaired or 0) > 2 * (alone.se or 1)
    assert (grouped.se or 0) > 1.5 * (alone.se or 1)


def test_equal_differences_have_no_test_and_say_so() -> None:
    for result in (paired_difference([1, 2, 3], [1.1, 2.1, 3.1]), paired_bootstrap([1, 2, 3], [2, 3, 4], seed=1)):
        assert result.estimate is not None
        assert (result.ci_low, result.p_value) == (None, None)
        assert result.warnings


def test_one_case_has_no_uncertainty() -> None:
    result = paired_difference([1], [2])
    assert result.estimate == 1
    assert result.ci_low is None
    assert result.warnings
