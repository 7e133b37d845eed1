"""Results are computed in a worker: asked for after folding, and by a beat that finds what was not asked for."""

import pytest

from experiments import tasks
from experiments.models import EventBatch, LiveResult
from tests.factories.live_results_ import fill
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr(tasks.compute_live_results, "apply_async", lambda args, **options: found.append(*args))
    return found


def test_folding_asks_for_the_result(asked: list[int]) -> None:
    live_test = make_live_test()
    tasks.fold_events(live_test.pk)
    assert asked == []  # nothing was folded
    EventBatch.objects.create(live_test=live_test, n=1, received_at=NOW)
    tasks.fold_events(live_test.pk)
    assert asked == [live_test.pk]


def test_the_beat_asks_once_for_each_test_that_moved(asked: list[int]) -> None:
    moved, still = make_live_test(), make_live_test()
    for live_test in (moved, still):
        tasks.compute_live_results(live_test.pk)
    LiveResult.objects.update(computed_at=NOW, compute_ms=0)
    tests = {moved.pk, still.pk}
    tasks.refresh_stale_live_results()
    assert set(asked) == tests  # a running test is computed anew every hour, for its days
    asked.clear()
    for live_test in (moved, still):
        tasks.compute_live_results(live_test.pk)
    fill(moved, "control", 1, {})
    LiveResult.objects.update(compute_ms=0)
    tasks.refresh_stale_live_results()
    assert asked == []  # computed a moment ago
