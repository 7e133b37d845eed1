"""Everything a page does with a live test, by commands; and traffic to try it with."""

from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from experiments.models import ArmConflict, EventBatch, Exposure, LiveAmendment, LiveEvent, LiveTest
from experiments.services.live_tests import simulating
from experiments.services.live_tests.truths import Truth
from tests.factories.experiments_ import make_experiment, make_model_version
from tests.factories.live_tests_ import make_live_test, raw_plan

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: Any) -> str:
    out = StringIO()
    call_command(name, *map(str, arguments), stdout=out)
    return out.getvalue()


def plan_file(folder: Path, **fields: Any) -> Path:
    said = {"name": "Support bot", "key": "bot", "control": "old", "treatment": "new:2", "plan": raw_plan(), **fields}
    path = folder / "plan.json"
    path.write_bytes(orjson.dumps(said))
    return path


def test_a_file_becomes_a_running_test_once(tmp_path: Path) -> None:
    make_model_version(name="old")
    make_model_version(name="new", version="2")
    path = plan_file(tmp_path)
    assert "registered, plan " in run("create_live_test", path)
    assert "running" in run("create_live_test", path, "--start")
    assert LiveTest.objects.get().treatment.version == "2"


def test_a_file_may_make_a_draft_of_an_experiment(tmp_path: Path) -> None:
    experiment = make_experiment()
    arms = {"control": experiment.baseline.name, "treatment": experiment.candidate.name}
    run("create_live_test", plan_file(tmp_path, experiment=experiment.name, **arms), "--draft")
    assert LiveTest.objects.get().experiment == experiment


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"plan": raw_plan(alpha=3)}, "alpha: must lie"),
        ({"plan": 1}, "must hold an object"),
        ({"name": ""}, "name is missing"),
        ({"control": "nobody"}, "no model version"),
        ({"experiment": "none"}, "no experiment"),
        ({"more": 1}, "more is not known"),
        ({"key": "new"}, "name of a page"),
    ],
)
def test_a_file_that_cannot_be_a_test_is_refused_with_the_reason(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    make_model_version(name="old")
    make_model_version(name="new", version="2")
    with pytest.raises(CommandError, match=words):
        run("create_live_test", plan_file(tmp_path, **fields))
    assert not LiveTest.objects.exists()


def test_steps_are_taken_by_command() -> None:
    live_test = make_live_test(key="bot", routing={"split": 0.1}, status=LiveTest.Status.REGISTERED)
    run("step_live_test", "bot", "start")
    assert "30 %" in run("step_live_test", "bot", "ramp", "--split", "0.3", "--reason", "It holds.")
    with pytest.raises(CommandError, match="Say why"):
        run("step_live_test", "bot", "stop")
    with pytest.raises(CommandError, match="no live test"):
        run("step_live_test", "other", "start")
    live_test.refresh_from_db()
    assert (live_test.status, live_test.split) == (LiveTest.Status.RUNNING, 0.3)


def test_a_hidden_test_is_extended_by_command() -> None:
    make_live_test(key="bot", method="fixed_horizon")
    said = ("extend", "--units-per-arm", "3000", "--days", "21", "--reason", "Less traffic than hoped.")
    assert "extended" in run("step_live_test", "bot", *said)
    assert LiveAmendment.objects.get().change["after"] == {"n_per_arm": 3000, "days": 21}


def test_simulated_traffic_arrives_through_the_real_services() -> None:
    make_live_test(key="bot", routing={"split": 0.2, "salt": "x"})
    said = run("simulate_traffic", "bot", "--arms", "40:10", "--truth", "completion=0.5:0.8", "--exact")
    assert said == "bot: units 40 control, 10 treatment; events 28 accepted\n"
    assert Exposure.objects.filter(arm="treatment").count() == 10
    assert LiveEvent.objects.count() == 28
    assert not ArmConflict.objects.exists()


def test_traffic_that_repeats_itself_is_counted_once() -> None:
    live_test = make_live_test(key="bot")
    coming = simulating.traffic(live_test, units=30, truths={"completion": Truth(control=1, treatment=1)}, seed=3)
    assert live_test.started_at
    sent = simulating.spread(live_test, coming, start=live_test.started_at, end=live_test.started_at, repeated=3)
    assert sent.answers == {"accepted": 30, "duplicate": 10}
    assert sum(EventBatch.objects.values_list("n", flat=True)) == 30


def test_traffic_of_a_test_that_does_not_run_or_of_an_unknown_metric_is_refused() -> None:
    make_live_test(key="bot", status=LiveTest.Status.REGISTERED)
    with pytest.raises(CommandError, match="Start the test"):
        run("simulate_traffic", "bot")
    make_live_test(key="other")
    with pytest.raises(CommandError, match="no metric 'nothing'"):
        run("simulate_traffic", "other", "--truth", "nothing=1:1")
