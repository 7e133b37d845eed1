"""A signature freezes what was seen; the frozen texts give the same bytes again, and nothing is edited."""

from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from evalsite.platform.models import AuditEntry
from experiments.deciding import canonical
from experiments.models import Decision, EvidenceSnapshot
from experiments.services import decisions
from experiments.services.code_version import code_version
from experiments.services.decisions import CannotSign, EvidenceMoved, SignedOtherwise
from tests.factories.evidence_ import (
    GAIN,
    add_suite,
    gathered,
    make_decided_experiment,
    make_decision,
    make_empty_experiment,
    register_policy,
)
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import make_lead

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


def test_a_signature_freezes_policy_evidence_verdict_data_and_code() -> None:
    experiment = make_decided_experiment()
    snapshot = EvidenceSnapshot.objects.get(experiment=experiment)
    made = make_decision(experiment=experiment, signed_by=make_lead(username="mara"))
    assert (made.number, made.verdict, made.computed_verdict) == (1, "GO", "GO")
    assert (made.evidence_text, made.evidence_sha256) == (snapshot.text, snapshot.sha256)
    assert made.data_sha256 == snapshot.payload["data_sha256"]
    assert len(made.data_sha256) == 64
    assert made.code_version == code_version()
    entry = AuditEntry.objects.get(action="decision.signed")
    assert (entry.actor_name, entry.details["verdict"]) == ("mara", "GO")


def test_the_report_holds_all_that_is_printed() -> None:
    made = make_decision(signed_by=make_lead(username="mara"))
    report = made.report
    assert report["decision"]["signed_by"] == "mara"
    assert report["decision"]["is_override"] is False
    assert report["hashes"]["verdict_sha256"] == made.verdict_sha256
    assert [one["title"] for one in report["criteria"]] == ["Target task improves"]
    assert report["methods"][0]["level"] == "95%"
    assert {row["key"] for row in report["health"]} == {"errors", "missing_pairs", "eval_set_versions"}
    assert report["policy"]["body"]["criteria"][0]["key"] == "target_gain"
    assert report["experiment"]["suites"][0]["role"] == "target"
    assert orjson.loads(orjson.dumps(report)) == report


def test_the_same_form_sent_twice_makes_one_decision() -> None:
    experiment, lead, token = make_decided_experiment(), make_lead(), uuid4()
    first = make_decision(experiment=experiment, signed_by=lead, token=token)
    assert make_decision(experiment=experiment, signed_by=lead, token=token).pk == first.pk
    with pytest.raises(SignedOtherwise):
        make_decision(experiment=experiment, signed_by=lead, token=token, comment="Something else.")
    assert Decision.objects.count() == 1


def test_evidence_that_moved_since_the_page_was_opened_is_not_signed() -> None:
    experiment = make_decided_experiment()
    seen = EvidenceSnapshot.objects.get(experiment=experiment)
    add_suite(experiment, [1.0] * 4, [1.0] * 4)
    gathered(experiment, now=LATER)
    with pytest.raises(EvidenceMoved, match="moved since you opened this page"):
        make_decision(experiment=experiment, evidence_sha256=seen.sha256)


def test_evidence_that_moved_and_was_not_gathered_since_is_not_signed() -> None:
    experiment = make_decided_experiment()
    add_suite(experiment, [1.0] * 40, [0.0] * 40)
    with pytest.raises(EvidenceMoved, match="has moved since it was gathered"):
        make_decision(experiment=experiment)
    gathered(experiment, now=LATER)
    assert make_decision(experiment=experiment).verdict == "NO-GO"


def test_a_policy_that_was_amended_since_is_not_signed_by() -> None:
    experiment = make_decided_experiment()
    register_policy(experiment, GAIN, title="Ship it, perhaps?", reason="A better title.")
    with pytest.raises(EvidenceMoved, match="A policy was registered just now"):
        make_decision(experiment=experiment)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"comment": "  "}, "Say in a comment"),
        ({"verdict": "NO-GO"}, "The policy gives GO. To sign NO-GO instead, give the reason"),
        ({"override_reason": "Because."}, "nothing to override"),
        ({"verdict": "PERHAPS"}, "is no verdict"),
        ({"comment": "x" * 10_001}, "At most 10,000 characters"),
    ],
)
def test_what_cannot_stand_is_refused_with_its_reason(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotSign, match=reason):
        make_decision(**said)
    assert not Decision.objects.exists()


def test_only_a_lead_signs_and_only_where_there_is_a_policy() -> None:
    with pytest.raises(CannotSign, match="Only a lead"):
        make_decision(signed_by=make_user(roles=["admin"]))
    bare = make_empty_experiment()
    with pytest.raises(CannotSign, match="No policy is registered"):
        decisions.freeze(bare, evidence_sha256="", policy_sha256="")
    register_policy(bare)
    with pytest.raises(CannotSign, match="has not been gathered yet"):
        decisions.freeze(bare, evidence_sha256="", policy_sha256="")


def test_an_override_is_kept_with_its_reason_for_ever() -> None:
    made = make_decision(verdict="NO-GO", override_reason="A customer depends on the old tone.")
    assert (made.computed_verdict, made.verdict) == ("GO", "NO-GO")
    assert made.report["decision"]["is_override"] is True
    with pytest.raises(IntegrityError, match="append-only"):
        Decision.objects.filter(pk=made.pk).update(override_reason="")


def test_a_later_decision_supersedes_and_the_earlier_one_stands() -> None:
    experiment = make_decided_experiment()
    first = make_decision(experiment=experiment)
    assert decisions.superseded_by(first) is None
    second = make_decision(experiment=experiment, comment="Looked at again.", now=LATER)
    assert (second.number, decisions.superseded_by(first)) == (2, second)
    assert Decision.objects.count() == 2


def test_recomputing_gives_the_same_bytes_without_the_rows_it_came_from() -> None:
    experiment = make_decided_experiment()
    made = make_decision(experiment=experiment)
    EvidenceSnapshot.objects.all().delete()
    add_suite(experiment, [1.0] * 4, [0.0] * 4)
    found = decisions.recompute(Decision.objects.get(pk=made.pk))
    assert found.is_same
    assert [one.name for one in found.parts] == [
        "policy",
        "hash of the policy",
        "evidence",
        "hash of the evidence",
        "verdict",
        "hash of the verdict",
        "policy the verdict names",
        "computed verdict",
    ]


def recompute(*args: str) -> str:
    out = StringIO()
    call_command("recompute_decision", *args, stdout=out)
    return out.getvalue()


def test_the_command_recomputes_one_or_all() -> None:
    made = make_decision()
    assert recompute(str(made.pk)) == f"{made.pk}: the same to the byte, GO\n"
    assert recompute("--all").endswith("1 decision recomputed, each the same to the byte.\n")


def test_the_command_fails_where_a_single_byte_differs() -> None:
    made = make_decision()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # past the trigger, as only a superuser can
        cursor.execute(
            "UPDATE experiments_decision SET verdict_text = replace(verdict_text, 'points', 'Points') WHERE id = %s",
            [made.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    with pytest.raises(CommandError, match="1 of 1 decision differs"):
        recompute("--all")


def altered(made: Decision, **fields: Any) -> Decision:
    """Past the trigger, as only a superuser can."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Decision.objects.filter(pk=made.pk).update(**fields)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    return Decision.objects.get(pk=made.pk)


def by_an_earlier_rule(made: Decision, **fields: Any) -> Decision:
    """As a release before this one would have kept it: other words, its own hash, another rule."""
    said = orjson.loads(made.verdict_text) | {"version": 1, "reason": "Worded otherwise."}
    text = canonical.canonical(said)
    kept = {
        "verdict_text": text.decode(),
        "verdict_sha256": canonical.sha256(text),
        "code_version": "0.0.9, rule 0123456789abcdef",
    }
    return altered(made, **{**kept, **fields})


def test_a_decision_by_an_earlier_rule_is_untouched_and_no_forgery() -> None:
    old = by_an_earlier_rule(make_decision())
    found = decisions.recompute(old)
    assert (found.is_same, found.is_by_this_rule, found.rule, found.verdict_now) == (True, False, 1, "GO")
    assert f"{old.pk}: untouched, GO by rule 1; rule {found.rule_now} gives GO\n" in recompute("--all")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"verdict_sha256": "0" * 64}, "hash of the verdict"),
        ({"evidence_sha256": "0" * 64}, "hash of the evidence"),
        ({"computed_verdict": "NO-GO", "verdict": "NO-GO"}, "computed verdict"),
        ({"code_version": code_version()}, "verdict"),  # it only claims to be of an earlier rule
    ],
)
def test_what_was_touched_is_told_of_an_earlier_rule_too(fields: dict[str, str], name: str) -> None:
    found = decisions.recompute(by_an_earlier_rule(make_decision(), **fields))
    assert name in [one.name for one in found.differing]


def test_one_that_cannot_be_read_does_not_stop_the_others() -> None:
    experiment = make_decided_experiment()
    first = make_decision(experiment=experiment)
    make_decision(experiment=experiment, comment="Looked at again.", now=LATER)
    text = orjson.dumps(orjson.loads(first.evidence_text) | {"version": 99}).decode()
    altered(first, evidence_text=text)
    with pytest.raises(CommandError, match="1 of 2 decisions differs"):
        recompute("--all")
    assert "version 99" in decisions.recompute(Decision.objects.get(pk=first.pk)).problem


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_the_command_says_what_it_did_not_find(name: str) -> None:
    with pytest.raises(CommandError, match=r"decision"):
        recompute(name)


def test_the_command_signs_as_a_page_would() -> None:
    experiment, lead = make_decided_experiment(name="Support bot v2"), make_lead(username="mara")
    out = StringIO()
    call_command("sign_decision", "Support bot v2", "--by", lead.username, "--comment", "Ship it.", stdout=out)
    made = Decision.objects.get(experiment=experiment)
    assert out.getvalue() == f"Decision 1 of Support bot v2: GO, signed by mara ({made.pk})\n"
    with pytest.raises(CommandError, match="give the reason"):
        call_command("sign_decision", "Support bot v2", "--by", "mara", "--comment", "No.", "--verdict", "NO-GO")


def test_the_command_gathers_and_tells_the_verdict() -> None:
    experiment = make_empty_experiment(name="Support bot v3")
    register_policy(experiment)
    add_suite(experiment, [0.0] * 4, [1.0] * 4)
    out = StringIO()
    call_command("gather_evidence", "Support bot v3", stdout=out)
    row = EvidenceSnapshot.objects.get(experiment=experiment)
    assert out.getvalue().splitlines()[0] == f"GO: {row.reason}"
    call_command("gather_evidence", "Support bot v3", "--format", "json", stdout=(out := StringIO()))
    assert orjson.loads(out.getvalue())["evidence_sha256"] == row.sha256
