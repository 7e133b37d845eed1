"""Exposed units with their sums, written in bulk: what folding would have made of their events."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from experiments.models import EventBatch, Exposure, LiveTest, UnitMetric
from experiments.reports.live.payload import LivePayload
from experiments.services import live_results
from tests.factories.platform_ import NOW

Sums = dict[str, Any]


def fill(
    live_test: LiveTest,
    arm: str,
    units: int,
    metrics: dict[str, Callable[[int], Sums | None]],
    *,
    at: datetime = NOW,
    spread: timedelta = timedelta(0),
    prefix: str = "",
    segment: Callable[[int], dict[str, Any]] = lambda unit: {},
    source: str = Exposure.Source.ASSIGNED,
) -> None:
    """`units` more units of an arm, exposed over `spread`; metrics: what each has of a metric, None for nothing."""
    names = [f"{prefix}{arm}{number}" for number in range(units)]
    Exposure.objects.bulk_create(
        Exposure(
            live_test=live_test,
            unit_id=name,
            arm=arm,
            source=source,
            exposed_at=at + spread * number / max(1, units),
            segment=segment(number),
        )
        for number, name in enumerate(names)
    )
    rows = [
        UnitMetric(live_test=live_test, metric=metric, unit_id=name, **sums)
        for metric, of in metrics.items()
        for number, name in enumerate(names)
        if (sums := of(number)) is not None
    ]
    UnitMetric.objects.bulk_create(rows)
    EventBatch.objects.create(
        live_test=live_test, n=len(rows), counts={"accepted": len(rows)}, received_at=at, folded_at=at
    )


def first(hits: int) -> Callable[[int], Sums | None]:
    """One event of each of the first `hits` units."""
    return lambda number: {"n": 1, "total": 1} if number < hits else None


def result_of(live_test: LiveTest, *, now: datetime = NOW) -> LivePayload:
    found = live_results.calculate(live_test=live_test, now=now)
    assert found is not None
    return LivePayload.from_dict(found.payload)
