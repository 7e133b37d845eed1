"""What the pages of endpoints and models do can be scripted."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from experiments.models import Endpoint, ModelVersion
from experiments.services import keys
from tests.endpoints.making import make_called_version, make_endpoint
from tests.running.model_server import ModelServer

pytestmark = pytest.mark.django_db
KEY = "sk-canary-1234567890"


def told(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_an_endpoint_is_entered_with_its_key_and_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    words = ("set_endpoint", "house", "--base-url", "https://api.example.com/v1", "--max-concurrency", "3")
    assert "canary" not in told(
        *words, "--key-stdin", "--price-per-million-input", "2.5", "--price-per-million-output", "0"
    )
    made = Endpoint.objects.get()
    assert (made.name, made.max_concurrency, keys.key_for(made)) == ("house", 3, KEY)
    assert "as asked" in told("set_endpoint", "house", "--timeout-seconds", "9")
    made.refresh_from_db()
    assert (made.timeout_seconds, made.max_concurrency, keys.key_for(made)) == (9, 3, KEY)
    assert "key was erased" in told("set_endpoint", "house", "--base-url", "https://other.example.com/v1")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "give --base-url"),
        (["--base-url", "http://10.0.0.1/v1"], "is private"),
        (["--base-url", "https://a.example.com", "--max-concurrency", "0"], "not a number from 1 to 1,000"),
        (["--base-url", "https://a.example.com", "--price-per-million-input", "NaN"], "not a price"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(options: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        told("set_endpoint", "house", *options)
    assert not Endpoint.objects.exists()


def test_an_endpoint_that_versions_call_moves_only_if_the_same_models_answer() -> None:
    version = make_called_version(endpoint=make_endpoint(name="house"))
    words = ("set_endpoint", "house", "--base-url", "https://other.example.com/v1")
    with pytest.raises(CommandError, match="Add --same-models if they do"):
        told(*words)
    assert Endpoint.objects.get().base_url == "https://api.example.com/v1"
    for _ in range(2):
        assert "as asked" in told(*words, "--same-models")
    assert "as asked" in told(*words, "--timeout-seconds", "9")
    assert Endpoint.objects.get().base_url == "https://other.example.com/v1"
    assert version.endpoint == Endpoint.objects.get()


def test_half_a_price_is_refused_for_a_new_endpoint_and_a_changed_one() -> None:
    words = ("set_endpoint", "house", "--base-url", "https://api.example.com/v1")
    with pytest.raises(CommandError, match="both prices or neither"):
        told(*words, "--price-per-million-output", "2")
    assert not Endpoint.objects.exists()
    told(*words)
    with pytest.raises(CommandError, match="both prices or neither"):
        told("set_endpoint", "house", "--price-per-million-input", "2")
    assert Endpoint.objects.get().price_per_million_input is None


def test_a_bad_key_on_standard_input_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    make_endpoint(name="house")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY} and more"))
    with pytest.raises(CommandError) as raised:
        told("set_endpoint", "house", "--key-stdin")
    assert "canary" not in str(raised.value)


def test_a_check_tells_what_it_found_and_fails_when_nothing_answers() -> None:
    with ModelServer() as server:
        make_endpoint(name="house", base_url=server.base_url)
        said = told("check_endpoint", "house", "--model", "instant")
        assert [line.split()[:2] for line in said.splitlines()] == [
            ["models", "yes"],
            ["answer", "yes"],
            ["logprobs", "yes"],
            ["tools", "yes"],
        ]
        with pytest.raises(CommandError, match="house does not answer"):
            told("check_endpoint", "house", "--model", "500")
    with pytest.raises(CommandError, match="no endpoint called nowhere"):
        told("check_endpoint", "nowhere")


def test_a_version_is_made_once_and_the_next_beside_it(tmp_path: Path) -> None:
    make_endpoint(name="house")
    system = tmp_path / "system.txt"
    system.write_text("Be kind.")
    words = ("add_model_version", "bot", "--endpoint", "house", "--model", "m", "--system-prompt", str(system))
    assert told(*words, "--params", '{"temperature": 0}') == "bot (version 1) is made.\n"
    assert told(*words, "--params", '{"temperature": 0.0}') == "bot (version 1) is the same already.\n"
    assert told(*words) == "bot (version 2) is made.\n"
    assert ModelVersion.objects.get(version="1").system_prompt == "Be kind."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--endpoint": "nowhere"}, "no endpoint called nowhere"),
        ({"--params": "{"}, "not valid JSON"),
        ({"--params": "[]"}, "must be a JSON object"),
        ({"--params": '{"stream": true}'}, "stream cannot be set"),
        ({"--system-prompt": "/nowhere/at/all"}, "cannot be read"),
    ],
)
def test_a_version_that_cannot_be_is_refused_with_its_reason(changes: dict[str, Any], words: str) -> None:
    make_endpoint(name="house")
    options = {"--endpoint": "house", "--model": "m", **changes}
    with pytest.raises(CommandError, match=words):
        told("add_model_version", "bot", *(word for pair in options.items() for word in pair))
    assert not ModelVersion.objects.exists()
