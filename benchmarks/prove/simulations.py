"""Error rates, coverage and power of every inferential function, by seeded simulation."""

from collections.abc import Iterable

from benchmarks.simulations import headline, looking, pairs, raters, two_arms
from benchmarks.simulations.promise import Promise
from benchmarks.table import Row

PROMISES: list[Promise] = [
    *headline.PROMISES,
    *pairs.PROMISES,
    *two_arms.PROMISES,
    *looking.PROMISES,
    *raters.PROMISES,
]


def run(*, full: bool) -> Iterable[Row]:
    return kept(PROMISES, full=full)


def kept(promises: Iterable[Promise], *, full: bool) -> Iterable[Row]:
    for promise in promises:
        trials = promise.full if full else promise.short
        rate = promise.rate(trials)
        yield Row(
            name=promise.name,
            ours=f"{rate:.2%}",
            bound=f"{promise.low:.1%} - {promise.high:.1%}",
            ok=promise.kept(rate, trials),
            note="; ".join(part for part in (f"{trials:,} trials", promise.note) if part),
        )
