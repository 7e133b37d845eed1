"""Differences of figures that are no mean of the cases: they agree with means where a mean is the figure."""

from collections.abc import Sequence

import numpy as np
import pytest

from experiments.stats.paired import paired_difference
from experiments.stats.paired_aggregates import p_of_interval, paired_aggregate_difference
from experiments.stats.result import ComparisonResult

Pair = tuple[float, float]


def mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def ratio(pairs: Sequence[Pair]) -> float | None:
    below = sum(size for _, size in pairs)
    return sum(total for total, _ in pairs) / below if below else None


def ends(result: ComparisonResult) -> tuple[float, float]:
    assert result.ci_low is not None
    assert result.ci_high is not None
    return result.ci_low, result.ci_high


def two_models(n: int, gain: float, seed: int = 3) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    base = rng.normal(10, 3, size=n)
    return base.tolist(), (base + rng.normal(gain, 1, size=n)).tolist()


@pytest.mark.parametrize("n", [300, 6_000])
def test_of_a_mean_the_interval_is_that_of_the_paired_difference(n: int) -> None:
    before, after = two_models(n, 0.1)
    found, known = paired_aggregate_difference(before, after, mean, seed=1), paired_difference(before, after)
    assert found.estimate == pytest.approx(known.estimate)
    width = ends(known)[1] - ends(known)[0]
    # Fifty groups give a standard error that is itself known to about a tenth.
    assert ends(found) == pytest.approx(ends(known), abs=0.25 * width)


def test_pairing_makes_the_interval_narrow() -> None:
    before, after = two_models(300, 0.1)
    shuffled = np.random.default_rng(5).permutation(after).tolist()
    paired = paired_aggregate_difference(before, after, mean, seed=1)
    unpaired = paired_aggregate_difference(before, shuffled, mean, seed=1)
    assert ends(paired)[1] - ends(paired)[0] < 0.5 * (ends(unpaired)[1] - ends(unpaired)[0])


@pytest.mark.parametrize("n", [200, 6_000])
def test_swapping_the_models_mirrors_the_difference(n: int) -> None:
    before, after = two_models(n, 0.1)
    one = paired_aggregate_difference(before, after, mean, seed=1)
    other = paired_aggregate_difference(after, before, mean, seed=1)
    assert one.estimate == pytest.approx(-(other.estimate or 0.0))
    assert ends(one) == pytest.approx(tuple(-end for end in reversed(ends(other))), abs=1e-9)
    assert one.p_value == pytest.approx(other.p_value)


def test_a_true_null_is_rejected_about_as_often_as_promised() -> None:
    rejected = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(5, 40, size=60)
        sides = [
            [(float(size * share), float(size)) for size, share in zip(sizes, rng.random(60), strict=True)]
            for _ in "ab"
        ]
        p = paired_aggregate_difference(sides[0], sides[1], ratio, seed=seed).p_value
        assert p is not None
        rejected += p <= 0.05
    assert 2 <= rejected <= 22


def test_clusters_are_resampled_whole() -> None:
    before, after = two_models(200, 0.0)
    clusters = np.repeat(np.arange(10), 20)
    shifted = (np.array(after) + np.random.default_rng(1).normal(0, 2, size=10)[clusters]).tolist()
    alone = paired_aggregate_difference(before, shifted, mean, seed=1)
    together = paired_aggregate_difference(before, shifted, mean, clusters=clusters, seed=1)
    assert "clusters" in together.method
    assert ends(together)[1] - ends(together)[0] > 1.5 * (ends(alone)[1] - ends(alone)[0])


def test_the_same_outputs_leave_nothing_to_test() -> None:
    found = paired_aggregate_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], mean, seed=1)
    assert (found.estimate, found.ci_low, found.p_value) == (0.0, None, None)
    assert found.warnings


def test_no_case_is_no_figure() -> None:
    found = paired_aggregate_difference([], [], mean, seed=1)
    assert (found.estimate, found.n) == (None, 0)


def test_unequal_lengths_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="candidate has 1 entries, expected 2"):
        paired_aggregate_difference([1.0, 2.0], [1.0], mean, seed=1)


def test_the_p_value_of_an_interval_that_touches_zero_is_alpha() -> None:
    assert p_of_interval(0.0, 2.0, 49, 0.05) == pytest.approx(0.05)
    assert p_of_interval(None, None, 49, 0.05) is None
    assert p_of_interval(1.0, 1.0, 49, 0.05) is None
