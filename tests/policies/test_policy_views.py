"""The pages of a policy: begin, edit by rows, register, amend, export."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from experiments.deciding.presets import PRESETS
from experiments.forms.policies import PolicyForm
from experiments.models import Experiment, RegisteredPolicy
from experiments.policy import Policy
from experiments.reports.policies.fitting import Place
from experiments.reports.policies.registered import draft_of
from tests.factories.experiments_ import make_experiment
from tests.factories.results_ import make_lead
from tests.policies.written import drafted, registered

pytestmark = pytest.mark.django_db
DEFAULT = PRESETS["default"].policy


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


@pytest.fixture
def experiment() -> Experiment:
    return make_experiment()


def at(experiment: Experiment, name: str = "policy", *more: object) -> str:
    return reverse(name, args=[experiment.pk, *more])


def sent(experiment: Experiment, changed: dict[str, Any] | None = None, policy: Policy = DEFAULT) -> dict[str, Any]:
    """What a browser sends for this policy; what is changed to None is not sent."""
    form = PolicyForm.of_policy(policy, place=Place(experiment))
    data: dict[str, Any] = {"rows": str(len(form.rows)), "add": "blank"}
    for part in (form, *form.rows):
        for bound in part:
            value = bound.value()
            if value not in (None, False):
                data[bound.html_name] = "on" if value is True else value
    data.update(changed or {})
    return {name: value for name, value in data.items() if value is not None}


def test_without_a_policy_the_page_offers_where_to_begin(lead: Client, experiment: Experiment) -> None:
    page = lead.get(at(experiment)).content.decode()
    assert "No policy yet" in page
    for preset in PRESETS.values():
        assert preset.words in page
    assert "Copy from another experiment" not in page


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_draft_begins_with_a_preset(lead: Client, experiment: Experiment, name: str) -> None:
    assert lead.post(at(experiment, "start_policy"), {"preset": name}).status_code == 302
    assert draft_of(experiment) == PRESETS[name].policy
    page = lead.get(at(experiment)).content.decode()
    assert "Register the policy" in page
    assert "The experiment has no structured suite yet." in page


def test_a_draft_begins_with_another_experiments_policy(lead: Client, experiment: Experiment) -> None:
    source = make_experiment(name="Last month")
    registered(source, PRESETS["strict"].policy)
    assert "Last month" in lead.get(at(experiment)).content.decode()
    lead.post(at(experiment, "start_policy"), {"source": source.pk})
    assert draft_of(experiment) == PRESETS["strict"].policy


@pytest.mark.parametrize("how", ["file", "text"])
def test_a_draft_begins_with_a_file(lead: Client, experiment: Experiment, how: str) -> None:
    text = json.dumps(DEFAULT.to_dict())
    given = SimpleUploadedFile("policy.json", text.encode()) if how == "file" else text
    assert lead.post(at(experiment, "start_policy"), {how: given}).status_code == 302
    assert draft_of(experiment) == DEFAULT


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "Choose a preset"),
        ({"text": "{"}, "This is no JSON"),
        ({"text": '{"title": "x", "criteria": [{}]}'}, "criteria[0].evidence"),
        ({"preset": "lucky"}, "is not one of the available choices"),
    ],
)
def test_what_cannot_begin_a_draft_says_why(
    lead: Client, experiment: Experiment, given: dict[str, str], told: str
) -> None:
    refused = lead.post(at(experiment, "start_policy"), given)
    assert refused.status_code == 422
    assert told in refused.content.decode()
    assert draft_of(experiment) is None


@pytest.mark.parametrize("name", list(PRESETS))
def test_the_editor_keeps_a_policy_to_the_byte(lead: Client, experiment: Experiment, name: str) -> None:
    policy = PRESETS[name].policy
    answer = lead.post(at(experiment, "edit_policy"), sent(experiment, policy=policy))
    assert answer.status_code == 302, answer.content.decode()
    assert draft_of(experiment) == policy


def test_what_is_typed_is_what_people_say(lead: Client, experiment: Experiment) -> None:
    spoken = {
        "row-0-threshold": "2,5",
        "row-1-threshold": "−3",
        "row-2-threshold": "80%",
        "row-3-threshold": "1.5",
        "row-4-rule": "observed",
        "row-4-beyond": None,
        "row-5-level": "90",
        "row-5-required": None,
        "row-6-remove": "on",
        "improvement": "4",
        "max_errors": "2",
        "health": ["srm", "errors"],
    }
    lead.post(at(experiment, "edit_policy"), sent(experiment, spoken))
    draft = draft_of(experiment)
    assert draft is not None
    assert [one.threshold for one in draft.criteria] == [0.025, -0.03, 0.8, 1.5, 0.6, 0.9]
    assert (draft.criteria[4].rule, draft.criteria[4].shown_beyond) == ("observed", None)
    assert (draft.criteria[5].level, draft.criteria[5].required) == (0.9, False)
    assert (draft.improvement_threshold, draft.max_error_share) == (0.04, 0.02)
    assert "gold" in draft.ignored_health
    assert "srm" not in draft.ignored_health


def test_a_row_is_added_without_saving_what_stands_there(lead: Client, experiment: Experiment) -> None:
    half = sent(experiment, {"add_row": "", "add": "kappa", "row-0-threshold": "nonsense", "title": "Half done"})
    page = lead.post(at(experiment, "edit_policy"), half)
    assert page.status_code == 200
    text = page.content.decode()
    assert 'name="row-7-title"' in text
    assert "Reviewers agree" in text
    assert 'value="nonsense"' in text
    assert 'value="Half done"' in text
    assert draft_of(experiment) is None


def test_a_criterion_of_ones_own_is_named_by_its_title(lead: Client, experiment: Experiment) -> None:
    own = {
        "rows": "8",
        "row-7-title": "Exact match",
        "row-7-asks": "benchmark:exact_match",
        "row-7-comparison": "points",
        "row-7-direction": "at_least",
        "row-7-threshold": "0",
        "row-7-rule": "shown",
        "row-7-level": "95",
        "row-7-required": "on",
    }
    lead.post(at(experiment, "edit_policy"), sent(experiment, own))
    draft = draft_of(experiment)
    assert draft is not None
    assert [one.key for one in draft.criteria[-1:]] == ["exact_match_2"]
    assert draft.criteria[:-1] == DEFAULT.criteria


def test_fields_of_another_layer_are_left_out(lead: Client, experiment: Experiment) -> None:
    changed = {"row-4-role": "target", "row-4-scorer": "bleu", "row-4-live_test": ""}
    assert lead.post(at(experiment, "edit_policy"), sent(experiment, changed)).status_code == 302
    assert draft_of(experiment) == DEFAULT


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"row-0-title": ""}, "This field is required"),
        ({"row-0-threshold": ""}, "Say where the line is"),
        ({"row-0-threshold": "many"}, "Write a number"),
        ({"row-2-threshold": "850"}, "A share lies between 0 and 1"),
        ({"row-4-beyond": "70"}, "stricter than the threshold"),
        ({"row-4-comparison": "points"}, "use absolute"),
        ({"row-0-level": "12"}, "A level lies between"),
        ({"row-0-asks": "live:own"}, "by its key in the plan"),
        ({"title": ""}, "This field is required"),
        ({"max_errors": "100"}, "This is a share"),
        ({"rows": "0"}, "at least one criterion"),
    ],
)
def test_a_mistake_is_told_at_its_field_and_nothing_is_saved(
    lead: Client, experiment: Experiment, changed: dict[str, str], told: str
) -> None:
    refused = lead.post(at(experiment, "edit_policy"), sent(experiment, changed))
    assert refused.status_code == 422
    assert told in refused.content.decode()
    assert draft_of(experiment) is None


def test_the_policy_is_registered_as_it_was_seen(lead: Client, experiment: Experiment) -> None:
    draft = drafted(experiment)
    form = {"token": str(uuid4()), "sha256": draft.sha256}
    answers = [lead.post(at(experiment, "register_policy"), form) for _ in range(2)]
    assert [one.status_code for one in answers] == [302, 302]
    row = RegisteredPolicy.objects.get()
    page = lead.get(at(experiment)).content.decode()
    assert row.sha256 in page
    assert "No evidence was open" in page


def test_a_draft_that_moved_is_shown_again_before_it_is_registered(lead: Client, experiment: Experiment) -> None:
    drafted(experiment)
    refused = lead.post(at(experiment, "register_policy"), {"token": str(uuid4()), "sha256": "0" * 64})
    assert refused.status_code == 409
    assert "changed since" in refused.content.decode()
    assert not RegisteredPolicy.objects.exists()


def test_an_amendment_shows_what_it_changes_and_asks_why(lead: Client, experiment: Experiment) -> None:
    registered(experiment)
    lead.post(at(experiment, "edit_policy"), sent(experiment, {"row-2-threshold": "80", "row-6-remove": "on"}))
    page = lead.get(at(experiment)).content.decode()
    assert "Dropped: Schema compliance" in page
    assert "at least 85%, shown at 95%" in page
    draft = draft_of(experiment)
    assert draft is not None
    form = {"token": str(uuid4()), "sha256": draft.sha256}
    silent = lead.post(at(experiment, "register_policy"), form)
    assert silent.status_code == 422
    assert "Say why" in silent.content.decode()
    lead.post(at(experiment, "register_policy"), {**form, "reason": "The set has no schemas."})
    page = lead.get(at(experiment)).content.decode()
    assert "The set has no schemas." in page
    assert "How it came to be" in page


def test_what_is_registered_is_exported_to_the_byte(lead: Client, experiment: Experiment) -> None:
    row = registered(experiment)
    answer = lead.get(at(experiment, "export_policy", 1))
    assert answer.content == row.text.encode()
    assert "attachment" in answer.headers["Content-Disposition"]
    drafted(experiment, PRESETS["strict"].policy)
    exported = json.loads(lead.get(at(experiment, "export_draft")).content)
    assert Policy.from_dict(exported) == PRESETS["strict"].policy
    assert json.loads(lead.get(reverse("policy_schema")).content)["title"] == "Evalsite policy"


def test_an_earlier_policy_can_be_read(lead: Client, experiment: Experiment) -> None:
    registered(experiment)
    registered(experiment, PRESETS["benchmarks"].policy, reason="No reviewers.")
    page = lead.get(at(experiment, "past_policy", 1)).content.decode()
    assert "Reviewers prefer it" in page
    assert "No longer counts" in page
    assert "The one that counts" in lead.get(at(experiment, "past_policy", 2)).content.decode()


@pytest.mark.parametrize(("name", "more"), [("past_policy", [7]), ("export_policy", [7]), ("export_draft", [])])
def test_what_is_not_there_is_404(lead: Client, experiment: Experiment, name: str, more: list[int]) -> None:
    assert lead.get(at(experiment, name, *more)).status_code == 404


def test_a_draft_is_discarded_and_what_is_registered_stays(lead: Client, experiment: Experiment) -> None:
    registered(experiment)
    drafted(experiment, PRESETS["strict"].policy)
    lead.post(at(experiment, "discard_policy"))
    assert draft_of(experiment) is None
    assert RegisteredPolicy.objects.count() == 1


def test_the_checks_that_count_and_those_that_do_not_are_told(lead: Client, experiment: Experiment) -> None:
    drafted(experiment, Policy.from_dict(DEFAULT.to_dict() | {"ignored_health": ["gold"], "max_error_share": 0.025}))
    page = lead.get(at(experiment)).content.decode()
    assert "6 checks of the data; 1 more is told only" in page
    assert "Too many cases ended in an error (above 2.5% of a suite)" in page


def test_texts_of_a_policy_are_shown_as_text(lead: Client, experiment: Experiment) -> None:
    title = "<script>alert(1)</script>"
    drafted(experiment, Policy.from_dict(DEFAULT.to_dict() | {"title": title}))
    page = lead.get(at(experiment)).content.decode()
    assert title not in page
    assert "&lt;script&gt;" in page


def test_the_page_asks_few_questions_of_the_database(
    lead: Client, experiment: Experiment, django_assert_max_num_queries: Any
) -> None:
    registered(experiment)
    drafted(experiment, PRESETS["strict"].policy)
    with django_assert_max_num_queries(16):
        lead.get(at(experiment))
