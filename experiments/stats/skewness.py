"""Whether a difference of means is near enough to normal for a t-test: the skewness of the difference itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.stats import checks

# Cochran's n > 25 G² says that the skewness of a mean, G / sqrt(n), stays below this.
COCHRAN = 0.2


@dataclass(frozen=True, kw_only=True)
class Sample:
    """n independent values of one arm; variance and third central moment of one value; weight of their mean."""

    n: int
    variance: float
    third: float
    weight: float = 1.0


def skewness_of_difference(control: Sequence[Sample], treatment: Sequence[Sample]) -> float | None:
    """Skewness of a weighted mean of treatment minus that of control; None where nothing varies.

    One sample per arm, or one per stratum. sum(w³ m₃ / n²) over the samples, control's with a minus, over se³: the A of
    Zhou & Dinh, which tilts both tails of Welch's t to first order. Like tails of two arms of one size cancel.

    Taken twice, with each sample's own skewness and with that of all values together, and the larger one returned: in
    an arm that has not met its tail yet variance and skewness look small in the very samples that reject wrongly.
    Source: Zhou & Dinh 2005, Biostatistics 6:187; Cochran 1977, Sampling Techniques, section 2.15 (n > 25 G²);
    Boos & Hughes-Oliver 2000, The American Statistician 54:121.
    """
    arms = [(-1.0, one) for one in control] + [(1.0, one) for one in treatment]
    for _, one in arms:
        checks.positive_count("n", one.n)
        checks.not_negative("variance", one.variance)
        checks.finite("third", one.third)
    largest = max((one.variance for _, one in arms), default=0.0)
    if largest <= 0:
        return None
    # in units of the largest variance, so that cubes of tiny values do not vanish
    scale = math.sqrt(largest)
    spread = [(sign, one, one.variance / largest, one.third / scale / scale / scale) for sign, one in arms]
    error = sum(one.weight**2 * variance / one.n for _, one, variance, _ in spread)
    if error <= 0:
        return None
    total = sum(one.n for _, one in arms)
    of_one = sum(variance * one.n for _, one, variance, _ in spread) / total
    shape = sum(third * one.n for _, one, _, third in spread) / total / math.sqrt(of_one) ** 3
    own = sum(sign * one.weight**3 * third / one.n**2 for sign, one, _, third in spread)
    alike = sum(sign * one.weight**3 * shape * variance**1.5 / one.n**2 for sign, one, variance, _ in spread)
    return float(max(own, alike, key=abs) / error**1.5)


def growth_until(skewness: float, most: float) -> float:
    """How many times as many values bring a skewness down to `most`: it falls with the root of their number."""
    return max(1.0, (skewness / checks.positive("most", most)) ** 2)
