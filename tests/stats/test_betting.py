"""The betting confidence sequence holds its error at every look, whatever the values are like."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from experiments.stats.betting import bounded_mean_confidence_sequence

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]
RUNS = 400
# A null case is stopped falsely in at most 5% of runs; with 400 runs a rate above 8.2% has a chance below 0.3%.
MOST_FALSE_STOPS = 0.082
VALUES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=60)


def ever_excludes_one_half(values: ArrayLike) -> bool:
    """Whether the interval at the end, which keeps what was excluded at any look, leaves one half out."""
    found = bounded_mean_confidence_sequence(values)
    assert found.p_value is not None
    return found.p_value <= found.alpha


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.integers(0, 2, n).astype(float),
        lambda rng, n: rng.binomial(3, 0.5, n) / 3,
        lambda rng, n: np.where(rng.random(n) < 0.1, rng.integers(0, 2, n), 0.5),
        # Skewed: mostly slightly above, now and then far below, which deceives every normal approximation.
        lambda rng, n: np.where(rng.random(n) < 0.1, 0.05, 0.55),
    ],
    ids=["coins", "means of three votes", "nearly all ties", "skewed"],
)
def test_looking_after_every_pair_stops_falsely_no_more_often_than_alpha(draw: Draw) -> None:
    rng = np.random.default_rng(20261121)
    stopped = sum(ever_excludes_one_half(draw(rng, 400)) for _ in range(RUNS))
    assert stopped / RUNS <= MOST_FALSE_STOPS


def test_a_clear_preference_is_found_early() -> None:
    rng = np.random.default_rng(7)
    needed = []
    for _ in range(60):
        values = rng.binomial(3, 0.7, 400) / 3
        needed.append(next(n for n in range(2, 401) if ever_excludes_one_half(values[:n].tolist())))
    assert np.median(needed) < 60


def test_what_was_excluded_stays_excluded() -> None:
    early = [1.0] * 30
    at_stop = bounded_mean_confidence_sequence(early)
    later = bounded_mean_confidence_sequence([*early, *[0.0] * 5])
    assert at_stop.ci_low is not None
    assert later.ci_low is not None
    assert 0.5 < at_stop.ci_low <= later.ci_low + 1e-6


@given(VALUES)
def test_turning_the_arms_round_turns_the_interval_round(values: list[float]) -> None:
    found = bounded_mean_confidence_sequence(values)
    turned = bounded_mean_confidence_sequence([1 - value for value in values])
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert turned.ci_low == pytest.approx(1 - found.ci_high, abs=1e-8)
    assert turned.ci_high == pytest.approx(1 - found.ci_low, abs=1e-8)
    assert turned.p_value == pytest.approx(found.p_value)


@given(VALUES)
def test_p_is_small_exactly_when_the_null_is_outside(values: list[float]) -> None:
    found = bounded_mean_confidence_sequence(values)
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert found.p_value is not None
    if abs(found.ci_low - 0.5) > 1e-6 and abs(found.ci_high - 0.5) > 1e-6:
        assert (found.p_value <= 0.05) == (not found.ci_low < 0.5 < found.ci_high)


def test_nothing_yet_is_said_so_and_values_outside_are_refused() -> None:
    assert bounded_mean_confidence_sequence([]).warnings
    for values in ([1.5], [-0.1], [float("nan")]):
        with pytest.raises(ValueError, match="values"):
            bounded_mean_confidence_sequence(values)
