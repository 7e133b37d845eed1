import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import power_proportions_2indep, proportion_effectsize

from experiments.stats.power import (
    minimum_detectable_effect,
    power_two_proportions,
    required_sample_size,
    sample_size_means,
    sample_size_paired,
    sample_size_paired_means,
    sample_size_two_proportions,
    sample_size_win_rate,
)
from tests.stats.vectors import vector

rates = st.floats(0.02, 0.9)


def test_sizes_match_vector_sample_size() -> None:
    v = vector("sample_size")
    for case, expected in v.cases():
        rate, effect = case["baseline_rate"], case["min_detectable_effect"]
        plan = {"alpha": case["alpha"], "power": case["power"]}
        tutorial = required_sample_size(rate, effect, **plan)
        two = sample_size_two_proportions(rate, effect, **plan)
        assert tutorial == expected["ttest_ind_power_ceil"]
        assert effect / math.sqrt(rate * (1 - rate)) == v.near(expected["effect_size"])
        means = sample_size_means(math.sqrt(rate * (1 - rate)), effect, **plan)
        assert means.estimate == v.near(expected["ttest_ind_power"])
        assert two.estimate == v.near(expected["two_proportion_pooled"])
        assert two.control == two.treatment == expected["two_proportion_ceil"]
        arcsine = NormalIndPower().solve_power(proportion_effectsize(rate + effect, rate), **plan)
        assert arcsine == v.near(expected["cohen_h"])
        up = power_two_proportions(rate, rate + effect, tutorial, tutorial, alpha=case["alpha"])
        down = power_two_proportions(rate, rate - effect, tutorial, tutorial, alpha=case["alpha"])
        assert (up, down) == v.near((expected["true_power_of_that_n_if_up"], expected["true_power_of_that_n_if_down"]))


def test_uneven_arms_match_vector_sample_size_80_20() -> None:
    v = vector("sample_size_80_20")
    case = v.inputs
    sd = math.sqrt(case["baseline_rate"] * (1 - case["baseline_rate"]))
    plan = {"alpha": case["alpha"], "power": case["power"]}
    uneven = sample_size_means(sd, case["min_detectable_effect"], **plan, ratio=case["ratio"])
    even = sample_size_means(sd, case["min_detectable_effect"], **plan)
    assert uneven.estimate == v.near(v.expected["n_control"])
    assert (uneven.estimate or 0) * 0.25 == v.near(v.expected["n_treatment"])
    assert (uneven.estimate or 0) * 1.25 == v.near(v.expected["total"])
    assert (even.estimate or 0) * 2 == v.near(v.expected["total_1to1"])


def test_pairs_match_vector_sample_size_paired() -> None:
    v = vector("sample_size_paired")
    for case, expected in v.cases():
        assert sample_size_paired(**case).estimate == v.near(expected)


@given(rates, st.floats(0.02, 0.09), st.sampled_from([0.25, 1.0, 3.0]))
def test_the_planned_size_has_the_asked_power(rate: float, effect: float, ratio: float) -> None:
    size = sample_size_two_proportions(rate, effect, ratio=ratio, power=0.9)
    exact = size.estimate or 0
    assert power_two_proportions(rate, rate + effect, exact, exact * ratio) == pytest.approx(0.9, abs=1e-4)
    assert size.total == size.control + size.treatment


@given(rates, st.floats(0.02, 0.09), st.integers(50, 5000))
def test_power_agrees_with_statsmodels(rate: float, effect: float, n: int) -> None:
    ours = power_two_proportions(rate, rate + effect, n, n)
    theirs = power_proportions_2indep(effect, rate, n, return_results=False)
    assert ours == pytest.approx(theirs, abs=2e-3)  # theirs leaves the far tail out


@given(rates, st.integers(100, 100_000))
def test_the_detectable_effect_is_the_way_back_of_the_size(rate: float, n: int) -> None:
    effect = minimum_detectable_effect(rate, n).estimate
    if effect is not None:
        assert sample_size_two_proportions(rate, effect).estimate == pytest.approx(n, rel=1e-3)


def test_complements_need_the_same_size() -> None:
    assert sample_size_two_proportions(0.3, 0.05).estimate == pytest.approx(
        sample_size_two_proportions(0.7, -0.05).estimate
    )


def test_a_design_effect_multiplies_the_size() -> None:
    plain, clustered = sample_size_two_proportions(0.5, 0.05), sample_size_two_proportions(0.5, 0.05, design_effect=2.5)
    assert (clustered.estimate or 0) == pytest.approx(2.5 * (plain.estimate or 0))


def test_the_two_formulas_differ_as_documented() -> None:
    assert required_sample_size(0.75, 0.05) == 1179
    assert sample_size_two_proportions(0.75, 0.05).control == 1094


def test_a_win_rate_without_ties_needs_the_size_of_one_proportion() -> None:
    z = 1.959963985 * 0.5 + 0.841621234 * math.sqrt(0.6 * 0.4)
    assert sample_size_win_rate(0.6).estimate == pytest.approx((z / 0.1) ** 2)
    assert (sample_size_win_rate(0.6, tie_rate=0.3).estimate or 0) < (sample_size_win_rate(0.6).estimate or 0)


def test_paired_means_need_about_the_normal_size_when_it_is_large() -> None:
    normal = ((1.959963985 + 0.841621234) / 0.05) ** 2
    assert sample_size_paired_means(1, 0.05).estimate == pytest.approx(normal, rel=1e-3)


def test_too_few_units_have_no_detectable_effect() -> None:
    result = minimum_detectable_effect(0.9, 5)
    assert result.estimate is None
    assert result.warnings
