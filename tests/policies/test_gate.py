"""The gate: exit codes, three formats, the signed decision, and the same by the API."""

import io
import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from evalsite.platform.models import Job
from experiments.deciding.presets import KAPPA, TARGET_GAIN
from experiments.models import CampaignResult, EvidenceSnapshot, Experiment
from experiments.reports.gate.answer import EXIT_CODES
from experiments.reports.progress import progress_of
from experiments.services import evidence
from tests.api.calling import Program
from tests.factories.evidence_ import (
    GAIN,
    add_suite,
    gathered,
    make_decided_experiment,
    make_decision,
    make_empty_experiment,
    register_policy,
)
from tests.factories.experiments_ import make_experiment
from tests.factories.results_ import make_judged_campaign, make_lead

pytestmark = pytest.mark.django_db
EVEN = [1.0, 0.0] * 10


def an_experiment_that_is(verdict: str) -> Experiment:
    experiment = make_empty_experiment(name=f"Bot, {verdict}")
    register_policy(experiment, TARGET_GAIN if verdict == "INCONCLUSIVE" else GAIN, KAPPA)
    after = EVEN if verdict == "NO-GO" else [1.0] * 13 + [0.0] * 7
    errors = {"3": "timeout", "8": "http_5xx"} if verdict == "INVALID" else None
    add_suite(experiment, EVEN, after, errors=errors)
    return experiment


def gate(experiment: object, *options: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("gate", str(experiment), *options, stdout=out)
    except SystemExit as left:
        return int(left.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.parametrize(("verdict", "code"), [("GO", 0), ("NO-GO", 2), ("INCONCLUSIVE", 3), ("INVALID", 4)])
def test_each_verdict_has_its_exit_code_and_says_why_in_each_format(verdict: str, code: int) -> None:
    experiment = an_experiment_that_is(verdict)
    left, text = gate(experiment)
    assert left == code == EXIT_CODES[verdict]
    assert text.startswith(f"{verdict}: ")
    left, said = gate(experiment.pk, "--format", "json")
    found = json.loads(said)
    assert (left, found["verdict"], found["exit_code"]) == (code, verdict, code)
    assert [one["key"] for one in found["criteria"]] == ["target_gain", "kappa"]
    assert found["policy"]["number"] == 1
    left, xml = gate(experiment, "--format", "junit")
    suites = {one.get("name"): one for one in ET.fromstring(xml)}
    assert left == code
    kinds = {"GO": [], "NO-GO": ["failure"], "INCONCLUSIVE": ["failure"], "INVALID": ["error"]}
    [test] = suites["verdict"]
    assert [one.tag for one in test if one.tag != "system-out"] == kinds[verdict]
    gain, kappa = suites["criteria"]
    assert ("failure" in [one.tag for one in gain]) == (verdict == "NO-GO")
    assert "failure" not in [one.tag for one in kappa]
    assert ("health" in suites) == (verdict == "INVALID")


def test_the_gate_gathers_what_has_moved_before_it_answers() -> None:
    experiment = an_experiment_that_is("GO")
    assert not EvidenceSnapshot.objects.exists()
    assert gate(experiment)[0] == 0
    register_policy(experiment, TARGET_GAIN, reason="It must be shown.")
    assert gate(experiment)[0] == 3


def test_the_gate_leaves_evidence_that_stands_as_it_was_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = make_decided_experiment()

    def refused(**asked: Any) -> None:
        raise AssertionError("gathered again for nothing")

    monkeypatch.setattr(evidence, "compute", refused)
    assert gate(experiment)[0] == 0


def test_the_gate_answers_with_the_signed_decision_where_that_is_asked() -> None:
    experiment = make_decided_experiment(name="Bot")
    with pytest.raises(CommandError, match="No decision"):
        gate(experiment, "--signed")
    reason = "Refunds went wrong in a trial."
    make_decision(experiment=experiment, verdict="NO-GO", override_reason=reason)
    assert gate(experiment)[0] == 0
    left, text = gate(experiment, "--signed")
    assert left == 2
    assert text.startswith(f"NO-GO: signed against GO, because: {reason}")
    found = json.loads(gate(experiment, "--signed", "--format", "json")[1])
    assert (found["verdict"], found["computed_verdict"], found["basis"]) == ("NO-GO", "GO", "signed")
    assert found["signed"]["override_reason"] == reason


@pytest.mark.parametrize("named", ["nothing of this name", "999999", "9" * 30])
def test_an_experiment_that_is_not_there_is_said_to_be_not_there(named: str) -> None:
    with pytest.raises(CommandError, match="no experiment"):
        gate(named)


def test_without_a_policy_the_gate_does_not_answer() -> None:
    with pytest.raises(CommandError, match="No policy is registered"):
        gate(make_experiment())


def test_names_of_experiments_cannot_break_the_xml() -> None:
    experiment = make_decided_experiment(name='<"bad" & worse>')
    assert ET.fromstring(gate(experiment.pk, "--format", "junit")[1]).get("name") == '<"bad" & worse>'


def test_the_api_answers_with_verdict_criteria_and_decision() -> None:
    experiment = make_decided_experiment()
    program = Program("read")
    path = f"/experiments/{experiment.pk}/decision"
    first = program.get(path)
    assert first.status_code == 200, first.content
    said = first.json()
    assert (said["verdict"], said["exit_code"], said["is_stale"], said["signed"]) == ("GO", 0, False, None)
    assert said["criteria"][0]["status"] == "met"
    make_decision(experiment=experiment, signed_by=make_lead(username="nora"))
    assert program.get(path).json()["signed"]["signed_by"] == "nora"
    add_suite(experiment, [0.0] * 4, [1.0] * 4)
    moved = program.get(path)
    assert (moved.status_code, moved.json()["is_stale"]) == (202, True)


def test_the_gate_brings_the_results_up_to_date_that_evidence_is_read_from() -> None:
    experiment = make_experiment(n_cases=3)
    register_policy(experiment, GAIN)
    campaign = make_judged_campaign(experiment=experiment)
    gate(experiment)
    assert CampaignResult.objects.get(campaign=campaign).source == progress_of([campaign])[campaign.pk].source


def test_what_was_gathered_for_another_policy_answers_nothing() -> None:
    experiment, program = make_decided_experiment(), Program("read")
    register_policy(experiment, TARGET_GAIN, reason="It must be shown.")
    refused = program.get(f"/experiments/{experiment.pk}/decision")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_gathered")
    gathered(experiment)
    assert program.get(f"/experiments/{experiment.pk}/decision").status_code == 200


def test_the_api_says_what_is_missing_before_there_is_a_verdict() -> None:
    program, experiment = Program("read"), make_experiment()
    path = f"/experiments/{experiment.pk}/decision"
    assert (program.get(path).status_code, program.get(path).json()["code"]) == (409, "no_policy")
    register_policy(experiment)
    assert program.get(path).json()["code"] == "not_gathered"
    assert program.get("/experiments/99999999/decision").status_code == 404
    assert Program("benchmarks").get(path).status_code == 403


def test_registering_a_policy_wakes_the_gathering() -> None:
    register_policy(make_experiment())
    assert Job.objects.filter(kind=evidence.GATHER).count() == 1
