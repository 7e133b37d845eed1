"""The pages of models: every version listed, the next one made from a form, and where each is used."""

from typing import Any

import pytest
from django.test import Client

from experiments.models import EndpointState, ModelVersion
from experiments.reports.model_pages import prompt_tag
from tests.endpoints.making import make_called_version, make_endpoint
from tests.factories.benchmarks_ import make_run
from tests.factories.experiments_ import make_experiment, make_model_version
from tests.factories.results_ import make_lead

pytestmark = pytest.mark.django_db
TOOLS = '[{"type": "function", "function": {"name": "look_up"}}]'


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def body(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def filled(**changes: Any) -> dict[str, Any]:
    endpoint = changes.pop("endpoint", None) or make_endpoint().pk
    return {"name": "bot", "endpoint": endpoint, "model": "m", "temperature": "0", **changes}


def test_an_empty_list_says_what_to_do_next(lead: Client) -> None:
    assert "Enter an endpoint" in body(lead, "/models/")
    assert 'href="/models/"' in body(lead, "/experiments/")


def test_imported_and_called_versions_are_listed_and_filtered(lead: Client) -> None:
    called = make_called_version(name="Bot & Co", system_prompt="Be kind.", params={"temperature": 0.5})
    make_model_version(name="taken in")
    page = body(lead, "/models/")
    for words in ("Bot &amp; Co", "taken in", "imported", prompt_tag(called), "temperature 0.5"):
        assert words in page
    assert "taken in" not in body(lead, "/models/?search=bot")
    assert "Bot &amp; Co" not in body(lead, "/models/?source=imported")
    assert "taken in" not in body(lead, f"/models/?endpoint={called.endpoint_id}")
    assert "No model version fits" in body(lead, "/models/?search=nobody")


@pytest.mark.parametrize("query", ["endpoint=x", "endpoint=9999999999999999999", "source=%00", "search=%00", "page=x"])
def test_a_strange_filter_breaks_nothing(lead: Client, query: str) -> None:
    make_model_version()
    body(lead, f"/models/?{query}")


def test_a_version_is_made_from_a_whole_form_and_shown(lead: Client) -> None:
    data = filled(
        system_prompt="Be kind.\r\nBe brief.",
        prompt_template="Q: {prompt}",
        top_p="0.5",
        seed="7",
        max_tokens="500",
        length_limit="max_completion_tokens",
        stop='END\r\n"\\n\\n"',
        logprobs="on",
        tools=TOOLS,
        response_format='{"type": "json_object"}',
        extra='{"top_k": 40}',
    )
    response = lead.post("/models/new", data)
    made = ModelVersion.objects.get()
    assert response.headers["Location"] == f"/models/{made.pk}/"
    assert made.system_prompt == "Be kind.\nBe brief."
    assert made.params == {
        "temperature": 0.0,
        "top_p": 0.5,
        "seed": 7,
        "max_completion_tokens": 500,
        "stop": ["END", "\n\n"],
        "logprobs": True,
        "tools": [{"type": "function", "function": {"name": "look_up"}}],
        "response_format": {"type": "json_object"},
        "top_k": 40,
    }
    page = body(lead, f"/models/{made.pk}/")
    for words in ("Be brief.", "Q: {prompt}", "look_up", "json_object", "top_k", prompt_tag(made), "Nowhere yet"):
        assert words in page


def test_the_form_of_the_next_version_makes_this_one_again(lead: Client) -> None:
    """What is shown is what was made: sent back unchanged it finds the version that stands."""
    version = make_called_version(
        name="bot",
        system_prompt="Be kind.\n\n  Twice.",
        prompt_template='{"q": "{prompt}"}\n',
        params={
            "temperature": 0,
            "max_tokens": 9,
            "stop": [" x", "END", '"', "\n"],
            "logprobs": True,
            "tools": [{"type": "function", "function": {"name": "f", "description": "ä"}}],
            "top_k": 1,
        },
    )
    form = lead.get(f"/models/new?from={version.pk}").context["form"]
    values = {bound.html_name: bound.value() for bound in form}
    data = {name: value for name, value in values.items() if value is not None and value is not False}
    response = lead.post("/models/new", data, follow=True)
    assert response.redirect_chain[-1][0] == f"/models/{version.pk}/"
    assert "Version 1 is the same already" in response.content.decode()
    lead.post("/models/new", data | {"temperature": "0.7"})
    assert ModelVersion.objects.order_by("pk").last().version == "2"  # type: ignore[union-attr]
    assert "version 2" in body(lead, f"/models/{version.pk}/")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": "3"}, "less than or equal to 2"),
        ({"temperature": "nan"}, "Enter a number"),
        ({"tools": "[{]"}, "Not valid JSON in line 1, column"),
        ({"tools": "{}"}, "must be a JSON list"),
        ({"tools": '[{"name": "f"}]'}, "Tool 1 is not of the form"),
        ({"response_format": '{"schema": 1}'}, "with a type"),
        ({"extra": '{"temperature": 1}'}, "temperature has a field of its own"),
        ({"extra": '{"stream": true}'}, "stream cannot be set here"),
        ({"extra": '{"a": "\\u0000"}'}, "NUL"),
        ({"stop": '"open'}, "one JSON string"),
        ({"prompt_template": "{promt}"}, "Did you mean {prompt}"),
        ({"endpoint": "12345"}, "Select a valid choice"),
        ({"model": ""}, "required"),
    ],
)
def test_bad_input_is_refused_with_its_reason(lead: Client, changes: dict[str, Any], words: str) -> None:
    make_endpoint()
    response = lead.post("/models/new", filled(**changes))
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not ModelVersion.objects.exists()


def test_the_form_knows_the_models_a_check_has_found(lead: Client) -> None:
    endpoint = make_endpoint()
    found = {"findings": [], "models": ["llama-3", "qwen"]}
    EndpointState.objects.create(endpoint=endpoint, concurrency=1, check_findings=found)
    page = body(lead, f"/models/new?endpoint={endpoint.pk}&model=qwen")
    assert '<option value="llama-3">' in page
    assert 'value="qwen"' in page
    assert lead.get("/models/new?from=999999").status_code == 404


def test_a_version_says_where_it_is_used(lead: Client) -> None:
    version = make_called_version()
    experiment = make_experiment(name="Against the old one", candidate=version)
    make_run(model_version=version)
    page = body(lead, f"/models/{version.pk}/")
    assert "Against the old one" in page
    assert "3 outputs" in page
    assert experiment.baseline.name not in page
    listed = body(lead, "/models/")
    assert listed.count('data-label="Experiments" class="r">1<') == 2
    assert listed.count('data-label="Runs" class="r">1<') == 1


def test_the_list_takes_as_many_queries_for_many_as_for_one(lead: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(3):
        make_experiment(candidate=make_called_version())
    with django_assert_max_num_queries(9):
        body(lead, "/models/")


def test_texts_of_a_version_are_text_and_nothing_else(lead: Client) -> None:
    version = make_called_version(name="<i>x</i>", model="<u>", system_prompt="<script>alert(1)</script>")
    for url in ("/models/", f"/models/{version.pk}/", f"/models/new?from={version.pk}"):
        page = body(lead, url)
        assert "<script>alert" not in page
        assert "<i>x" not in page
        assert "<u>" not in page
