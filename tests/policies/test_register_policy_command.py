"""register_policy: from a file, a preset or another experiment; repeated it does nothing."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from experiments.deciding.presets import PRESETS
from experiments.models import Experiment, ExperimentPolicy, RegisteredPolicy
from experiments.reports.policies.registered import current
from tests.factories.experiments_ import make_experiment
from tests.policies.written import drafted, registered

pytestmark = pytest.mark.django_db


def run(experiment: Experiment, *given: str) -> str:
    out = io.StringIO()
    call_command("register_policy", experiment.name, *given, stdout=out)
    return out.getvalue()


def test_a_preset_is_registered_and_repeating_it_changes_nothing() -> None:
    experiment = make_experiment()
    assert run(experiment, "--preset", "default").startswith("policy 1: ")
    assert "stands already" in run(experiment, "--preset", "default")
    assert RegisteredPolicy.objects.count() == 1


def test_a_file_amends_with_its_reason(tmp_path: Path) -> None:
    experiment = make_experiment()
    registered(experiment)
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(PRESETS["benchmarks"].policy.to_dict()))
    with pytest.raises(CommandError, match="Say why"):
        run(experiment, str(file))
    assert not ExperimentPolicy.objects.exists()
    assert run(experiment, str(file), "--reason", "No reviewers.").startswith("policy 2: ")


def test_the_policy_of_another_experiment_is_copied() -> None:
    source, experiment = make_experiment(), make_experiment()
    with pytest.raises(CommandError, match="no registered policy"):
        run(experiment, "--from", source.name)
    registered(source, PRESETS["strict"].policy)
    run(experiment, "--from", source.name)
    found = current(experiment)
    assert found is not None
    assert found.policy == PRESETS["strict"].policy


def test_a_draft_on_the_page_is_not_overwritten() -> None:
    experiment = make_experiment()
    drafted(experiment, PRESETS["strict"].policy)
    with pytest.raises(CommandError, match="another draft"):
        run(experiment, "--preset", "default")
    assert run(experiment, "--preset", "strict").startswith("policy 1: ")


def test_a_file_can_be_checked_without_registering(tmp_path: Path) -> None:
    experiment, file = make_experiment(), tmp_path / "policy.json"
    file.write_text('{"title": "x", "criteria": [{"title": "y"}]}')
    with pytest.raises(CommandError, match=r"criteria\[0\].key"):
        run(experiment, str(file), "--check")
    file.write_text(json.dumps(PRESETS["default"].policy.to_dict()))
    assert PRESETS["default"].policy.sha256 in run(experiment, str(file), "--check")
    with pytest.raises(CommandError, match="cannot be read"):
        run(experiment, str(tmp_path / "none.json"))
    assert not RegisteredPolicy.objects.exists()
