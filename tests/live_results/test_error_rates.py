"""Short runs of the A/A tests; full counts by `make prove`."""

import pytest

from benchmarks.prove.live_tests import run
from benchmarks.simulations.live_tests import PROMISES
from benchmarks.simulations.promise import Promise


@pytest.mark.slow
@pytest.mark.parametrize("promise", PROMISES, ids=[promise.name for promise in PROMISES])
def test_a_way_of_reading_keeps_its_promise(promise: Promise) -> None:
    rate = promise.rate(promise.short)
    assert promise.kept(rate, promise.short), f"{rate:.2%} is outside {promise.low:.1%} - {promise.high:.1%}"


def test_reading_every_look_as_the_only_one_is_printed_beside() -> None:
    assert [promise.name for promise in PROMISES if promise.note == "why not"] == [
        "A/A test of a rate, 14 looks, each look read as the only one",
        "A/A test of a capped mean, 14 looks, each look read as the only one",
    ]
    assert next(iter(run(full=False))).ok is True
