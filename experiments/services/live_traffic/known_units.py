"""Exposures of units that send many events, kept by each process: what is append-only never has to be asked twice."""

from collections.abc import Mapping, Set
from functools import partial

from django.db import connection, transaction

from experiments.services.live_traffic.exposures import Exposed, stored
from experiments.services.live_traffic.running_tests import RunningTest

# About 20 MB; then it begins anew.
MOST_KEPT = 100_000
Kept = dict[str, Exposed]
kept: dict[tuple[str, int, str], Kept] = {}


def look_up(test: RunningTest, units: Set[str]) -> Mapping[str, Exposed]:
    """At least of those of the units that were exposed, the arm and since when."""
    of_test = kept.get(place_of(test), {})
    # One look for each, where a difference of sets would walk all that is kept.
    missing = {unit for unit in units if unit not in of_test}
    if not missing:
        return of_test
    read = stored(test.test_id, missing)
    # What this very transaction wrote, it may still take back.
    transaction.on_commit(partial(keep, place_of(test), read))
    return read | {unit: of_test[unit] for unit in units - missing}


def place_of(test: RunningTest) -> tuple[str, int, str]:
    return connection.settings_dict["NAME"], test.test_id, test.plan_sha256


def keep(place: tuple[str, int, str], read: Kept) -> None:
    if sum(map(len, list(kept.values()))) + len(read) > MOST_KEPT:
        kept.clear()
    kept.setdefault(place, {}).update(read)
