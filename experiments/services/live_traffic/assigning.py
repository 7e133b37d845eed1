"""Arms for client applications that ask: by the rule while the test runs, and control whenever it does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from experiments.models import Exposure
from experiments.services.live_traffic.exposures import Seen, expose, place_of
from experiments.services.live_traffic.running_tests import RunningTest, running

MOST_UNITS = 1_000


class UnknownTest(Exception):
    """No registered live test has this key; says so."""


@dataclass(frozen=True)
class Assigned:
    """`exposed_at`: since when the unit is in this arm; None where nothing was stored."""

    unit_id: str
    arm: str
    bucket: int
    exposed_at: datetime | None


def known_test(key: str) -> RunningTest:
    """Raises UnknownTest."""
    test = running(key)
    if test is None:
        raise UnknownTest(f"No live test is registered as {key!r}. Clients know a draft only once it is registered.")
    return test


def assign(
    *,
    test: RunningTest,
    unit_ids: Sequence[str],
    attributes: Mapping[str, Any],
    now: datetime,
    source: str = Exposure.Source.ASSIGNED,
) -> list[Assigned]:
    """In the order asked. The first time, the exposure is stored: one statement, and committed with it."""
    if not test.runs:
        return [Assigned(unit, "control", place_of(test.plan, unit), None) for unit in unit_ids]
    seen = [Seen(unit, now, segment=dict(attributes)) for unit in dict.fromkeys(unit_ids)]
    found = expose(test.test_id, test.plan, test.split, seen, source)
    return [Assigned(unit, found[unit].arm, place_of(test.plan, unit), found[unit].exposed_at) for unit in unit_ids]
