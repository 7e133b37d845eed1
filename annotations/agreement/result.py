"""What every agreement coefficient returns."""

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

DOMINANT_SHARE = 0.8


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`n` counts the units with at least two ratings, `left_out` the others. `observed` and `expected` are the
    agreement seen and the agreement by chance that the coefficient compares. None is explained in `warnings`."""

    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    alpha: float
    n: int
    method: str
    warnings: tuple[str, ...] = ()
    left_out: int = 0
    observed: float | None = None
    expected: float | None = None
    se: float | None = None
    se_null: float | None = None

    def to_dict(self) -> dict[str, object]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class PairAgreement:
    """Cohen's kappa of the raters in rows `first` and `second`."""

    first: int
    second: int
    kappa: Agreement


def undefined(
    *, method: str, alpha: float, n: int, left_out: int, reason: str, observed: float | None = None
) -> Agreement:
    return Agreement(
        alpha=alpha,
        n=n,
        method=method,
        warnings=(reason,),
        left_out=left_out,
        observed=observed,
    )


def check_alpha(alpha: float) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha!r}")
    return float(alpha)


def check_counts(name: str, array: ArrayLike) -> Floats:
    """A non-empty matrix of whole, non-negative numbers."""
    counts = np.asarray(array, dtype=np.float64)
    if counts.ndim != 2 or counts.size == 0:
        raise ValueError(f"{name} must be a non-empty matrix, not of shape {counts.shape}")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.round(counts)).any():
        raise ValueError(f"{name} must hold whole numbers of at least 0")
    return counts


def lowest_agreement(n: int, alpha: float) -> float:
    """Exact lower limit for an agreement seen in n of n units: what n units without a disagreement prove."""
    return math.exp(math.log(alpha / 2) / n)


def prevalence_warnings(observed: float, coefficient: float, dominant: float) -> tuple[str, ...]:
    """Kappa collapses when one answer dominates, though nearly everybody agrees (Feinstein & Cicchetti 1990)."""
    if dominant < DOMINANT_SHARE or observed - coefficient < 0.2:
        return ()
    note = (
        f"One answer makes up {dominant:.0%} of the ratings: chance agreement is then high and the coefficient low, "
        f"although {observed:.1%} agree. Read percent agreement and AC1 beside it."
    )
    return (note,)
