"""Error rates, coverage and power of every inferential function, by seeded simulation."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

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


def kept(promises: Sequence[Promise], *, full: bool) -> Iterable[Row]:
    for promise, rate in zip(promises, rates(promises, full=full), strict=True):
        trials = trials_of(promise, full=full)
        yield Row(
            name=promise.name,
            ours=f"{rate:.2%}",
            bound=f"{promise.low:.1%} - {promise.high:.1%}",
            ok=promise.kept(rate, trials),
            note="; ".join(part for part in (f"{trials:,} trials", promise.note) if part),
        )


def trials_of(promise: Promise, *, full: bool) -> int:
    return promise.full if full else promise.short


def rates(promises: Sequence[Promise], *, full: bool) -> list[float]:
    """One process per core; each promise has a seed of its own, so who counts it changes nothing."""
    cores = os.cpu_count() or 1
    # Trials are functions within functions, which only a copy of this very process knows.
    with ProcessPoolExecutor(cores, mp_context=get_context("fork"), initializer=take, initargs=(promises,)) as pool:
        order = sorted(range(len(promises)), key=lambda place: -trials_of(promises[place], full=full))
        found = {place: pool.submit(rate_at, place, trials_of(promises[place], full=full)) for place in order}
        return [found[place].result() for place in range(len(promises))]


in_hand: list[Promise] = []


def take(promises: Sequence[Promise]) -> None:
    in_hand[:] = promises


def rate_at(place: int, trials: int) -> float:
    return in_hand[place].rate(trials)
