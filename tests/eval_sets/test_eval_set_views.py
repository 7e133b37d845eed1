import csv
from uuid import uuid4

import orjson
import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from evalsite.platform.models import AuditEntry, User
from experiments.forms.scorer_choice import add_scorers, chosen_scorers
from experiments.models import EvalSet, ExperimentSuite, FileImport
from experiments.services.file_imports.eval_sets import EvalSetOptions
from tests.eval_sets.importing import EXACT, cases, imported
from tests.eval_sets.reading import lines
from tests.experiments.importing import run
from tests.factories.experiments_ import make_case, make_eval_set, make_experiment
from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db(transaction=True)

NAMED = EvalSetOptions(name="Support", scorers=[EXACT])


@pytest.fixture
def lead(client: Client) -> User:
    lead = make_user(username="lead", roles=["lead"])
    client.force_login(lead)
    return lead


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def upload(client: Client, data: bytes, training: bytes | None = None) -> FileImport:
    files = {"file": SimpleUploadedFile("cases.jsonl", data)}
    if training is not None:
        files["second_file"] = SimpleUploadedFile("training.jsonl", training)
    response = client.post("/imports/new", {"token": str(uuid4()), "kind": "eval_set", **files})
    assert response.status_code == 302
    return run(FileImport.objects.get(pk=response["Location"].split("/")[2]))


COLUMNS = {"id": "id", "prompt": "prompt", "expected": "expected"}


def test_the_upload_page_asks_what_the_file_holds(client: Client, lead: User) -> None:
    text = page(client, "/imports/new?kind=eval_set&name=Known")
    assert "What does the file hold?" in text
    assert "What a model was trained on" in text
    assert 'name="name" value="Known"' in text
    assert "What a model was trained on" not in page(client, "/imports/new")


def test_a_set_is_uploaded_checked_given_scorers_and_imported(client: Client, lead: User) -> None:
    found = upload(client, lines(*cases()))
    text = page(client, f"/imports/{found.pk}/")
    assert "3 cases, no error" in text
    assert "How answers are scored" in text
    assert ">null<" not in text.replace("\n", "")
    chosen = COLUMNS | {
        "name": "Support", "description": "d", "scorers_shown": "True", "use:exact_match": "on",
        "primary:exact_match": "on", "param:exact_match:fold_case": "on",
        "param:exact_match:strip": "on",
    }  # fmt: skip
    client.post(f"/imports/{found.pk}/commit", chosen)
    run(FileImport.objects.get(pk=found.pk))
    made = EvalSet.objects.get()
    assert (made.name, made.description, made.created_by) == ("Support", "d", lead)
    assert made.scorers == [{**EXACT, "params": {"fold_case": True}}]
    assert f"/eval-sets/{made.pk}/" in page(client, f"/imports/{found.pk}/")
    assert f"/eval-sets/{made.pk}/" in page(client, "/imports/")


def test_a_scorer_that_cannot_be_used_is_explained_beside_the_form(client: Client, lead: User) -> None:
    found = upload(client, lines(*cases()))
    chosen = {"name": "S", "scorers_shown": "True", "use:regex_match": "on", "param:regex_match:pattern": "("}
    response = client.post(f"/imports/{found.pk}/commit", COLUMNS | chosen)
    assert response.status_code == 422
    assert not EvalSet.objects.exists()


def test_a_parameter_left_empty_is_left_out() -> None:
    sent = {
        "scorers_shown": "True",
        "use:regex_match": "on",
        "param:regex_match:pattern": "",
        "param:contains:texts": "",
    }
    form = forms.Form(sent)
    add_scorers(form, [])
    assert form.is_valid()
    assert chosen_scorers(form) == [{"scorer": "regex_match", "params": {}, "key": "regex_match", "primary": False}]


def test_a_fine_tuning_file_is_noticed(client: Client, lead: User) -> None:
    messages = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    found = upload(client, lines({"messages": messages}))
    assert "This is a fine-tuning file" in page(client, f"/imports/{found.pk}/")


def test_the_same_content_says_so_and_makes_nothing_new(client: Client, lead: User) -> None:
    imported(lines(*cases()), options=NAMED)
    found = upload(client, lines(*cases()) + b"\n")
    chosen = {"name": "Other", "scorers_shown": "True", "use:exact_match": "on", "primary:exact_match": "on"}
    chosen["param:exact_match:strip"] = "on"
    client.post(f"/imports/{found.pk}/commit", COLUMNS | chosen)
    run(FileImport.objects.get(pk=found.pk))
    assert "were there already" in page(client, f"/imports/{found.pk}/")
    assert EvalSet.objects.count() == 1


def test_the_empty_list_says_what_to_do(client: Client, lead: User) -> None:
    assert "Upload the first eval set" in page(client, "/eval-sets/")


def test_the_list_tells_versions_cases_categories_and_use(client: Client, lead: User) -> None:
    imported(lines(*cases(2)), options=NAMED)
    newest = imported(lines(*cases(3, category="a")), options=NAMED)
    experiment = make_experiment(name="First try")
    ExperimentSuite.objects.create(experiment=experiment, eval_set=newest, role="general")
    text = page(client, "/eval-sets/")
    assert text.count("<tbody>") == 1
    assert f'href="/eval-sets/{newest.pk}/">Support' in text
    assert "of 2" in text
    assert "as general" in text
    assert "No such set" in page(client, "/eval-sets/?search=nothing")


def test_the_list_asks_the_same_few_queries_however_many_sets(
    client: Client, lead: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        make_eval_set(categories=[["", 3]])
    with django_assert_max_num_queries(9):
        page(client, "/eval-sets/")


def test_cases_are_searched_filtered_and_paged(client: Client, lead: User) -> None:
    rows = [*cases(60, category="many"), {"id": "odd", "prompt": "Where is it?", "expected": "here", "category": "one"}]
    made = imported(lines(*rows), options=NAMED)
    path = f"/eval-sets/{made.pk}/"
    assert "c50" in page(client, path)
    assert ">c51<" not in page(client, path)
    assert ">c51<" in page(client, f"{path}?page=2")
    only = page(client, f"{path}?category=one")
    assert ">odd<" in only
    assert ">c1<" not in only
    assert ">odd<" in page(client, f"{path}?search=WHERE+is")
    assert "No such case" in page(client, f"{path}?search=nothing-like-it")


def test_a_set_of_pairs_has_a_page_too(client: Client, lead: User) -> None:
    found = make_eval_set(n_cases=0)
    make_case(eval_set=found, category="x")
    text = page(client, f"/eval-sets/{found.pk}/")
    assert "No scorer is named with this set" in text


def test_a_case_has_a_page_with_all_that_it_asks(client: Client, lead: User) -> None:
    row = {"id": "b", "prompt": "**Bold** <script>", "expected_tool_calls": [], "must_not_match": ["secret"],
           "metadata": {"k": "v"}}  # fmt: skip
    made = imported(lines({"id": "a", "prompt": "first"}, row), options=NAMED)
    case = made.cases.get(external_id="b")
    text = page(client, f"/eval-sets/{made.pk}/cases/{case.pk}/")
    assert "<strong>Bold</strong>" in text
    assert "<script>\n" not in text
    assert "no tool may be called" in text
    assert "secret" in text
    assert "Metadata" in text
    assert 'rel="prev"' in text
    assert 'rel="next"' not in text


def test_a_case_of_another_set_is_not_found_there(client: Client, lead: User) -> None:
    one, two = make_eval_set(), make_eval_set()
    assert client.get(f"/eval-sets/{one.pk}/cases/{two.cases.all()[0].pk}/").status_code == 404


def test_differences_between_versions_are_counted_and_shown_by_word(client: Client, lead: User) -> None:
    old = imported(lines(*cases(3)), options=NAMED)
    rows = [*cases(2), {"id": "new", "prompt": "Brand new?", "expected": "x"}]
    rows[0]["expected"] = "answer one"
    new = imported(lines(*rows), options=NAMED)
    text = page(client, f"/eval-sets/{new.pk}/changes")
    assert "1 changed, 1 added, 1 removed, 1 the same" in text
    assert "<del>1</del>" in text
    assert "<ins>one</ins>" in text
    assert "Brand new?" in page(client, f"/eval-sets/{new.pk}/changes?since={old.pk}&show=added")
    assert "Question 3?" in page(client, f"/eval-sets/{new.pk}/changes?since={old.pk}&show=removed")
    assert "1 added" in page(client, f"/eval-sets/{old.pk}/changes?since={new.pk}")


def test_a_set_with_one_version_says_that_there_is_nothing_to_compare(client: Client, lead: User) -> None:
    made = imported(lines(*cases()), options=NAMED)
    response = client.get(f"/eval-sets/{made.pk}/changes", follow=True)
    assert "only version" in response.content.decode()


def test_a_set_is_downloaded_and_is_the_same_when_uploaded_again(client: Client, lead: User) -> None:
    made = imported(lines(*cases(3, category="a", must_not_match=["x"])), options=NAMED)
    response = client.get(f"/eval-sets/{made.pk}/cases.jsonl")
    assert 'filename="support-v1.jsonl"' in response["Content-Disposition"]
    body = b"".join(response)
    assert len(body.splitlines()) == 3
    assert orjson.loads(body.splitlines()[1]) == {
        "id": "c2", "prompt": "Question 2?", "expected": "answer 2", "category": "a", "must_not_match": ["x"],
    }  # fmt: skip
    assert imported(body, options=NAMED) == made


def test_cases_of_the_training_file_are_told_and_downloaded(client: Client, lead: User) -> None:
    made = imported(lines(*cases(), {"id": "=1", "prompt": "What?"}), lines({"prompt": "what"}), options=NAMED)
    assert "cases in the training file, as CSV" in page(client, f"/eval-sets/{made.pk}/")
    text = b"".join(client.get(f"/eval-sets/{made.pk}/in-training-file.csv")).decode()
    [row] = csv.DictReader(text.splitlines())
    assert (row["id"], row["row"], row["training_row"], row["how"]) == ("'=1", "4", "1", "normalised")


def test_a_set_is_used_in_an_experiment_in_a_role_with_a_margin(client: Client, lead: User) -> None:
    made, experiment = imported(lines(*cases()), options=NAMED), make_experiment(name="First try")
    said = {"experiment": experiment.pk, "role": "adversarial", "margin": "2.5", "margin_is_relative": ""}
    client.post(f"/eval-sets/{made.pk}/use", said)
    suite = experiment.suites.get(eval_set=made)
    assert (suite.role, suite.margin, suite.margin_is_relative) == ("adversarial", 0.025, False)
    client.post(f"/eval-sets/{made.pk}/use", said | {"role": "target", "margin_is_relative": "yes"})
    suite.refresh_from_db()
    assert (suite.role, suite.margin_is_relative) == ("target", True)
    told = AuditEntry.objects.filter(action__startswith="suite.").order_by("pk").values_list("action", flat=True)
    assert list(told) == ["suite.used", "suite.changed"]
    assert "First try" in page(client, f"/eval-sets/{made.pk}/")


def test_a_margin_that_makes_no_sense_is_refused(client: Client, lead: User) -> None:
    made, experiment = imported(lines(*cases()), options=NAMED), make_experiment()
    said = {"experiment": experiment.pk, "role": "target", "margin": "0"}
    assert client.post(f"/eval-sets/{made.pk}/use", said).status_code == 422
    assert not ExperimentSuite.objects.filter(eval_set=made).exists()


def test_a_reviewer_sees_no_eval_set(client: Client) -> None:
    made = make_eval_set()
    client.force_login(make_user(roles=["reviewer"]))
    for path in ("/eval-sets/", f"/eval-sets/{made.pk}/", f"/eval-sets/{made.pk}/cases.jsonl"):
        assert client.get(path).status_code == 403
