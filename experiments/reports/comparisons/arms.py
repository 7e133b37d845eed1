"""One run's figure with its interval: Wilson for rates, t for means, by cluster where cases come in clusters."""

from dataclasses import replace

import numpy as np

from experiments.reports.scores import Floats, Ints
from experiments.stats.means import clustered_mean
from experiments.stats.proportions import wilson_interval
from experiments.stats.result import Estimate

AS_ONE_EACH = "Every case came out the same, so each cluster counts as one case here."
NAMES = ("estimate", "ci_low", "ci_high", "alpha", "n", "method", "warnings")


def rate(passed: Floats, clusters: Ints | None, *, alpha: float = 0.05) -> Estimate:
    """Cases of one cluster are no independent trials. Where nothing varies, Wilson still tells what so many prove."""
    if clusters is None or not passed.size:
        return wilson_interval(int(passed.sum()), passed.size, confidence=1 - alpha)
    if 0 < passed.sum() < passed.size:
        return mean(passed, clusters, alpha=alpha)
    n_clusters = count_of(clusters)
    found = wilson_interval(n_clusters if passed.all() else 0, n_clusters, confidence=1 - alpha)
    return replace(found, n=passed.size, warnings=(*found.warnings, AS_ONE_EACH))


def mean(values: Floats, clusters: Ints | None, *, alpha: float = 0.05) -> Estimate:
    if not values.size:
        return Estimate(alpha=alpha, n=0, method="mean", warnings=("No case has a value.",))
    return plain(clustered_mean(values, *(() if clusters is None else (clusters,)), alpha=alpha))


def plain(result: Estimate) -> Estimate:
    """Without what only its own kind of result has."""
    return Estimate(**{name: getattr(result, name) for name in NAMES})


def are_clusters(clusters: Ints | None) -> bool:
    """Whether any two cases share one."""
    return clusters is not None and count_of(clusters) < clusters.size


def count_of(clusters: Ints) -> int:
    return int(np.unique(clusters).size)
