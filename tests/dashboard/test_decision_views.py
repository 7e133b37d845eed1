"""Signing on a page, reading what was frozen, printing it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.test import Client

from evalsite.platform.models import AuditEntry, Job, User
from experiments.deciding import canonical
from experiments.models import Decision, EvidenceSnapshot, Experiment, RegisteredPolicy
from experiments.reports.policies.registered import draft_of
from experiments.services import evidence, policies
from tests.factories.evidence_ import add_suite
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import make_lead

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def ada() -> User:
    return make_lead(username="ada")


@pytest.fixture
def lead(client: Client, ada: User) -> Client:
    client.force_login(ada)
    return client


@pytest.fixture
def experiment(ada: User) -> Experiment:
    """With the default policy, and evidence gathered by the real rule: there is none, so it is INCONCLUSIVE."""
    found = make_experiment(name="Bot & Co")
    register(found, ada)
    evidence.compute(experiment=found, now=NOW)
    return found


def register(experiment: Experiment, by: User, *, preset: str = "default", reason: str = "") -> RegisteredPolicy:
    policies.start_from_preset(experiment=experiment, name=preset, actor=by, now=NOW)
    draft = draft_of(experiment)
    assert draft is not None
    return policies.register(
        experiment=experiment, token=uuid4(), seen_sha256=draft.sha256, reason=reason, registered_by=by, now=NOW
    )


def filled(experiment: Experiment, **changed: str) -> dict[str, str]:
    """The form as the page gives it, signed as the rule says."""
    snapshot = EvidenceSnapshot.objects.get(experiment=experiment)
    policy = RegisteredPolicy.objects.filter(experiment=experiment).latest("number")
    values = {
        "token": str(uuid4()),
        "evidence": snapshot.sha256,
        "policy": policy.sha256,
        "computed": snapshot.verdict,
        "verdict": snapshot.verdict,
        "override_reason": "",
        "comment": "We wait for the *second* round.",
    }
    return {**values, **changed}


def sign(client: Client, experiment: Experiment, **changed: str) -> Any:
    return client.post(f"/experiments/{experiment.pk}/decisions/new", filled(experiment, **changed))


def signed(client: Client, experiment: Experiment, **changed: str) -> Decision:
    response = sign(client, experiment, **changed)
    assert response.status_code == 302, response.content.decode()
    return Decision.objects.get(pk=response.headers["Location"].rstrip("/").rpartition("/")[2])


def body(client: Client, path: str, *, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


def test_the_form_shows_what_will_be_frozen(lead: Client, experiment: Experiment) -> None:
    page = body(lead, f"/experiments/{experiment.pk}/decisions/new")
    snapshot = EvidenceSnapshot.objects.get(experiment=experiment)
    policy = RegisteredPolicy.objects.get(experiment=experiment)
    for shown in (snapshot.sha256, policy.sha256, "INCONCLUSIVE, as the rule gives", "GO, against the rule"):
        assert shown in page
    assert "&quot;criteria&quot;: [" in page
    assert "&quot;observations&quot;: {" in page


def test_signing_as_the_rule_gives(lead: Client, experiment: Experiment, ada: User) -> None:
    decision = signed(lead, experiment)
    assert (decision.number, decision.verdict, decision.signed_by) == (1, "INCONCLUSIVE", ada)
    page = body(lead, f"/decisions/{decision.pk}/")
    assert "We wait for the *second* round." in page
    assert "Recomputed just now: the same bytes." in page
    assert "Signed against the rule" not in page
    assert AuditEntry.objects.filter(action="decision.signed", actor=ada).count() == 1
    dashboard = body(lead, f"/experiments/{experiment.pk}/")
    assert "It stands on the evidence shown here." in dashboard


def test_an_override_needs_its_reason_and_shows_it_for_ever(lead: Client, experiment: Experiment) -> None:
    refused = sign(lead, experiment, verdict="GO")
    assert refused.status_code == 422
    assert "The rule gives INCONCLUSIVE. Say why you sign GO." in refused.content.decode()
    assert "We wait for the *second* round." in refused.content.decode()
    decision = signed(lead, experiment, verdict="GO", override_reason="The <b>season</b> starts.")
    signed(lead, experiment)
    for path in (f"/decisions/{decision.pk}/", f"/decisions/{decision.pk}/report"):
        page = body(lead, path)
        assert "Signed against the rule" in page
        assert "The &lt;b&gt;season&lt;/b&gt; starts." in page
        assert "Superseded" in page


def test_a_reason_without_an_override_is_asked_back(lead: Client, experiment: Experiment) -> None:
    refused = sign(lead, experiment, override_reason="Because.")
    assert refused.status_code == 422
    assert "nothing to override" in refused.content.decode()


@pytest.mark.parametrize(
    "changed",
    [{"comment": " "}, {"verdict": "MAYBE"}, {"token": "x"}, {"comment": "x" * 10_001}, {"comment": "a\0b"}],
)
def test_what_cannot_be_signed_is_said_on_the_form(
    lead: Client, experiment: Experiment, changed: dict[str, str]
) -> None:
    response = sign(lead, experiment, **changed)
    assert response.status_code == 422
    assert not Decision.objects.exists()


def test_the_form_sent_twice_signs_once(lead: Client, experiment: Experiment) -> None:
    token = str(uuid4())
    first, again = (sign(lead, experiment, token=token) for _ in range(2))
    assert first.headers["Location"] == again.headers["Location"]
    other = sign(lead, experiment, token=token, comment="Something else.")
    assert other.status_code == 409
    assert Decision.objects.count() == 1


def test_evidence_that_moved_is_shown_before_anything_is_signed(
    lead: Client, experiment: Experiment, ada: User
) -> None:
    form = filled(experiment)
    register(experiment, ada, preset="strict", reason="Stricter.")
    evidence.compute(experiment=experiment, now=LATER)
    refused = lead.post(f"/experiments/{experiment.pk}/decisions/new", form)
    page = refused.content.decode()
    assert refused.status_code == 409
    assert "Nothing was signed." in page
    assert "We wait for the *second* round." in page
    assert form["policy"] not in page
    assert not Decision.objects.exists()
    assert signed(lead, experiment).policy.number == 2


def test_evidence_that_is_to_be_gathered_again_is_not_signed_and_said_to_be_so(
    lead: Client, experiment: Experiment
) -> None:
    add_suite(experiment, [1.0] * 4, [0.0] * 4)
    refused = sign(lead, experiment)
    assert refused.status_code == 409
    assert "has moved since it was gathered" in refused.content.decode()
    assert "The rule still gives" not in refused.content.decode()
    assert Job.objects.filter(kind=evidence.GATHER).count() == 1


def test_the_page_tells_beforehand_whether_it_can_be_signed_as_it_stands(lead: Client, experiment: Experiment) -> None:
    address = f"/experiments/{experiment.pk}/decisions/new?check=yes"
    seen = EvidenceSnapshot.objects.get(experiment=experiment).sha256

    def told(query: str = "") -> str:
        return lead.get(f"{address}{query}", headers={"HX-Request": "true"}).content.decode()

    assert "The evidence says what stands now." in body(lead, address)
    assert "<h1" not in told()
    add_suite(experiment, [1.0] * 4, [0.0] * 4)
    assert "This cannot be signed as it stands." in body(lead, address)
    assert f'action="/experiments/{experiment.pk}/gather"' in told(f"&seen={seen}")
    evidence.compute(experiment=experiment, now=LATER)
    assert "The evidence says what stands now." in told()
    assert "was gathered again since you opened this page" in told(f"&seen={seen}")


def test_what_was_signed_stays_when_the_evidence_moves_on(lead: Client, experiment: Experiment, ada: User) -> None:
    decision = signed(lead, experiment)
    before = body(lead, f"/decisions/{decision.pk}/report.md")
    register(experiment, ada, preset="strict", reason="Stricter.")
    evidence.compute(experiment=experiment, now=LATER)
    assert body(lead, f"/decisions/{decision.pk}/report.md") == before
    assert "Evidence has come in since" in body(lead, f"/experiments/{experiment.pk}/")


def test_a_policy_still_being_decided_by_cannot_be_signed(lead: Client, experiment: Experiment, ada: User) -> None:
    register(experiment, ada, preset="strict", reason="Stricter.")
    response = lead.get(f"/experiments/{experiment.pk}/decisions/new")
    assert response.status_code == 302
    assert sign(lead, experiment).status_code == 409


def test_without_a_verdict_there_is_nothing_to_sign(lead: Client) -> None:
    bare = make_experiment()
    for response in (
        lead.get(f"/experiments/{bare.pk}/decisions/new"),
        lead.post(f"/experiments/{bare.pk}/decisions/new"),
    ):
        assert response.headers["Location"] == f"/experiments/{bare.pk}/"


def test_only_a_lead_signs_and_an_admin_reads(client: Client, experiment: Experiment, ada: User) -> None:
    client.force_login(ada)
    decision = signed(client, experiment)
    client.force_login(make_user(roles=["admin"]))
    assert client.get(f"/experiments/{experiment.pk}/decisions/new").status_code == 403
    assert sign(client, experiment).status_code == 403
    assert "Sign a decision" not in body(client, f"/experiments/{experiment.pk}/decisions/")
    assert "Decision 1" in body(client, f"/decisions/{decision.pk}/")


def test_the_history_says_which_is_in_force(lead: Client, experiment: Experiment) -> None:
    assert "Nothing signed yet" in body(lead, f"/experiments/{experiment.pk}/decisions/")
    signed(lead, experiment)
    signed(lead, experiment, verdict="NO-GO", override_reason="Too slow for us.")
    page = body(lead, f"/experiments/{experiment.pk}/decisions/")
    assert page.index("Decision 2") < page.index("in force") < page.index("Decision 1") < page.index("superseded")
    assert "overridden" in page


def test_the_report_tells_methods_health_record_and_hashes(lead: Client, experiment: Experiment) -> None:
    decision = signed(lead, experiment)
    page = body(lead, f"/decisions/{decision.pk}/report")
    for said in ("Health of the data", "On the record", "What was compared", decision.data_sha256, "Asked: at least"):
        assert said in page
    for suite in experiment.suites.select_related("eval_set"):
        assert suite.eval_set.content_hash in page


def test_the_json_holds_what_recomputing_needs(lead: Client, experiment: Experiment) -> None:
    decision = signed(lead, experiment)
    response = lead.get(f"/decisions/{decision.pk}/report.json")
    assert response.headers["Content-Disposition"] == f'attachment; filename="decision-{experiment.pk}-1.json"'
    said = orjson.loads(response.content)
    assert said["frozen"]["evidence"] == decision.evidence_text
    assert said["frozen"]["policy"] == decision.policy.text
    assert said["report"]["decision"]["comment"] == "We wait for the *second* round."


def test_bytes_that_were_tampered_with_are_told(lead: Client, experiment: Experiment) -> None:
    decision = signed(lead, experiment)
    values = {field.attname: getattr(decision, field.attname) for field in Decision._meta.concrete_fields}
    forged = Decision.objects.create(
        **{**values, "id": uuid4(), "token": uuid4(), "number": 2, "evidence_sha256": "0" * 64}
    )
    page = body(lead, f"/decisions/{forged.pk}/")
    assert "Recomputed just now: other bytes." in page
    assert "Hash of the evidence differs" in page


def test_a_decision_by_an_earlier_rule_is_told_as_one(lead: Client, experiment: Experiment) -> None:
    decision = signed(lead, experiment)
    values = {field.attname: getattr(decision, field.attname) for field in Decision._meta.concrete_fields}
    text = canonical.canonical(orjson.loads(decision.verdict_text) | {"version": 1})
    old = {
        "verdict_text": text.decode(),
        "verdict_sha256": canonical.sha256(text),
        "code_version": "0.0.9, rule 0123456789abcdef",
    }
    earlier = Decision.objects.create(**{**values, **old, "id": uuid4(), "token": uuid4(), "number": 2})
    page = body(lead, f"/decisions/{earlier.pk}/")
    assert "Untouched since it was signed, by an earlier rule." in page
    assert "Rule 1 decided" in page
    assert "other bytes" not in page


def test_pages_of_decisions_take_few_queries(
    lead: Client, experiment: Experiment, django_assert_max_num_queries: Any
) -> None:
    decision = signed(lead, experiment)
    for path in (
        f"/decisions/{decision.pk}/",
        f"/decisions/{decision.pk}/report",
        f"/experiments/{experiment.pk}/decisions/",
        f"/experiments/{experiment.pk}/decisions/new",
    ):
        with django_assert_max_num_queries(10):
            body(lead, path)


def test_what_is_not_there_is_not_found(lead: Client, experiment: Experiment) -> None:
    decision = signed(lead, experiment)
    body(lead, f"/decisions/{uuid4()}/", status=404)
    body(lead, f"/decisions/{decision.pk}/report.exe", status=404)
    body(lead, "/experiments/99999/decisions/", status=404)
