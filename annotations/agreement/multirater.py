"""Agreement of any number of raters, from counts of units by categories."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from annotations.agreement.result import (
    Agreement,
    Floats,
    check_alpha,
    check_counts,
    lowest_agreement,
    prevalence_warnings,
    undefined,
)
from annotations.agreement.weights import agreement_weights


@dataclass(frozen=True)
class _Rated:
    """Units with at least one rating. Those with one tell how common a category is, not whether raters agree."""

    counts: Floats
    ratings: Floats
    pairs: int
    left_out: int
    agreement: Floats
    shares: Floats

    @property
    def observed(self) -> float:
        return float(self.agreement.sum() / self.pairs)


def percent_agreement(counts: ArrayLike, *, alpha: float = 0.05) -> Agreement:
    """Share of agreeing pairs of ratings within a unit, averaged over units.

    counts: units x categories. Units with fewer than two ratings are left out. Interval: Wilson's on the number of
    units, adjusted to the spread between units, so that with two raters it is Wilson's interval exactly.
    """
    method = "percent agreement"
    rated = _rated(check_counts("counts", counts), np.eye(np.shape(counts)[1]))
    check_alpha(alpha)
    if rated.pairs == 0:
        return _no_pairs(method, alpha, rated)
    per_unit = rated.agreement[rated.ratings >= 2]
    mean = rated.observed
    spread = float(per_unit.var()) / rated.pairs
    effective = mean * (1 - mean) / spread if spread > 1e-15 and 0 < mean < 1 else float(rated.pairs)
    low, high = _wilson(mean, effective, alpha)
    notes = () if mean < 1 else (f"All {rated.pairs} units agree: the lower limit is what they can prove.",)
    return Agreement(
        estimate=mean,
        ci_low=low,
        ci_high=high,
        alpha=alpha,
        n=rated.pairs,
        method=method,
        warnings=notes,
        left_out=rated.left_out,
        observed=mean,
        se=math.sqrt(spread),
    )


def fleiss_kappa(counts: ArrayLike, *, alpha: float = 0.05) -> Agreement:
    """Fleiss' kappa, in Gwet's form where units have different numbers of ratings.

    counts: units x categories. Interval: t over units by Gwet's linearised variance, which counts units as the sample.
    `se_null` and p by Fleiss 1971 when every unit has the same number of ratings, else p by the t above.
    Source: Fleiss 1971, Psych. Bull. 76:378; Gwet 2014, Handbook of Inter-Rater Reliability, ch. 2 and 5.
    """
    method = "Fleiss' kappa"
    rated = _rated(check_counts("counts", counts), np.eye(np.shape(counts)[1]))
    check_alpha(alpha)
    if rated.pairs == 0:
        return _no_pairs(method, alpha, rated)
    expected = float(rated.shares @ rated.shares)
    if expected >= 1 - 1e-12:
        return _one_category(method, alpha, rated)
    chance = rated.counts @ rated.shares / rated.ratings
    return _coefficient(method, rated, expected, chance, alpha, _null_error(rated))


def gwet_ac(
    counts: ArrayLike, *, weights: Literal["linear", "quadratic"] | None = None, alpha: float = 0.05
) -> Agreement:
    """Gwet's AC1, or AC2 with weights: chance agreement is what raters would reach on the hard units only.

    counts: units x categories, one column per possible category, used or not. Interval and p: t over units.
    Does not collapse when one answer dominates. Source: Gwet 2008, Br. J. Math. Stat. Psychol. 61:29; Gwet 2014, ch. 5.
    """
    table = check_counts("counts", counts)
    check_alpha(alpha)
    categories = table.shape[1]
    credit = agreement_weights(weights, categories)
    method = "Gwet's AC1" if weights is None else f"Gwet's AC2, {weights} weights"
    rated = _rated(table, credit)
    if rated.pairs == 0:
        return _no_pairs(method, alpha, rated)
    if categories == 1:
        return _one_category(method, alpha, rated)
    scale = float(credit.sum()) / (categories * (categories - 1))
    expected = scale * float((rated.shares * (1 - rated.shares)).sum())
    chance = scale * (rated.counts @ (1 - rated.shares)) / rated.ratings
    return _coefficient(method, rated, expected, chance, alpha, None)


def _rated(table: Floats, credit: Floats) -> _Rated:
    ratings = table.sum(axis=1)
    counts, some = table[ratings > 0], ratings[ratings > 0]
    agreeing = (counts * (counts @ credit - 1)).sum(axis=1)
    possible = some * (some - 1)
    agreement = np.divide(agreeing, possible, out=np.zeros_like(some), where=possible > 0)
    pairs = int(np.count_nonzero(some >= 2))
    shares = (counts / some[:, None]).mean(axis=0) if some.size else np.zeros(table.shape[1])
    return _Rated(counts, some, pairs, table.shape[0] - pairs, agreement, shares)


def _coefficient(
    method: str, rated: _Rated, expected: float, chance: Floats, alpha: float, se_null: float | None
) -> Agreement:
    """(observed - expected) / (1 - expected) with Gwet's variance: the spread of each unit's own contribution."""
    n, observed = rated.ratings.size, rated.observed
    value = (observed - expected) / (1 - expected)
    paired = rated.ratings >= 2
    own = (n / rated.pairs) * (rated.agreement - expected * paired) / (1 - expected)
    own = own - 2 * (1 - value) * (chance - expected) / (1 - expected)
    se = math.sqrt(float(((own - value) ** 2).sum()) / (n * (n - 1))) if n > 1 else None
    low, high, notes = _interval(value, se, observed, expected, n, rated.pairs, alpha)
    notes += prevalence_warnings(observed, value, float(rated.shares.max()))
    p: float | None
    if se_null:
        p = 2 * float(special.ndtr(-abs(value) / se_null))
    else:
        p = 2 * float(special.stdtr(n - 1, -abs(value) / se)) if se and se > 1e-12 else None
    return Agreement(
        estimate=value,
        ci_low=low,
        ci_high=high,
        p_value=p,
        alpha=alpha,
        n=rated.pairs,
        method=method,
        warnings=notes,
        left_out=rated.left_out,
        observed=observed,
        expected=expected,
        se=se,
        se_null=se_null,
    )


def _interval(
    value: float, se: float | None, observed: float, expected: float, n: int, pairs: int, alpha: float
) -> tuple[float | None, float | None, tuple[str, ...]]:
    if observed >= 1 - 1e-12:
        low = (lowest_agreement(pairs, alpha) - expected) / (1 - expected)
        return max(-1.0, low), 1.0, (f"All {pairs} units agree: the lower limit is what they can prove.",)
    if se is None or se < 1e-12:
        return None, None, (f"{n} units leave no spread to build an interval from.",)
    half = abs(float(special.stdtrit(n - 1, alpha / 2))) * se
    return max(-1.0, value - half), min(1.0, value + half), ()


def _null_error(rated: _Rated) -> float | None:
    """Fleiss' error under no agreement; needs the same number of ratings, at least two, on every unit."""
    n, m = rated.ratings.size, float(rated.ratings[0])
    if m < 2 or (rated.ratings != m).any():
        return None
    p = rated.shares
    spread = float((p * (1 - p)).sum())
    inner = spread**2 - float((p * (1 - p) * (1 - 2 * p)).sum())
    return math.sqrt(2 * max(0.0, inner) / (n * m * (m - 1))) / spread if spread > 0 else None


def _wilson(rate: float, n: float, alpha: float) -> tuple[float, float]:
    z2 = float(special.ndtri(1 - alpha / 2)) ** 2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))


def _no_pairs(method: str, alpha: float, rated: _Rated) -> Agreement:
    reason = "No unit has two ratings, so nobody can agree or disagree."
    return undefined(method=method, alpha=alpha, n=0, left_out=rated.left_out, reason=reason)


def _one_category(method: str, alpha: float, rated: _Rated) -> Agreement:
    reason = "All ratings are one and the same answer, so the coefficient is undefined; read percent agreement."
    return undefined(
        method=method, alpha=alpha, n=rated.pairs, left_out=rated.left_out, reason=reason, observed=rated.observed
    )
