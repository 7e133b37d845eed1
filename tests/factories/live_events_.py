"""Events as client applications send them, and units that have seen an arm."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from experiments.models import Exposure, LiveTest
from experiments.services.live_traffic.exposures import Seen, expose
from experiments.services.live_traffic.running_tests import running
from tests.factories.platform_ import NOW

LATER = NOW + timedelta(hours=1)
numbers = count(1)


def event(name: str = "task_completed", *, at: datetime = LATER, **fields: Any) -> dict[str, Any]:
    defaults = {
        "event_id": f"event-{next(numbers)}",
        "event": name,
        "experiment": "test",
        "unit_id": "ada",
        "timestamp": at.isoformat(),
    }
    return {**defaults, **fields}


def exposure(arm: str = "control", *, at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    return event("exposure", at=at, **{"properties": {"arm": arm}, **fields})


def expose_units(live_test: LiveTest, *units: str, at: datetime = NOW, arm: str | None = None) -> None:
    test = running(live_test.key)
    assert test
    seen = [Seen(unit, at, arm) for unit in units]
    expose(test.test_id, test.plan, test.split, seen, Exposure.Source.ASSIGNED)
