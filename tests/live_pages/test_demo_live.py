"""The live tests of the shipped example, fed through the real services."""

from datetime import timedelta

import pytest

from experiments.models import ArmConflict, Exposure, LiveEvent, LiveResult, LiveTest, RefusedEvent
from experiments.services import demo, demo_live
from experiments.services.demo_live import EXAMPLES
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db
DECIDED, HIDDEN, DRAFT = (example.key for example in EXAMPLES)


def rows() -> tuple[int, ...]:
    return tuple(kind._default_manager.count() for kind in (LiveTest, Exposure, LiveEvent, RefusedEvent, ArmConflict))


def test_the_example_has_one_test_that_decides_one_that_hides_and_a_draft() -> None:
    experiment = make_experiment(name=demo.EXPERIMENT)
    demo_live.load(now=NOW)
    statuses = dict(LiveTest.objects.values_list("key", "status"))
    assert statuses == {DECIDED: "running", HIDDEN: "running", DRAFT: "draft"}
    assert set(LiveTest.objects.values_list("experiment", flat=True)) == {experiment.pk}

    told = LiveResult.objects.get(live_test__key=DECIDED).payload
    assert told["exposed"] == {"control": 6_200, "treatment": 1_550}
    primary = told["metrics"][0]
    assert (primary["control"], primary["treatment"]) == (4_421 / 6_200, 1_223 / 1_550)
    assert primary["verdict"] == "better"
    assert not told["blocked"]
    assert len(told["over_time"][0]["points"]) > 10
    assert {row["value"] for row in told["segments"]} == {"free", "pro"}
    assert ArmConflict.objects.count() == 4
    assert set(RefusedEvent.objects.values_list("reason", flat=True)) == {"late", "malformed", "not_exposed"}

    hidden = LiveResult.objects.get(live_test__key=HIDDEN).payload
    assert hidden["hidden"]
    assert hidden["metrics"][0]["treatment"] is None

    before = rows()
    demo_live.load(now=NOW + timedelta(minutes=1))
    LiveResult.objects.all().delete()
    demo_live.load(now=NOW)
    assert rows() == before
