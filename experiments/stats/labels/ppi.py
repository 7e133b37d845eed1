"""Prediction-powered inference: few human labels, many judge labels, no trust in the judge."""

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import checks
from experiments.stats.checks import Floats
from experiments.stats.result import ComparisonResult, Estimate


@dataclass(frozen=True, kw_only=True)
class PpiEstimate(Estimate):
    """`tuning` is the weight of the judge (0 ignores it); `classical` uses the human labels alone."""

    tuning: float
    se: float
    classical: float
    classical_se: float


@dataclass(frozen=True, kw_only=True)
class LabelledArm:
    """Human and judge on the same cases, and the judge's sums over the cases no human saw."""

    human: ArrayLike
    judge: ArrayLike
    unlabelled_n: int
    unlabelled_sum: float
    unlabelled_sum2: float | None = None


@dataclass(frozen=True)
class _Ppi:
    estimate: float
    variance: float
    tuning: float
    classical: float
    classical_variance: float
    n: int


def ppi_mean(
    human: ArrayLike,
    judge: ArrayLike,
    *,
    unlabelled_n: int,
    unlabelled_sum: float,
    unlabelled_sum2: float | None = None,
    tuned: bool = True,
    alpha: float = 0.05,
) -> PpiEstimate:
    """A mean from few human labels and many judge labels, unbiased however wrong the judge is.

    human, judge: both scores on the labelled cases; unlabelled_*: sums of the judge's scores (and squares; for 0/1
    scores they are equal and may be left out) over the others. For two models on the same cases give differences.
    tuned: PPI++ weight that minimises the variance, else weight 1. Population variances, normal interval.
    Source: Angelopoulos et al. 2023, Science 382:669; Angelopoulos, Duchi & Zrnic 2023, PPI++, arXiv:2311.01453.
    """
    arm = LabelledArm(
        human=human,
        judge=judge,
        unlabelled_n=unlabelled_n,
        unlabelled_sum=unlabelled_sum,
        unlabelled_sum2=unlabelled_sum2,
    )
    level = checks.open_unit("alpha", alpha)
    found = _ppi(arm, tuned)
    low, high = _normal_interval(found.estimate, found.variance, level)
    return PpiEstimate(
        estimate=found.estimate,
        ci_low=low,
        ci_high=high,
        alpha=level,
        n=found.n,
        method="prediction-powered mean" + (" (PPI++)" if tuned else ""),
        warnings=_ppi_warnings(found.n, found.variance),
        tuning=found.tuning,
        se=math.sqrt(found.variance),
        classical=found.classical,
        classical_se=math.sqrt(found.classical_variance),
    )


def ppi_difference(
    control: LabelledArm, treatment: LabelledArm, *, tuned: bool = True, alpha: float = 0.05
) -> ComparisonResult:
    """Treatment mean minus control mean of two independent arms, each a prediction-powered mean.

    For two models on the same cases use `ppi_mean` on the differences, which keeps the pairing.
    """
    level = checks.open_unit("alpha", alpha)
    first, second = _ppi(control, tuned), _ppi(treatment, tuned)
    difference, variance = second.estimate - first.estimate, first.variance + second.variance
    low, high = _normal_interval(difference, variance, level)
    se = math.sqrt(variance)
    return ComparisonResult(
        estimate=difference,
        ci_low=low,
        ci_high=high,
        p_value=2 * special.ndtr(-abs(difference) / se) if se > 0 else None,
        alpha=level,
        n=first.n + second.n,
        method="difference of prediction-powered means" + (" (PPI++)" if tuned else ""),
        warnings=_ppi_warnings(min(first.n, second.n), variance),
        statistic=difference / se if se > 0 else None,
        se=se,
        control=first.estimate,
        treatment=second.estimate,
    )


def _ppi(arm: LabelledArm, tuned: bool) -> _Ppi:
    human, judge = checks.values("human", arm.human), checks.values("judge", arm.judge)
    if judge.size != human.size:
        raise ValueError(f"judge has {judge.size} entries, expected {human.size}")
    if human.size < 2:
        raise ValueError("human must hold at least two labels")
    others = checks.positive_count("unlabelled_n", arm.unlabelled_n)
    far_mean = checks.finite("unlabelled_sum", arm.unlabelled_sum) / others
    square = (
        arm.unlabelled_sum if arm.unlabelled_sum2 is None else checks.finite("unlabelled_sum2", arm.unlabelled_sum2)
    )
    far_variance = square / others - far_mean**2
    if far_variance < -1e-9:
        raise ValueError(
            "unlabelled_sum2 is smaller than unlabelled_sum allows (it is needed unless scores are 0 or 1)"
        )
    far_variance = max(0.0, far_variance)
    n, weight = human.size, 1.0
    classical_variance = float(human.var()) / n
    if tuned:
        covariance = float(((human - human.mean()) * (judge - judge.mean())).mean())
        pooled = _pooled_variance(judge, far_mean, far_variance, others)
        weight = covariance / ((1 + n / others) * pooled) if pooled > 0 else 0.0
        weight = min(1.0, max(0.0, weight))
    estimate = weight * far_mean + float((human - weight * judge).mean())
    variance = weight**2 * far_variance / others + float((human - weight * judge).var()) / n
    return _Ppi(estimate, variance, weight, float(human.mean()), classical_variance, n)


def _pooled_variance(judge: Floats, far_mean: float, far_variance: float, others: int) -> float:
    total = judge.size + others
    mean = (judge.sum() + far_mean * others) / total
    squares = float((judge**2).sum()) + (far_variance + far_mean**2) * others
    return max(0.0, float(squares - total * mean**2) / (total - 1))


def _ppi_warnings(n: int, variance: float) -> tuple[str, ...]:
    notes = []
    if n < 30:
        notes.append(f"Only {n} human labels: the normal interval is rough.")
    if variance == 0:
        notes.append("Nothing varies, so the interval is a point and proves nothing.")
    return tuple(notes)


def _normal_interval(estimate: float, variance: float, alpha: float) -> tuple[float | None, float | None]:
    if variance == 0:
        return None, None
    half = float(special.ndtri(1 - alpha / 2)) * math.sqrt(variance)
    return estimate - half, estimate + half
