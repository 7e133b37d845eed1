from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.stats.skewness import COCHRAN, Sample, growth_until, skewness_of_difference

RNG = np.random.default_rng(8)
samples = st.builds(
    lambda n, variance, skew: Sample(n=n, variance=variance, third=skew * variance**1.5),
    st.integers(2, 10_000),
    st.floats(1e-3, 1e3),
    st.floats(-20, 20),
)


def of(values: np.ndarray, weight: float = 1.0) -> Sample:
    about = values - values.mean()
    return Sample(n=values.size, variance=float((about**2).mean()), third=float((about**3).mean()), weight=weight)


def test_it_is_the_skewness_over_all_samples_that_could_have_been_drawn() -> None:
    """Every sample with replacement of both arms, counted out."""
    control, treatment = np.array([0.0, 1.0, 7.0]), np.array([0.0, 1.0, 7.0] * 2)
    first, second = (
        np.array([sum(drawn) / arm.size for drawn in product(arm, repeat=arm.size)]) for arm in (control, treatment)
    )
    every = np.subtract.outer(second, first).ravel()
    assert skewness_of_difference([of(control)], [of(treatment)]) == pytest.approx(stats.skew(every))


def test_over_strata_it_is_never_less_than_that_of_the_weighted_sum() -> None:
    arms = [np.array([0.0, 0.0, 6.0]), np.array([1.0, 4.0]), np.array([0.0, 5.0]), np.array([3.0, 3.5])]
    weights = (0.7, 0.3, 0.7, 0.3)
    means = [[sum(drawn) / arm.size for drawn in product(arm, repeat=arm.size)] for arm in arms]
    every = [
        sum(sign * weight * mean for sign, weight, mean in zip((-1, -1, 1, 1), weights, drawn, strict=True))
        for drawn in product(*means)
    ]
    given = [of(arm, weight) for arm, weight in zip(arms, weights, strict=True)]
    found = skewness_of_difference(given[:2], given[2:])
    assert found is not None
    assert abs(found) >= abs(stats.skew(every)) - 1e-12


def test_beside_a_large_arm_it_is_cochrans_rule() -> None:
    """n > 25 G squared: 25 units whose skewness is 1 are just enough."""
    small, large = Sample(n=25, variance=1.0, third=1.0), Sample(n=10**9, variance=1.0, third=1.0)
    assert skewness_of_difference([large], [small]) == pytest.approx(COCHRAN)
    assert skewness_of_difference([small], [large]) == pytest.approx(-COCHRAN)


def test_an_arm_that_has_not_met_its_tail_is_judged_by_the_other() -> None:
    tailless = Sample(n=150, variance=1.0, third=0.0)
    assert abs(skewness_of_difference([Sample(n=600, variance=1.0, third=6.0)], [tailless]) or 0) > 0.2


@given(st.lists(samples, min_size=1, max_size=3), st.lists(samples, min_size=1, max_size=3))
def test_swapping_the_arms_does_not_change_its_size(control: list[Sample], treatment: list[Sample]) -> None:
    found, swapped = skewness_of_difference(control, treatment), skewness_of_difference(treatment, control)
    assert found is not None
    assert swapped is not None
    assert abs(found) == pytest.approx(abs(swapped))


@pytest.mark.parametrize("third", [-30.0, 2.0, 30.0])
def test_swapping_the_arms_changes_its_sign(third: float) -> None:
    control = [Sample(n=600, variance=4.0, third=third, weight=0.7), Sample(n=90, variance=1.0, third=1.0, weight=0.3)]
    treatment = [Sample(n=150, variance=3.0, third=9.0, weight=0.7), Sample(n=90, variance=2.0, third=0.5, weight=0.3)]
    found, swapped = skewness_of_difference(control, treatment), skewness_of_difference(treatment, control)
    assert found == pytest.approx(-(swapped or 0))
    assert abs(found or 0) > 0.01


@given(samples, samples, st.floats(1e-60, 1e12))
def test_it_does_not_depend_on_the_unit_of_measurement(control: Sample, treatment: Sample, unit: float) -> None:
    def scaled(one: Sample) -> Sample:
        return Sample(n=one.n, variance=one.variance * unit**2, third=one.third * unit**3)

    found = skewness_of_difference([control], [treatment])
    assert skewness_of_difference([scaled(control)], [scaled(treatment)]) == pytest.approx(found, abs=1e-9)


def test_like_arms_of_one_size_cancel() -> None:
    arm = Sample(n=100, variance=3.0, third=40.0)
    assert skewness_of_difference([arm], [arm]) == pytest.approx(0)


def test_without_spread_there_is_none() -> None:
    constant = Sample(n=10, variance=0.0, third=0.0)
    assert skewness_of_difference([constant], [constant]) is None
    assert skewness_of_difference([], []) is None


def test_it_falls_with_the_root_of_the_units() -> None:
    values = RNG.lognormal(size=4000)
    once, often = (skewness_of_difference([of(values)], [of(np.tile(values[:500], times))]) for times in (1, 4))
    assert once is not None
    assert often is not None
    assert growth_until(0.4, 0.2) == 4
    assert growth_until(0.1, 0.2) == 1
    assert abs(often) < abs(once)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"variance": -1.0}, {"third": float("nan")}])
def test_bad_input_is_refused_by_its_name(wrong: dict[str, float]) -> None:
    fields = {"n": 5, "variance": 1.0, "third": 0.0, **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        skewness_of_difference([Sample(**fields)], [])  # type: ignore[arg-type]
