"""Cohen's kappa of two raters, and of each pair among several."""

import itertools
import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from annotations.agreement.result import (
    Agreement,
    Floats,
    PairAgreement,
    check_alpha,
    check_counts,
    lowest_agreement,
    prevalence_warnings,
    undefined,
)
from annotations.agreement.weights import Weights, agreement_weights


def cohen_kappa(
    table: ArrayLike, *, weights: Literal["linear", "quadratic"] | None = None, alpha: float = 0.05, left_out: int = 0
) -> Agreement:
    """Chance-corrected agreement of two raters.

    table: q x q counts, first rater in rows, second in columns, same order of categories. weights: credit for near
    misses, by rank of the category. Interval from the large-sample error, p from the error under independence.
    With full agreement that error is 0 and proves nothing: the lower limit is then that of the percent agreement.
    Source: Cohen 1960, 1968; Fleiss, Cohen & Everitt 1969, Psych. Bull. 72:323.
    """
    counts = check_counts("table", table)
    if counts.shape[0] != counts.shape[1]:
        raise ValueError(f"table must be square, not {counts.shape[0]} x {counts.shape[1]}")
    check_alpha(alpha)
    method = "Cohen's kappa" + (f", {weights} weights" if weights else "")
    n = int(counts.sum())
    if n == 0:
        reason = "The two raters have no unit in common."
        return undefined(method=method, alpha=alpha, n=0, left_out=left_out, reason=reason)
    credit = agreement_weights(weights, counts.shape[0])
    cells = counts / n
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    observed, expected = float((credit * cells).sum()), float(rows @ credit @ columns)
    if expected >= 1 - 1e-12:
        reason = "Both raters gave one and the same answer throughout, so kappa is undefined; read percent agreement."
        return undefined(method=method, alpha=alpha, n=n, left_out=left_out, reason=reason, observed=observed)
    kappa = (observed - expected) / (1 - expected)
    se, se_null = _errors(cells, credit, observed, expected, n)
    low, high, notes = _interval(kappa, se, expected, n, alpha, full=bool(observed >= 1 - 1e-12))
    dominant = float(((rows + columns) / 2).max())
    return Agreement(
        estimate=kappa,
        ci_low=low,
        ci_high=high,
        p_value=2 * float(special.ndtr(-abs(kappa) / se_null)) if se_null > 0 else None,
        alpha=alpha,
        n=n,
        method=method,
        warnings=notes + prevalence_warnings(observed, kappa, dominant),
        left_out=left_out,
        observed=observed,
        expected=expected,
        se=se,
        se_null=se_null if se_null > 0 else None,
    )


def contingency(first: ArrayLike, second: ArrayLike, categories: int) -> Floats:
    """q x q counts of two equally long arrays of codes 0..q-1; a negative code is a missing rating."""
    a, b = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"second must be as long as first, {a.shape}, not {b.shape}")
    if categories < 1:
        raise ValueError("categories must be at least 1")
    if a.size and max(int(a.max()), int(b.max())) >= categories:
        raise ValueError(f"first and second must hold codes below categories ({categories})")
    codes = a * categories + b
    if a.size and min(int(a.min()), int(b.min())) < 0:
        codes = codes[(a >= 0) & (b >= 0)]
    return np.bincount(codes, minlength=categories**2).reshape(categories, categories).astype(np.float64)


def pairwise_kappas(
    ratings: ArrayLike,
    categories: int,
    *,
    weights: Literal["linear", "quadratic"] | None = None,
    alpha: float = 0.05,
) -> tuple[PairAgreement, ...]:
    """Cohen's kappa of every pair of raters on the units both rated.

    ratings: raters x units, codes 0..q-1, negative where missing. `left_out` counts units only one of the two rated.
    """
    codes = np.asarray(ratings, dtype=np.int64)
    if codes.ndim != 2 or codes.size == 0:
        raise ValueError(f"ratings must be a non-empty raters x units matrix, not of shape {codes.shape}")
    rated = codes >= 0
    pairs = []
    for first, second in itertools.combinations(range(codes.shape[0]), 2):
        table = contingency(codes[first], codes[second], categories)
        alone = int(np.count_nonzero(rated[first] ^ rated[second]))
        kappa = cohen_kappa(table, weights=weights, alpha=alpha, left_out=alone)
        pairs.append(PairAgreement(first=first, second=second, kappa=kappa))
    return tuple(pairs)


def weighted_mean_kappa(kappas: Iterable[Agreement]) -> float | None:
    """Mean kappa, each weighted by the units both raters judged; pairs without a kappa are left out."""
    known = [(one.estimate, one.n) for one in kappas if one.estimate is not None]
    total = sum(n for _, n in known)
    return sum(value * n for value, n in known) / total if total else None


def _errors(cells: Floats, credit: Weights, observed: float, expected: float, n: int) -> tuple[float, float]:
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    by_row, by_column = credit @ columns, credit.T @ rows
    margins = by_row[:, None] + by_column[None, :]
    inner = float((cells * (credit * (1 - expected) - margins * (1 - observed)) ** 2).sum())
    variance = (inner - (observed * expected - 2 * expected + observed) ** 2) / (n * (1 - expected) ** 4)
    null = (float(rows @ (credit - margins) ** 2 @ columns) - expected**2) / (n * (1 - expected) ** 2)
    return math.sqrt(max(0.0, variance)), math.sqrt(max(0.0, null))


def _interval(
    kappa: float, se: float, expected: float, n: int, alpha: float, *, full: bool
) -> tuple[float | None, float | None, tuple[str, ...]]:
    if full:
        low = (lowest_agreement(n, alpha) - expected) / (1 - expected)
        note = f"The raters agree on all {n} units: the lower limit is what {n} units can prove."
        return max(-1.0, low), 1.0, (note,)
    if se < 1e-12:
        return None, None, (f"{n} units leave no spread to build an interval from.",)
    half = float(special.ndtri(1 - alpha / 2)) * se
    notes = () if n >= 30 else (f"Only {n} shared units: the large-sample interval is rough.",)
    return max(-1.0, kappa - half), min(1.0, kappa + half), notes
