"""Many metrics at once: Holm within the primary family, Benjamini-Hochberg for exploration."""

from collections.abc import Sequence
from typing import Literal

from statsmodels.stats.multitest import multipletests

_METHODS = {"holm": "holm", "bh": "fdr_bh", "by": "fdr_by"}


def adjust_p_values(
    p: Sequence[float | None], *, method: Literal["holm", "bh", "by"] = "holm"
) -> tuple[float | None, ...]:
    """Adjusted p-values in the given order; None stays None and does not count as a test.

    holm bounds the chance of any false alarm (Holm 1979), bh the share of false ones among independent or positively
    dependent alarms (Benjamini & Hochberg 1995), by the same under any dependence (Benjamini & Yekutieli 2001).
    """
    if method not in _METHODS:
        raise ValueError(f"method must be 'holm', 'bh' or 'by', not {method!r}")
    if len(p) == 0:
        raise ValueError("p must not be empty")
    known = [value for value in p if value is not None]
    if any(not 0 <= value <= 1 for value in known):
        raise ValueError("p must lie in [0, 1]")
    if not known:
        return tuple(None for _ in p)
    adjusted = iter(multipletests(known, method=_METHODS[method])[1])
    return tuple(None if value is None else float(next(adjusted)) for value in p)
