"""How many samples a criterion needs: the least that could show it at all, and about how many more would settle it."""

import math
from dataclasses import dataclass

from experiments.deciding.canonical import steady
from experiments.deciding.evidence import Observation
from experiments.deciding.intervals import Reading, z
from experiments.deciding.wording import counted, percent
from experiments.policy import Criterion

MOST = 10_000_000
TOLD = (100, 1_000)


@dataclass(frozen=True)
class LeastN:
    """`n` None: no number can (then `never`), or nothing can be said. The sentence says which, and what n proves."""

    n: int | None = None
    never: bool = False
    sentence: str = ""


def least_n(criterion: Criterion, method: str, n_unit: str) -> LeastN:
    """Below this n no interval of this kind lies beyond the threshold, whatever the samples are."""
    if criterion.rule == "observed":
        return LeastN()
    quantile = criterion.metric.quantile
    if quantile is not None:
        return for_quantile(criterion, quantile, n_unit)
    if criterion.unit != "share" or criterion.evidence.metric in ("kappa", "position_bias"):
        return LeastN()
    if criterion.comparison == "absolute":
        return for_share(criterion, method, n_unit)
    if criterion.comparison == "points" and criterion.evidence.layer == "benchmark":
        return for_gain(criterion, n_unit)
    return LeastN()


def for_share(criterion: Criterion, method: str, n_unit: str) -> LeastN:
    """All of n good: the exact lower bound is tail^(1/n), Wilson's n / (n + z²)."""
    is_lower = criterion.direction == "at_least"
    bound = steady(criterion.beyond if is_lower else 1 - criterion.beyond)
    is_wilson = "wilson" in method.lower()
    name = "Wilson" if is_wilson else "exact"
    level = f"{percent(criterion.level)} {name} interval"
    if bound >= 1:
        known = " and ".join(proves(n, criterion, is_wilson=is_wilson, is_lower=is_lower) for n in TOLD)
        extreme = "100%" if is_lower else "0%"
        return LeastN(never=True, sentence=f"No number of {n_unit} can show exactly {extreme}: {known} ({level}).")
    n = n_for_share(bound, criterion.level, is_wilson=is_wilson)
    held = "at least" if is_lower else "at most"
    words = f"It takes {counted(n, n_unit)} or more to show {held} {percent(criterion.beyond)}, even if all are good"
    return LeastN(
        n=n, sentence=f"{words}; {proves(TOLD[0], criterion, is_wilson=is_wilson, is_lower=is_lower)} ({level})."
    )


def n_for_share(bound: float, level: float, *, is_wilson: bool) -> int:
    if bound <= 0:
        return 1
    if is_wilson:
        return max(1, math.ceil(steady(z(level) ** 2 * bound / (1 - bound))))
    return max(1, math.ceil(steady(math.log((1 - level) / 2) / math.log(bound))))


def proves(n: int, criterion: Criterion, *, is_wilson: bool, is_lower: bool) -> str:
    """ "100 of 100 shows at least 96.4%"."""
    bound = n / (n + z(criterion.level) ** 2) if is_wilson else ((1 - criterion.level) / 2) ** (1 / n)
    if is_lower:
        return f"{n:,} of {n:,} shows at least {percent(round(bound, 3))}"
    return f"0 of {n:,} shows at most {percent(round(1 - bound, 3))}"


def for_gain(criterion: Criterion, n_unit: str) -> LeastN:
    """All of n cases gained: the exact bound p of their share gives a difference of 2p - 1."""
    gain = steady(criterion.beyond if criterion.direction == "at_least" else -criterion.beyond)
    if gain >= 1:
        return LeastN(never=True, sentence=f"No number of {n_unit} can show a difference of 100 points.")
    n = n_for_share((1 + gain) / 2, criterion.level, is_wilson=False)
    words = f"It takes {counted(n, n_unit)} or more to show this, even if every one changed for the better"
    return LeastN(n=n, sentence=f"{words} ({percent(criterion.level)} exact sign test).")


def for_quantile(criterion: Criterion, q: float, n_unit: str) -> LeastN:
    """The largest of n values lies above the q-quantile with a chance of 1 - q^n; the smallest below it likewise."""
    below = q if criterion.direction == "at_most" else 1 - q
    n = math.ceil(steady(math.log((1 - criterion.level) / 2) / math.log(below)))
    words = f"It takes {counted(n, n_unit)} or more to bound a {percent(q)} quantile from one side"
    return LeastN(n=n, sentence=f"{words} ({percent(criterion.level)} interval, whatever the distribution).")


def more_needed(criterion: Criterion, reading: Reading, found: Observation, least: LeastN) -> int | None:
    """About how many more would settle it if the estimate stays. None where no number can, or more than ten million."""
    if reading.n < 1:
        return None
    sign = 1 if criterion.direction == "at_least" else -1
    is_reached = sign * (reading.estimate - criterion.threshold) >= 0
    if is_reached and least.never:
        return None
    least_total = in_all(least, reading)
    if is_reached and least_total is not None and reading.estimate == perfect(criterion):
        return about(least_total - reading.n) if least_total > reading.n else None
    goal = criterion.beyond if is_reached else criterion.threshold
    bound = reading.reach(criterion.direction) if is_reached else reading.limit(criterion.direction)
    total = n_to_reach(criterion, reading, found, goal=goal, bound=bound)
    if total is None:
        return None
    if is_reached and least_total is not None:
        total = max(total, least_total)
    more = max(1, math.ceil(steady(total)) - reading.n)
    return about(more) if more <= MOST else None


def in_all(least: LeastN, reading: Reading) -> int | None:
    """Of what n counts: where that comes in clusters, so many times the size of one."""
    if least.n is None or not reading.independent:
        return least.n
    return math.ceil(steady(least.n * reading.n / reading.independent))


def perfect(criterion: Criterion) -> float | None:
    """A share that cannot be better: then the least n is what it takes."""
    if criterion.comparison != "absolute" or criterion.unit != "share":
        return None
    return 1.0 if criterion.direction == "at_least" else 0.0


def n_to_reach(
    criterion: Criterion, reading: Reading, found: Observation, *, goal: float, bound: float | None
) -> float | None:
    distance = abs(steady(reading.estimate - goal))
    if not distance:
        return None
    is_counted = found.successes is not None and criterion.comparison == "absolute" and 0 < goal < 1
    if is_counted:
        # The score interval's own size; an exact one needs about one sample per distance more.
        extra = 0 if "wilson" in found.method.lower() else 1 / distance
        return z(criterion.level) ** 2 * goal * (1 - goal) / distance**2 + extra
    if bound is not None and bound != reading.estimate:
        return reading.n * ((reading.estimate - bound) / distance) ** 2
    if found.spread:
        return (z(criterion.level) * found.spread / distance) ** 2
    return None


def about(n: int) -> int:
    """Rounded up to two digits: 407 is about 410."""
    step = int("1" + "0" * (len(str(n)) - 2)) if n > 99 else 1
    return -(-n // step) * step
