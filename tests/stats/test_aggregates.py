import math
from collections.abc import Sequence

import numpy as np
import pytest

from experiments.stats.aggregates import bootstrapped_aggregate, errors_in_half
from experiments.stats.means import clustered_mean

Pair = tuple[float, float]


def ratio(pairs: Sequence[Pair]) -> float | None:
    """As perplexity is: sums above and below the line, over all cases."""

    below = sum(size for _, size in pairs)
    return math.exp(-sum(total for total, _ in pairs) / below) if below else None


def drawn(n: int, seed: int = 1) -> list[Pair]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 40, size=n)
    return [(float(-size * rng.gamma(4, 0.2)), float(size)) for size in sizes]


@pytest.mark.parametrize("n", [400, 12_000])
def test_a_mean_has_the_interval_a_mean_has_by_either_method(n: int) -> None:
    values = np.random.default_rng(3).normal(10, 2, size=n)
    found = bootstrapped_aggregate(list(values), lambda some: float(np.mean(some)), seed=1)
    known = clustered_mean(values)
    assert found.estimate == pytest.approx(known.estimate)
    assert found.ci_low == pytest.approx(known.ci_low, abs=2 / math.sqrt(n) * 0.6)
    assert found.ci_high == pytest.approx(known.ci_high, abs=2 / math.sqrt(n) * 0.6)


@pytest.mark.parametrize(
    ("method", "units", "expected"),
    [
        ("corpus aggregate, bootstrap of cases (1000 resamples)", 5, 1.959964),
        ("corpus aggregate, jackknife by 50 groups of cases", 12_000, 2.009575),
        ("corpus aggregate, jackknife by 50 groups of clusters", 20, 2.093024),
    ],
)
def test_half_an_interval_spans_as_many_errors_as_its_method_says(method: str, units: int, expected: float) -> None:
    assert errors_in_half(method, units=units) == pytest.approx(expected, abs=1e-6)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    truth = math.exp(4 * 0.2)
    held = 0
    for seed in range(100):
        found = bootstrapped_aggregate(drawn(60, seed), ratio, seed=seed)
        assert found.ci_low is not None
        assert found.ci_high is not None
        held += found.ci_low <= truth <= found.ci_high
    assert 87 <= held <= 99


def test_cases_of_one_cluster_are_resampled_together() -> None:
    base = drawn(40)
    repeated = [pair for pair in base for _ in range(10)]
    alone = bootstrapped_aggregate(base, ratio, seed=2)
    together = bootstrapped_aggregate(repeated, ratio, clusters=np.repeat(np.arange(40), 10), seed=2)
    naive = bootstrapped_aggregate(repeated, ratio, seed=2)
    assert alone.ci_low is not None
    assert naive.ci_low is not None
    assert together.ci_low is not None
    assert together.ci_low == pytest.approx(alone.ci_low, abs=0.03)
    assert naive.ci_low > together.ci_low


def test_the_same_call_gives_the_same_digits_and_order_changes_nothing_but_the_draw() -> None:
    first, second = (bootstrapped_aggregate(drawn(50), ratio, seed=7) for _ in range(2))
    assert first == second
    assert bootstrapped_aggregate(drawn(50)[::-1], ratio, seed=7).estimate == pytest.approx(first.estimate)


def test_nothing_or_one_case_has_no_interval_and_says_why() -> None:
    nothing, one = bootstrapped_aggregate([], ratio, seed=1), bootstrapped_aggregate([(-3.0, 4.0)], ratio, seed=1)
    assert (nothing.estimate, nothing.ci_low) == (None, None)
    assert nothing.warnings
    assert one.estimate == pytest.approx(math.exp(0.75))
    assert one.ci_low is None
    assert one.warnings
