"""What a method promises, and how to see whether it keeps it."""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.stats.result import Estimate

SEED = 20_240_501
# a short run may miss a bound by this many standard errors of its own counting
SLACK = 3.5

Trial = Callable[[np.random.Generator], bool]


@dataclass(frozen=True)
class Promise:
    """`trial` is true when the thing counted happened; its rate should lie in [low, high]."""

    name: str
    trial: Trial
    low: float
    high: float
    full: int
    short: int
    note: str = ""
    data: str = ""

    def rate(self, trials: int) -> float:
        """Promises with the same `data` see the same draws."""
        rng = np.random.default_rng([SEED, zlib.crc32((self.data or self.name).encode())])
        return sum(self.trial(rng) for _ in range(trials)) / trials

    def kept(self, rate: float, trials: int) -> bool:
        """The slack is that of a method which just keeps its promise: a rate far off brings none of its own."""
        part = trials < self.full
        low, high = (SLACK * math.sqrt(bound * (1 - bound) / trials) * part for bound in (self.low, self.high))
        return self.low - low <= rate <= self.high + high


def covers(result: Estimate, truth: float) -> bool:
    return result.ci_low is not None and result.ci_high is not None and result.ci_low <= truth <= result.ci_high


def rejects(p_value: float | None, alpha: float = 0.05) -> bool:
    return p_value is not None and p_value < alpha
