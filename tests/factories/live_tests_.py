"""Production tests in any state, with a plan whose every default is valid."""

from itertools import count
from typing import Any
from uuid import uuid4

from experiments.live_plan import Plan
from experiments.models import Experiment, LiveTest, ModelVersion
from experiments.services.live_tests import drafting, registering, running
from tests.factories.experiments_ import make_model_version
from tests.factories.platform_ import NOW

Status = LiveTest.Status
numbers = count(1)

COMPLETION: dict[str, Any] = {
    "key": "completion",
    "title": "Task completion",
    "role": "primary",
    "kind": "rate",
    "event": "task_completed",
}


def raw_plan(**fields: Any) -> dict[str, Any]:
    """What a draft says: all of a plan but its key and arms."""
    defaults = {
        "routing": {"salt": "a1b2", "split": 0.5},
        "metrics": [COMPLETION],
        "baseline": 0.7,
        "mde": 0.05,
        "days": 14,
        "method": "confidence_sequence",
    }
    return {**defaults, **fields}


def make_plan(*, key: str = "support-bot", **fields: Any) -> Plan:
    """A plan without a database."""
    arms = {"control_id": 1, "control_name": "baseline", "treatment_id": 2, "treatment_name": "candidate"}
    return Plan.from_dict({**arms, **raw_plan(), "key": key, **fields})


def make_live_test(
    *,
    key: str = "",
    name: str = "",
    status: str = Status.RUNNING,
    control: ModelVersion | None = None,
    treatment: ModelVersion | None = None,
    experiment: Experiment | None = None,
    **plan: Any,
) -> LiveTest:
    """Drafted, registered, started and stopped by the services, as far as `status` says. `plan`: fields of its plan."""
    if experiment is not None:
        control, treatment = experiment.baseline, experiment.candidate
    number = next(numbers)
    live_test = drafting.create(
        name=name or f"Live test {number}",
        key=key or f"live-test-{number}",
        control=control or make_model_version(),
        treatment=treatment or make_model_version(),
        experiment=experiment,
        draft=raw_plan(**plan),
        token=uuid4(),
        created_by=None,
        now=NOW,
    )
    if status != Status.DRAFT:
        registering.register(live_test=live_test, registered_by=None, now=NOW)
    if status in (Status.RUNNING, Status.STOPPED):
        running.start(live_test=live_test, actor=None, now=NOW)
    if status == Status.STOPPED:
        running.stop(live_test=live_test, reason="Enough seen.", token=uuid4(), actor=None, now=NOW)
    live_test.refresh_from_db()
    return live_test
