"""A policy is frozen with its hash, amended on record, and says for ever which evidence came before it."""

import hashlib
import json
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from evalsite.platform.models import AuditEntry
from experiments.deciding.presets import PRESETS
from experiments.models import BenchmarkRun, Experiment, ExperimentPolicy, RegisteredPolicy
from experiments.policy import EvidenceRef, Policy, PolicyRefused
from experiments.reports.policies.open_evidence import open_evidence
from experiments.reports.policies.registered import current, draft_of
from experiments.services import policies
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW
from tests.policies.written import drafted, register, registered

pytestmark = pytest.mark.django_db
DEFAULT = PRESETS["default"].policy
SHORTER = PRESETS["benchmarks"].policy


def test_a_registered_policy_is_its_own_text_and_hash() -> None:
    row = registered(make_experiment())
    assert Policy.from_dict(json.loads(row.text)) == DEFAULT
    assert row.sha256 == hashlib.sha256(row.text.encode()).hexdigest() == DEFAULT.sha256
    assert (row.number, row.evidence, row.reason) == (1, {"open": []}, "")
    assert not ExperimentPolicy.objects.exists()


def test_registering_twice_with_one_form_is_registering_once() -> None:
    experiment, token = make_experiment(), uuid4()
    first = registered(experiment, token=token)
    again = register(experiment, token=token, seen_sha256=first.sha256)
    assert again.pk == first.pk
    assert RegisteredPolicy.objects.count() == 1
    with pytest.raises(policies.DraftMoved):
        register(experiment, token=token, seen_sha256="0" * 64)
    with pytest.raises(policies.DraftMoved):
        register(make_experiment(), token=token, seen_sha256=first.sha256)


def test_what_was_not_seen_is_not_registered() -> None:
    experiment = make_experiment()
    seen = drafted(experiment).sha256
    drafted(experiment, SHORTER)
    with pytest.raises(policies.DraftMoved, match="changed since"):
        register(experiment, seen_sha256=seen)
    assert not RegisteredPolicy.objects.exists()


def test_without_a_draft_there_is_nothing_to_register() -> None:
    with pytest.raises(policies.CannotRegister, match="no draft"):
        register(make_experiment())


def test_an_amendment_needs_its_reason_and_a_change() -> None:
    experiment = make_experiment()
    registered(experiment)
    drafted(experiment)
    with pytest.raises(policies.CannotRegister, match="already"):
        register(experiment, reason="again")
    drafted(experiment, SHORTER)
    with pytest.raises(policies.NoReason):
        register(experiment, reason=" ")
    row = register(experiment, reason=" No reviewers this quarter. ")
    assert (row.number, row.reason) == (2, "No reviewers this quarter.")
    found = current(experiment)
    assert found is not None
    assert found.policy == SHORTER


@pytest.mark.parametrize(
    "statement", ["UPDATE experiments_registeredpolicy SET text = ''", "DELETE FROM experiments_registeredpolicy"]
)
def test_a_registered_policy_is_never_changed(statement: str) -> None:
    registered(make_experiment())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_evidence_that_was_open_is_listed_for_ever() -> None:
    experiment = make_experiment()
    eval_set = experiment.suites.get().eval_set
    run = {
        "eval_set": eval_set,
        "n_cases": 3,
        "created_at": NOW,
        "finished_at": NOW,
        "status": BenchmarkRun.Status.DONE,
    }
    BenchmarkRun.objects.create(model_version=experiment.baseline, **run)
    assert open_evidence(experiment) == []
    BenchmarkRun.objects.create(model_version=experiment.candidate, **run)
    row = registered(experiment)
    [told] = row.evidence["open"]
    assert told.startswith(f"benchmarks: the candidate’s scores on {eval_set}")


def test_each_act_is_in_the_audit_log() -> None:
    experiment = make_experiment()
    registered(experiment)
    drafted(experiment, SHORTER)
    register(experiment, reason="Shorter.")
    drafted(experiment)
    policies.discard_draft(experiment=experiment, actor=None, now=NOW)
    policies.discard_draft(experiment=experiment, actor=None, now=NOW)
    acts = AuditEntry.objects.filter(action__startswith="policy.").order_by("id").values_list("action", flat=True)
    assert list(acts) == [
        "policy.drafted",
        "policy.registered",
        "policy.drafted",
        "policy.amended",
        "policy.drafted",
        "policy.draft_discarded",
    ]


def test_a_draft_may_not_name_what_the_experiment_does_not_have() -> None:
    experiment, other = make_experiment(), make_experiment()
    foreign = other.suites.get().eval_set_id
    asked = [
        replace(DEFAULT.criteria[0], evidence=EvidenceRef(layer="benchmark", metric="value", eval_set_id=foreign)),
        replace(
            DEFAULT.criteria[1],
            evidence=EvidenceRef(layer="benchmark", metric="value", role="general", eval_set_id=own_set(experiment)),
        ),
        replace(DEFAULT.criteria[4], evidence=EvidenceRef(layer="human", metric="win_rate", campaign=str(uuid4()))),
        replace(DEFAULT.criteria[5], evidence=EvidenceRef(layer="live", metric="primary", live_test="support-bot")),
    ]
    with pytest.raises(PolicyRefused) as caught:
        drafted(experiment, replace(DEFAULT, criteria=tuple(asked)))
    assert [problem.field for problem in caught.value.problems] == [
        "criteria[0].evidence.eval_set_id",
        "criteria[1].evidence.eval_set_id",
        "criteria[2].evidence.campaign",
        "criteria[3].evidence.live_test",
    ]


def own_set(experiment: Experiment) -> int:
    return experiment.suites.get().eval_set_id


def test_a_copy_leaves_the_names_of_the_other_experiment_behind() -> None:
    source, experiment = make_experiment(), make_experiment()
    named = replace(
        DEFAULT.criteria[0],
        evidence=EvidenceRef(layer="benchmark", metric="value", role="target", eval_set_id=own_set(source)),
    )
    registered(source, replace(DEFAULT, criteria=(named, *DEFAULT.criteria[1:])))
    _, changed = policies.copy_from(experiment=experiment, source=source, actor=None, now=NOW)
    assert changed == (named.title,)
    assert draft_of(experiment) == DEFAULT


def test_only_a_registered_policy_can_be_copied() -> None:
    source = make_experiment()
    drafted(source)
    with pytest.raises(PolicyRefused, match="no registered policy"):
        policies.copy_from(experiment=make_experiment(), source=source, actor=None, now=NOW)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"{", "no JSON"),
        (b"[]", "an object"),
        (b"{}", "criteria"),
        (b"\xff\xfe", "no JSON"),
        (b'{"title": "' + b"x" * 200_001, "at most 200 kB"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_with_its_reason(text: bytes, told: str) -> None:
    with pytest.raises(PolicyRefused, match=told):
        policies.import_draft(experiment=make_experiment(), text=text, actor=None, now=NOW)


def test_an_export_is_imported_as_it_was() -> None:
    source, experiment = make_experiment(), make_experiment()
    policies.import_draft(experiment=experiment, text=registered(source).text.encode(), actor=None, now=NOW)
    assert draft_of(experiment) == DEFAULT
