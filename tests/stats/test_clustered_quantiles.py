"""Quantiles of clustered values by the closed form, beside the bootstrap of clusters."""

import numpy as np
import pytest

from experiments.stats import quantiles
from experiments.stats.clustered_quantiles import clustered_quantile, stratified_quantile

CLUSTERS, N = 4000, 20_000
OWNERS = np.arange(N) // (N // CLUSTERS)


def drawn(seed: int = 11) -> tuple[np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.lognormal(5, 0.6, CLUSTERS)[OWNERS] + rng.exponential(40, N), rng


VALUES, _ = drawn()


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_the_error_is_that_of_the_bootstrap_of_whole_clusters(q: float) -> None:
    """One sample's density at the quantile is a rough figure, so the mean over several is compared."""
    closed, bootstrapped = [], []
    for seed in range(8):
        values, rng = drawn(seed)
        found = clustered_quantile(values, OWNERS, q)
        assert found.value == quantiles.value(values, q)
        assert (found.n, found.clusters) == (N, CLUSTERS)
        assert found.se is not None
        closed.append(found.se)
        bootstrapped.append(quantiles.resampled(values, OWNERS, q, rng, 200).std())
    assert np.mean(closed) == pytest.approx(np.mean(bootstrapped), rel=0.1)


def test_values_taken_as_independent_would_seem_surer_than_they_are() -> None:
    shared, alone = (clustered_quantile(VALUES, codes, 0.5).se for codes in (OWNERS, np.arange(N)))
    assert shared is not None
    assert alone is not None
    assert shared > 1.5 * alone


def test_the_names_and_the_order_of_clusters_say_nothing() -> None:
    order = np.random.default_rng(3).permutation(N)
    assert clustered_quantile(VALUES[order], OWNERS[order] * 7 + 3, 0.9) == clustered_quantile(VALUES, OWNERS, 0.9)


@pytest.mark.parametrize(("values", "clusters"), [([1.0, 2.0], [0, 0]), ([1.0, 2.0, 3.0], [0, 1, 2])])
def test_too_few_clusters_prove_no_error(values: list[float], clusters: list[int]) -> None:
    assert clustered_quantile(values, clusters, 0.95).se is None


def test_one_stratum_is_the_quantile_of_its_values() -> None:
    assert stratified_quantile([(VALUES, OWNERS)], [3.0], 0.95) == clustered_quantile(VALUES, OWNERS, 0.95)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_strata_count_by_their_weight_and_not_by_their_number(q: float) -> None:
    """A stratum taken ten times over has the same quantile, as that of the mixture drawn in these proportions."""
    rng = np.random.default_rng(4)
    fast, slow = rng.lognormal(5, 0.4, 3000), rng.lognormal(6, 0.4, 3000)
    once = stratified_quantile([(fast, np.arange(3000)), (slow, np.arange(3000))], [0.7, 0.3], q)
    often = stratified_quantile([(fast, np.arange(3000)), (np.tile(slow, 10), np.arange(30_000))], [0.7, 0.3], q)
    assert once.value == often.value
    mixture = np.concatenate([np.repeat(fast, 7), np.repeat(slow, 3)])
    assert once.value == pytest.approx(quantiles.value(mixture, q), rel=1e-3)


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_the_error_over_strata_is_the_spread_over_many_draws(q: float) -> None:
    """A first percent of five units, and users of three values each."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(300):
        strata = [
            (np.repeat(rng.lognormal(shift, 0.5, n), 3) + rng.exponential(1, 3 * n), np.arange(3 * n) // 3)
            for shift, n in ((2.0, 5), (1.0, 300))
        ]
        found.append(stratified_quantile(strata, [4.95, 150.0], q))
    errors = [one.se for one in found if one.se is not None]
    assert len(errors) == 300
    assert np.mean(errors) == pytest.approx(np.std([one.value for one in found]), rel=0.12)


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="clusters"):
        clustered_quantile([1.0, 2.0], [0], 0.5)
    with pytest.raises(ValueError, match="q must"):
        clustered_quantile([1.0, 2.0], [0, 1], 1.0)
    with pytest.raises(ValueError, match="weights"):
        stratified_quantile([([1.0], [0])], [], 0.5)
    with pytest.raises(ValueError, match="weights"):
        stratified_quantile([([1.0], [0])], [0.0], 0.5)
