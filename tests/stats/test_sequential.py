import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from experiments.stats.proportions import two_proportion_test
from experiments.stats.sequential import (
    always_valid_p,
    asymptotic_confidence_sequence,
    asymptotic_sequence_spent,
    classical_bounds,
    crossing_probability,
    group_sequential_bounds,
    msprt,
    win_rate_confidence_sequence,
)
from tests.stats.vectors import vector


def test_confidence_sequences_match_vector_asymp_cs() -> None:
    v = vector("asymp_cs")
    for case, expected in v.cases():
        test = two_proportion_test(case["control_x"], case["control_n"], case["treatment_x"], case["treatment_n"])
        assert (test.estimate, test.se) == v.near((expected["diff"], expected["se"]))
        result = asymptotic_confidence_sequence(test.estimate or 0, test.se or 0, test.n, n_star=case["n_star"])
        assert (result.ci_low, result.ci_high) == v.near(tuple(expected["ci"]))
        assert ((result.ci_high or 0) - (result.ci_low or 0)) / 2 == v.near(expected["halfwidth"])
        assert result.p_value == v.near(expected["p_value"])
        assert 2 * stats.norm.sf(abs(test.estimate or 0) / (test.se or 1)) == v.near(expected["fixed_p"])
        assert math.sqrt((-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / 5000) == v.near(expected["rho"])


def test_mixture_ratios_match_vector_msprt() -> None:
    v = vector("msprt")
    p_values = []
    for look, expected in zip(v.inputs["looks"], v.expected, strict=True):
        n = look["n_per_arm"]
        test = two_proportion_test(look["control_x"], n, look["treatment_x"], n)
        result = msprt(test.estimate or 0, test.se or 0, tau2=v.inputs["tau2"], n=n)
        p_values.append(result.p_value or 0)
        assert (result.estimate, result.statistic, result.p_value) == v.near(
            (expected["diff"], expected["Lambda"], expected["p_n"])
        )
        assert always_valid_p(p_values)[-1] == v.near(expected["always_valid_p"])


def test_win_rates_match_vector_bernoulli_cs() -> None:
    v = vector("bernoulli_cs")
    for case, expected in v.cases():
        result = win_rate_confidence_sequence(**case)
        assert (result.ci_low, result.ci_high) == v.near(tuple(expected["ci"]))
        assert result.p_value == v.near(expected["p_vs_half"])


def test_spending_bounds_match_vector_gst_lan_demets() -> None:
    v = vector("gst_lan_demets")
    looks = v.inputs["t"]
    strict, even = group_sequential_bounds(looks), group_sequential_bounds(looks, spending="pocock")
    power = group_sequential_bounds(looks, spending="power", phi=2)
    assert strict.bounds == v.near(tuple(v.expected["obrien_fleming_spending"]))
    assert even.bounds == v.near(tuple(v.expected["pocock_spending"]))
    assert power.bounds == v.near(tuple(v.expected["power_spending_phi2"]))
    assert strict.spent == v.near(tuple(v.expected["cum_alpha_obf"]))
    assert even.spent == v.near(tuple(v.expected["cum_alpha_pocock"]))


def test_constant_bounds_match_vector_gst_classical() -> None:
    v = vector("gst_classical")
    for looks, pocock, fleming in zip(v.inputs["K"], v.expected["pocock"], v.expected["obrien_fleming"], strict=True):
        assert classical_bounds(looks, kind="pocock").bounds[-1] == v.near(pocock)
        assert classical_bounds(looks, kind="obrien-fleming").bounds[-1] == v.near(fleming)


def test_the_price_of_looking_matches_vector_peeking() -> None:
    v = vector("peeking")
    for looks, error in zip(v.inputs["K"], v.expected["type1"], strict=True):
        even = [(look + 1) / looks for look in range(looks)]
        assert crossing_probability([1.959963985] * looks, even)[-1] == v.near(error)


def test_the_mixture_ratio_is_the_integral_over_true_differences() -> None:
    estimate, se, tau2 = 0.03, 0.012, 0.0009

    def ratio(theta: float) -> float:
        likelihood = stats.norm.pdf(estimate, theta, se) / stats.norm.pdf(estimate, 0, se)
        return float(likelihood * stats.norm.pdf(theta, 0, math.sqrt(tau2)))

    found, _ = integrate.quad(ratio, -0.3, 0.3, points=[0, estimate])
    assert msprt(estimate, se, tau2=tau2, n=500).statistic == pytest.approx(found, rel=1e-6)


def test_the_beta_mixture_is_the_integral_over_win_rates() -> None:
    wins, n = 33, 50
    mixture, _ = integrate.quad(lambda p: p**wins * (1 - p) ** (n - wins), 0, 1)
    assert win_rate_confidence_sequence(wins, n).p_value == pytest.approx(min(1, 0.5**n / mixture))


@given(st.floats(-1, 1), st.floats(0.001, 0.5), st.integers(10, 100_000))
def test_a_sequence_excludes_zero_exactly_when_its_p_value_is_small(estimate: float, se: float, n: int) -> None:
    for result in (
        asymptotic_confidence_sequence(estimate, se, n),
        msprt(estimate, se, tau2=0.01, n=n),
    ):
        assert result.ci_low is not None
        assert result.ci_high is not None
        assert result.ci_low <= estimate <= result.ci_high
        assert result.p_value is not None
        if abs(result.p_value - 0.05) > 1e-9:
            assert (result.p_value < 0.05) == (not result.ci_low <= 0 <= result.ci_high)


@given(st.floats(-1, 1), st.floats(0.001, 0.5), st.integers(100, 10_000))
def test_a_sequence_is_wider_than_a_fixed_interval_and_turns_with_the_arms(estimate: float, se: float, n: int) -> None:
    one, other = asymptotic_confidence_sequence(estimate, se, n), asymptotic_confidence_sequence(-estimate, se, n)
    assert one.ci_low == pytest.approx(-(other.ci_high or 0))
    assert (one.ci_high or 0) - estimate > 1.96 * se


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_win_rate_sequence_mirrors_with_the_arms_and_holds_the_rate(counts: tuple[int, int]) -> None:
    wins, n = counts
    one, other = win_rate_confidence_sequence(wins, n), win_rate_confidence_sequence(n - wins, n)
    assert one.ci_low == pytest.approx(1 - (other.ci_high or 0), abs=1e-9)
    assert one.ci_low is not None
    assert one.ci_high is not None
    assert 0 <= one.ci_low <= wins / n <= one.ci_high <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_an_always_valid_p_never_rises(p_values: list[float]) -> None:
    running = always_valid_p(p_values)
    assert list(running) == [min(p_values[: look + 1]) for look in range(len(p_values))]


@given(st.integers(2, 8), st.sampled_from(["obrien-fleming", "pocock", "power"]), st.floats(0.01, 0.1))
def test_bounds_spend_exactly_their_alpha(looks: int, spending: str, alpha: float) -> None:
    rng = np.random.default_rng(looks)
    information = [*np.sort(rng.uniform(0.1, 0.95, looks - 1)), 1.0]
    if min(np.diff(information), default=1) < 0.01:
        return
    design = group_sequential_bounds(information, spending=spending, alpha=alpha)  # type: ignore[arg-type]
    assert crossing_probability(design.bounds, information)[-1] == pytest.approx(alpha, abs=1e-6)
    assert design.spent[-1] == pytest.approx(alpha)


def test_a_bound_does_not_depend_on_looks_still_to_come() -> None:
    short = group_sequential_bounds([0.3, 0.6])
    assert short.bounds == pytest.approx(group_sequential_bounds([0.3, 0.6, 0.9, 1.0]).bounds[:2])


def test_looks_that_spend_nothing_are_named() -> None:
    assert "3 early looks" in group_sequential_bounds([(look + 1) / 50 for look in range(50)]).warnings[0]


def test_power_of_a_design_rises_with_the_drift() -> None:
    looks = [0.5, 1.0]
    design = group_sequential_bounds(looks)
    drift = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert crossing_probability(design.bounds, looks, drift=drift)[-1] == pytest.approx(0.797, abs=0.003)


def test_no_spread_means_no_sequence() -> None:
    for result in (asymptotic_confidence_sequence(0.1, 0, 50), msprt(0.1, 0, tau2=1, n=50)):
        assert (result.ci_low, result.p_value) == (None, None)
        assert result.warnings


def test_no_vote_means_no_win_rate_sequence() -> None:
    result = win_rate_confidence_sequence(0, 0)
    assert result.estimate is None
    assert result.warnings


def test_starting_early_is_warned_about() -> None:
    assert asymptotic_confidence_sequence(0.1, 0.1, 20).warnings
    assert not asymptotic_confidence_sequence(0.1, 0.1, 200).warnings


def crossed_by(n: float, *, n_star: float, alpha: float, steps: int = 120) -> float:
    """The chance that a sequence looked at so often has excluded the truth by n observations."""
    sizes = np.geomspace(n / 20, n, steps)
    found = [
        asymptotic_confidence_sequence(0.0, 1 / math.sqrt(size), size, n_star=n_star, alpha=alpha) for size in sizes
    ]
    bounds = [(one.ci_high or 0) * math.sqrt(size) for one, size in zip(found, sizes, strict=True)]
    return crossing_probability(bounds, (sizes / n).tolist())[-1]


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_sequence_has_spent_no_more_than_said_and_about_half_of_it(alpha: float) -> None:
    for n in (500, 4000, 40_000):
        most = asymptotic_sequence_spent(n, n_star=4000, alpha=alpha)
        crossed = crossed_by(n, n_star=4000, alpha=alpha)
        assert crossed < most < 2 * crossed


def test_what_a_sequence_has_spent_rises_from_nothing_to_all() -> None:
    spent = [asymptotic_sequence_spent(n, n_star=4000) for n in (0, 1, 100, 2000, 4000, 10_000, 10**7, 10**15)]
    assert spent == sorted(spent)
    assert (spent[0], spent[-1]) == (0.0, 0.05)


def test_bounds_that_start_anew_split_what_is_left_among_the_looks_since() -> None:
    looks = [0.25, 0.5, 0.75, 1]
    plain, anew = group_sequential_bounds(looks), group_sequential_bounds(looks, stretches=[looks[:2], [120.0, 300.0]])
    assert anew.spent == plain.spent
    assert anew.bounds[:2] == plain.bounds[:2]
    assert 2 * stats.norm.sf(anew.bounds[2]) == pytest.approx(plain.spent[2] - plain.spent[1])
    since = crossing_probability(anew.bounds[2:], [0.4, 1.0])[-1]
    assert since == pytest.approx(plain.spent[3] - plain.spent[1])
    assert group_sequential_bounds(looks, stretches=[[9, 18, 27, 36]]).bounds == pytest.approx(plain.bounds)


def test_stretches_hold_every_look_and_rise() -> None:
    with pytest.raises(ValueError, match="3 looks, and there are 2"):
        group_sequential_bounds([0.5, 1], stretches=[[0.5], [1, 2]])
    with pytest.raises(ValueError, match="must rise"):
        group_sequential_bounds([0.5, 1], stretches=[[2, 1]])
