"""How long a test has run, and how long it will at this pace."""

from datetime import datetime, timedelta

from experiments.models import LiveTest

DAY = timedelta(days=1)


def days_running(live_test: LiveTest, now: datetime) -> float | None:
    started = live_test.started_at
    if started is None:
        return None
    return max(0.0, ((live_test.stopped_at or now) - started) / DAY)


def eta(live_test: LiveTest, now: datetime, *, missing: int, smaller: int) -> float | None:
    """Days until the smaller arm is full, if it goes on filling as it has since the start."""
    days = days_running(live_test, now)
    if live_test.status != LiveTest.Status.RUNNING or missing <= 0 or not days or not smaller:
        return None
    return missing / (smaller / days)
