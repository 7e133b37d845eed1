"""Quantiles of clustered values by the closed form, beside the bootstrap of clusters."""

import numpy as np
import pytest

from experiments.stats import quantiles
from experiments.stats.clustered_quantiles import clustered_quantile

RNG = np.random.default_rng(11)
OWNERS = np.arange(3000) // 5
VALUES = RNG.lognormal(5, 0.6, 600)[OWNERS] + RNG.exponential(40, 3000)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_the_error_is_that_of_the_bootstrap_of_whole_clusters(q: float) -> None:
    found = clustered_quantile(VALUES, OWNERS, q)
    draws = quantiles.resampled(VALUES, OWNERS, q, RNG, 400)
    assert found.value == quantiles.value(VALUES, q)
    assert found.se == pytest.approx(draws.std(), rel=0.25)
    assert (found.n, found.clusters) == (3000, 600)


def test_values_taken_as_independent_would_seem_surer_than_they_are() -> None:
    shared, alone = (clustered_quantile(VALUES, codes, 0.5).se for codes in (OWNERS, np.arange(3000)))
    assert shared is not None
    assert alone is not None
    assert shared > 1.5 * alone


def test_the_names_and_the_order_of_clusters_say_nothing() -> None:
    order = RNG.permutation(3000)
    assert clustered_quantile(VALUES[order], OWNERS[order] * 7 + 3, 0.9) == clustered_quantile(VALUES, OWNERS, 0.9)


@pytest.mark.parametrize(("values", "clusters"), [([1.0, 2.0], [0, 0]), ([1.0, 2.0, 3.0], [0, 1, 2])])
def test_too_few_clusters_prove_no_error(values: list[float], clusters: list[int]) -> None:
    assert clustered_quantile(values, clusters, 0.95).se is None


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="clusters"):
        clustered_quantile([1.0, 2.0], [0], 0.5)
    with pytest.raises(ValueError, match="q must"):
        clustered_quantile([1.0, 2.0], [0, 1], 1.0)
