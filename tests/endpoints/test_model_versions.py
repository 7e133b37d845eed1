"""Versions on an endpoint: content decides, nothing changes afterwards, bad input says where."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from evalsite.platform.models import AuditEntry
from experiments.models import ModelVersion
from experiments.services import model_versions
from experiments.services.model_versions import BadVersion, VersionDraft, content_hash
from tests.endpoints.making import make_called_version, make_endpoint
from tests.factories.experiments_ import make_model_version
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db


def draft(**changes: Any) -> VersionDraft:
    return VersionDraft(**{"name": "bot", "endpoint": make_endpoint(), "model": "m", **changes})


def test_the_same_content_under_the_same_name_is_the_same_version() -> None:
    asked = draft(system_prompt="Be kind.", params={"temperature": 0, "seed": 1})
    made, is_new = model_versions.make(draft=asked, created_by=None, now=NOW)
    again, is_newer = model_versions.make(draft=asked, created_by=None, now=NOW)
    assert (is_new, is_newer, made) == (True, False, again)
    assert (made.version, made.source, made.content_hash) == ("1", "endpoint", content_hash(asked))
    assert AuditEntry.objects.filter(action="model_version.made").count() == 1


def test_any_change_makes_the_next_version() -> None:
    endpoint = make_endpoint()
    common: dict[str, Any] = {"endpoint": endpoint, "params": {"temperature": 0}}
    changes: list[dict[str, Any]] = [
        {},
        {"model": "m2"},
        {"system_prompt": "Be kind."},
        {"prompt_template": "Q: {prompt}"},
        {"params": {"temperature": 0.5}},
        {"params": {"temperature": 0, "logprobs": True}},
        {"endpoint": make_endpoint(base_url="https://api.example.com/v2")},
    ]
    made = [model_versions.make(draft=draft(**{**common, **each}), created_by=None, now=NOW)[0] for each in changes]
    assert [version.version for version in made] == ["1", "2", "3", "4", "5", "6", "7"]
    assert len({version.content_hash for version in made}) == 7


def test_two_endpoints_at_one_address_have_versions_of_their_own() -> None:
    first, second = make_endpoint(), make_endpoint()
    assert first.base_url == second.base_url
    made = [model_versions.make(draft=draft(endpoint=one), created_by=None, now=NOW)[0] for one in (first, second)]
    assert [(version.version, version.endpoint) for version in made] == [("1", first), ("2", second)]
    again, is_new = model_versions.make(draft=draft(endpoint=second), created_by=None, now=NOW)
    assert (again, is_new) == (made[1], False)


def test_the_order_of_parameters_and_the_spelling_of_numbers_do_not_count() -> None:
    endpoint = make_endpoint()
    one = draft(endpoint=endpoint, params={"temperature": 0, "top_p": 0.5})
    other = draft(endpoint=endpoint, params={"top_p": 0.5, "temperature": 0.0})
    assert content_hash(one) == content_hash(other)


def test_a_name_that_imports_have_used_goes_on_counting() -> None:
    make_model_version(name="bot", version="1")
    make_model_version(name="bot", version="final")
    assert model_versions.make(draft=draft(), created_by=None, now=NOW)[0].version == "2"


@pytest.mark.django_db(transaction=True)
def test_versions_made_at_the_same_moment_get_numbers_of_their_own() -> None:
    endpoint = make_endpoint()

    def make(number: int) -> str:
        try:
            asked = draft(endpoint=endpoint, params={"seed": number % 4})
            return model_versions.make(draft=asked, created_by=None, now=NOW)[0].version
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(make, range(16)))
    assert sorted(set(versions)) == ["1", "2", "3", "4"]
    assert ModelVersion.objects.filter(name="bot").count() == 4


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"model": " "}, "model", "Give it a name"),
        ({"name": "a\nb"}, "name", "printable"),
        ({"prompt_template": "Q: {promt}"}, "prompt_template", "Did you mean {prompt}"),
        ({"system_prompt": "You get {prompt}"}, "system_prompt", "prompt template"),
        ({"params": {"model": "x"}}, "extra", "model cannot be set"),
        ({"params": {"stream": True, "n": 3}}, "extra", "n, stream cannot be set"),
        ({"params": {"tools": {}}}, "tools", "JSON list"),
        ({"params": {"tools": [{"name": "f"}]}}, "tools", "Tool 1 is not of the form"),
        ({"params": {"tools": [{"type": "function", "function": {"name": "f"}}] * 2}}, "tools", "f is defined twice"),
        ({"params": {"response_format": "json"}}, "response_format", "with a type"),
    ],
)
def test_bad_input_is_refused_at_its_field(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(BadVersion, match=words) as raised:
        model_versions.make(draft=draft(**changes), created_by=None, now=NOW)
    assert raised.value.field_name == field
    assert not ModelVersion.objects.exists()


def test_a_version_never_changes_and_never_goes() -> None:
    version = make_called_version()
    with pytest.raises(DatabaseError), transaction.atomic():
        ModelVersion.objects.update(system_prompt="Other.")
    with pytest.raises(DatabaseError), transaction.atomic():
        version.delete()


def test_an_archived_endpoint_takes_no_new_version() -> None:
    with pytest.raises(BadVersion, match="archived"):
        make_called_version(endpoint=make_endpoint(archived_at=NOW))
