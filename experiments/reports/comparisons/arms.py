"""One run's figure with its interval: Wilson for rates, t for means, by cluster where cases come in clusters."""

import numpy as np

from experiments.reports.scores import Floats, Ints
from experiments.stats.means import clustered_mean
from experiments.stats.proportions import wilson_interval
from experiments.stats.result import Estimate

NAMES = ("estimate", "ci_low", "ci_high", "alpha", "n", "method", "warnings")


def rate(passed: Floats, clusters: Ints | None, *, alpha: float = 0.05) -> Estimate:
    """Cases of one cluster are no independent trials. Where nothing varies, Wilson still tells what n proves."""
    if clusters is not None and 0 < passed.sum() < passed.size:
        return mean(passed, clusters, alpha=alpha)
    return wilson_interval(int(passed.sum()), passed.size, confidence=1 - alpha)


def mean(values: Floats, clusters: Ints | None, *, alpha: float = 0.05) -> Estimate:
    if not values.size:
        return Estimate(alpha=alpha, n=0, method="mean", warnings=("No case has a value.",))
    return plain(clustered_mean(values, *(() if clusters is None else (clusters,)), alpha=alpha))


def plain(result: Estimate) -> Estimate:
    """Without what only its own kind of result has."""
    return Estimate(**{name: getattr(result, name) for name in NAMES})


def are_clusters(clusters: Ints | None) -> bool:
    """Whether any two cases share one."""
    return clusters is not None and np.unique(clusters).size < clusters.size
