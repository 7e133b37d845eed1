"""A/A tests of production traffic looked at every day: how often each way of reading errs."""

from collections.abc import Iterable

from benchmarks.prove.simulations import kept
from benchmarks.simulations.live_tests import PROMISES
from benchmarks.table import Row


def run(*, full: bool) -> Iterable[Row]:
    return kept(PROMISES, full=full)
