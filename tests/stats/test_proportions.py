import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

from experiments.stats.binomial import fisher_p, newcombe, score_interval
from experiments.stats.lift import relative_lift
from experiments.stats.means import welch_t_test
from experiments.stats.proportions import (
    clopper_pearson_interval,
    srm_test,
    two_proportion_test,
    wilson_interval,
)
from tests.stats.vectors import vector

TWO_PROPORTIONS = (
    "two_prop_45_100_60_100",
    "two_prop_200_1000_250_1000",
    "two_prop_400_2000_460_2000",
    "two_prop_4421_6200_1223_1550",
)
arms = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize("name", TWO_PROPORTIONS)
def test_two_proportions_match_their_vector(name: str) -> None:
    v = vector(name)
    test = two_proportion_test(**v.inputs)
    assert test.z == v.near(v.expected["z"])
    assert test.p_value == v.near(v.expected["p_value"])
    assert test.estimate == v.near(v.expected["diff"])
    assert test.relative_lift == v.near(v.expected["relative_lift"])
    assert test.se == v.near(v.expected["se_unpooled"])
    assert (test.ci_low, test.ci_high) == v.near(tuple(v.expected["ci_newcombe"]))
    assert fisher_p(**{name: n for name, n in v.inputs.items() if name != "alpha"}) == v.near(v.expected["fisher_p"])
    wald = stats.norm.interval(0.95, loc=test.estimate or 0, scale=test.se or 0)
    assert tuple(wald) == v.near(tuple(v.expected["ci_wald"]))


def test_difference_intervals_match_vector_newcombe_table_ii() -> None:
    v = vector("newcombe_tableII")
    for case, expected in zip(v.inputs, v.expected["newcombe"], strict=True):
        assert newcombe(case["x2"], case["n2"], case["x1"], case["n1"]) == v.near(tuple(expected))
    first = v.inputs[0]
    counts = (first["x2"], first["n2"], first["x1"], first["n1"])
    assert score_interval(*counts) == v.near(tuple(v.expected["miettinen_nurminen"][0]))
    assert score_interval(*counts, correction=False) == v.near(tuple(v.expected["mee_no_correction"][0]))


def test_relative_lift_matches_vector_rel_lift() -> None:
    v = vector("rel_lift_4421_6200_1223_1550")
    test = two_proportion_test(**v.inputs)
    assert test.relative_lift == v.near(v.expected["lift"])
    assert (test.lift_low, test.lift_high) == v.near(tuple(v.expected["ci"]))
    p0, p1 = test.control or 0, test.treatment or 0
    lift = relative_lift(p0, p0 * (1 - p0), 6200, p1, p1 * (1 - p1), 1550)
    assert (lift.se, lift.p_value, lift.df) == v.near((v.expected["se"], v.expected["p_value"], v.expected["df"]))


def test_wilson_matches_vector_wilson() -> None:
    v = vector("wilson")
    for case, expected in v.cases():
        result = wilson_interval(case["x"], case["n"])
        assert (result.ci_low, result.ci_high) == v.near(tuple(expected))


def test_exact_interval_matches_vector_clopper_pearson() -> None:
    v = vector("clopper_pearson")
    for case, expected in v.cases():
        result = clopper_pearson_interval(case["x"], case["n"])
        assert (result.ci_low, result.ci_high) == v.near(tuple(expected))


def test_sample_ratio_matches_vector_srm() -> None:
    v = vector("srm")
    for case, expected in v.cases():
        result = srm_test(case["counts"], case["weights"])
        assert (result.statistic, result.p_value) == v.near((expected["chi2"], expected["p_value"]))
        assert result.mismatch == expected["srm_at_0001"]
        assert bool(result.warnings) == expected["srm_at_0001"]


def test_the_support_bot_case_matches_vector_support_bot_case_study() -> None:
    v = vector("support_bot_case_study")
    n0, n1 = v.inputs["control_n"], v.inputs["treatment_n"]
    for row in v.expected["rows"]:
        test = two_proportion_test(row["control_x"], n0, row["treatment_x"], n1)
        assert (test.z, test.p_value) == v.near((row["z"], row["p_value"]))
        assert (test.ci_low, test.ci_high) == v.near(tuple(row["ci_newcombe"]))
        printed = v.inputs["printed_p"]["completion" if row["metric"] == "task_completion" else "escalation"]
        implied = (abs(row["z"]) / stats.norm.isf(printed / 2)) ** 2
        name = "completion" if row["metric"] == "task_completion" else "escalation"
        assert implied == v.near(v.expected[f"deff_implied_{name}"])
    assert srm_test([n0, n1], [0.8, 0.2]).p_value == v.near(v.expected["srm_p"])


def test_means_of_the_support_bot_case_need_impossible_spreads() -> None:
    """Vector "support_bot_case_study": the sd its p-values imply, beside the largest a 1-5 scale allows."""
    v = vector("support_bot_case_study")
    n0, n1 = v.inputs["control_n"], v.inputs["treatment_n"]
    for name in ("csat", "turns"):
        low, high = v.inputs[name]
        z = stats.norm.isf(v.inputs["printed_p"][name] / 2)
        sd = abs(high - low) / (z * math.sqrt(1 / n0 + 1 / n1))
        assert sd == v.near(v.expected[f"implied_sd_{name}"])
    largest = [math.sqrt((mean - 1) * (5 - mean)) for mean in v.inputs["csat"]]
    assert largest == v.near(v.expected["max_possible_sd_1to5"])
    assert v.expected["implied_sd_csat"] > max(largest)
    control, treatment = v.inputs["csat"]
    test = welch_t_test(control, largest[0] ** 2, n0, treatment, largest[1] ** 2, n1)
    assert test.statistic is not None
    assert 2 * stats.norm.sf(test.statistic) == v.near(v.expected["max_p_csat_any_1to5_distribution"])


@given(arms, st.sampled_from([0.5, 0.8, 0.95, 0.999]))
def test_wilson_agrees_with_statsmodels(arm: tuple[int, int], confidence: float) -> None:
    x, n = arm
    ours = wilson_interval(x, n, confidence=confidence)
    theirs = proportion_confint(x, n, alpha=1 - confidence, method="wilson")
    assert (ours.ci_low, ours.ci_high) == pytest.approx(tuple(theirs), abs=1e-9)


@given(arms)
def test_wilson_interval_holds_the_rate_and_turns_with_its_complement(arm: tuple[int, int]) -> None:
    x, n = arm
    ours, other = wilson_interval(x, n), wilson_interval(n - x, n)
    assert ours.estimate is not None
    assert ours.ci_low is not None
    assert ours.ci_high is not None
    assert 0 <= ours.ci_low <= ours.estimate <= ours.ci_high <= 1
    assert other.ci_low == pytest.approx(1 - ours.ci_high, abs=1e-12)


@given(arms, arms)
def test_two_proportions_agree_with_statsmodels(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    test = two_proportion_test(*control, *treatment)
    if 0 < control[0] + treatment[0] < control[1] + treatment[1]:
        z, p = proportions_ztest([treatment[0], control[0]], [treatment[1], control[1]])
        assert (test.z, test.p_value) == pytest.approx((z, p), abs=1e-9)
    low, high = confint_proportions_2indep(*treatment, *control, method="newcomb")
    assert (test.ci_low, test.ci_high) == pytest.approx((low, high), abs=1e-9)


@given(arms, arms)
def test_swapping_the_arms_changes_only_the_sign(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    one, other = two_proportion_test(*control, *treatment), two_proportion_test(*treatment, *control)
    assert one.estimate == pytest.approx(-(other.estimate or 0), abs=1e-12)
    assert one.ci_low == pytest.approx(-(other.ci_high or 0), abs=1e-12)
    assert one.p_value == pytest.approx(other.p_value, abs=1e-12) if one.p_value is not None else not other.p_value


@given(arms, arms)
def test_complements_have_the_same_p_and_the_mirrored_interval(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    done = two_proportion_test(*control, *treatment)
    not_done = two_proportion_test(control[1] - control[0], control[1], treatment[1] - treatment[0], treatment[1])
    if done.p_value is not None:
        assert not_done.p_value == pytest.approx(done.p_value, rel=1e-6, abs=1e-12)
    assert not_done.ci_high == pytest.approx(-(done.ci_low or 0), abs=1e-9)


@given(arms, arms)
def test_the_interval_of_a_difference_holds_it(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    for low, high in (newcombe(*control, *treatment), score_interval(*control, *treatment)):
        difference = treatment[0] / treatment[1] - control[0] / control[1]
        assert -1 <= low <= difference + 1e-9
        assert difference - 1e-9 <= high <= 1


@pytest.mark.parametrize("x", [0, 20])
def test_equal_extreme_rates_have_no_z_but_an_interval(x: int) -> None:
    test = two_proportion_test(x, 20, 2 * x, 40)
    assert test.z is None
    assert test.p_value is None
    assert test.ci_low is not None
    assert "undefined" in test.warnings[0]


def test_a_control_rate_of_zero_has_no_relative_lift() -> None:
    test = two_proportion_test(0, 50, 5, 50)
    assert test.relative_lift is None
    assert any("no relative lift" in note for note in test.warnings)
    assert any("Fisher" in note for note in test.warnings)
    assert test.fisher_p == pytest.approx(0.0563, abs=1e-4)
    assert two_proportion_test(40, 100, 50, 100).fisher_p is None


def test_nothing_counted_has_no_rate() -> None:
    result = wilson_interval(0, 0)
    assert result.estimate is None
    assert result.warnings


def test_a_hundred_of_a_hundred_proves_only_97_percent() -> None:
    assert "97.0%" in wilson_interval(100, 100).warnings[0]


def test_a_lost_share_of_traffic_is_a_mismatch_that_names_the_arm() -> None:
    result = srm_test([5000, 4500], [0.5, 0.5])
    assert result.mismatch
    assert result.arm == 1
    assert "No verdict" in result.warnings[0]
    assert result.ci_high is not None
    assert result.ci_high < result.expected_share


def test_chi_square_of_the_split_agrees_with_scipy() -> None:
    counts = [410, 390, 205]
    ours = srm_test(counts, [2, 2, 1])
    theirs = stats.chisquare(counts, f_exp=[402, 402, 201])
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
