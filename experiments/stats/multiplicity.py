"""Many metrics at once: Holm within the primary family, Benjamini-Hochberg for exploration."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from experiments.stats import checks
from experiments.stats.checks import Floats


def adjust_p_values(
    p: Sequence[float | None], *, method: Literal["holm", "bh", "by"] = "holm"
) -> tuple[float | None, ...]:
    """Adjusted p-values in the given order; None stays None and does not count as a test.

    holm bounds the chance of any false alarm (Holm 1979), bh the share of false ones among independent or positively
    dependent alarms (Benjamini & Hochberg 1995), by the same under any dependence (Benjamini & Yekutieli 2001).
    """
    if method not in ("holm", "bh", "by"):
        raise ValueError(f"method must be 'holm', 'bh' or 'by', not {method!r}")
    if len(p) == 0:
        raise ValueError("p must not be empty")
    known = [value for value in p if value is not None]
    if not known:
        return tuple(None for _ in p)
    values = checks.values("p", known)
    if values.min() < 0 or values.max() > 1:
        raise ValueError("p must lie in [0, 1]")
    # statsmodels' multipletests gives the same and takes 70 ms a call
    adjusted = iter(_holm(values) if method == "holm" else _share_of_false(values, method))
    return tuple(None if value is None else float(next(adjusted)) for value in p)


def _share_of_false(p: Floats, method: Literal["bh", "by"]) -> Floats:
    # Here, since it takes a third of a second to load, which every process would spend.
    from scipy.stats import false_discovery_control

    return false_discovery_control(p, method=method)


def _holm(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
