"""Texts that no database holds are refused at their field; none breaks the server."""

import pytest

from experiments.models import FileImport, Upload
from tests.api.calling import Program
from tests.scoring.scored import make_set

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "00000000-0000-4000-8000-000000000000"
RUN = b'{"model_version": 1, "eval_set": 1, "scorers": [%s]}'


@pytest.fixture
def program() -> Program:
    return Program("read", "benchmarks")


@pytest.mark.parametrize(
    "text", [rb'"a\u0000b"', rb'"\ud800"', rb'"\udc00\ud800"', b'"\xed\xa0\x80"'], ids=["nul", "high", "order", "raw"]
)
@pytest.mark.parametrize(
    "scorer",
    [
        b"%s",
        b'{"scorer": %s}',
        b'{"scorer": "contains", "key": %s}',
        b'{"scorer": "contains", "params": {"any_of": [%s]}}',
        b'{"scorer": "contains", "params": {%s: 1}}',
        b'{"scorer": "rubric", "params": {"url": "https://a.example.com", "rubric": %s}}',
        b"[[[{%s: {}}]]]",
    ],
)
def test_a_scorer_with_such_a_text_is_refused(program: Program, scorer: bytes, text: bytes) -> None:
    for path in ("/runs", f"/runs/{NOWHERE}/scores"):
        answer = program.send(path, RUN % (scorer % text), "application/json")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.content
        assert answer.json()["fields"][0]["where"] == "body.asked.scorers"


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800"])
@pytest.mark.parametrize(
    ("path", "field"),
    [("/comparisons", "baseline_run"), (f"/runs/{NOWHERE}/steps/resume", "budget"), ("/runs", "model_version")],
)
def test_any_other_field_with_such_a_text_is_refused(program: Program, path: str, field: str, text: str) -> None:
    answer = program.send(path, f'{{"{field}": "{text}"}}'.encode(), "application/json")
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["where"] == f"body.asked.{field}"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/eval-sets?name=%00", "query.name"),
        ("/eval-sets?name=x&description=a%00b", "query.description"),
        ("/eval-sets?name=x&scorers=%00", "query.scorers"),
        ("/eval-sets?name=x&map=prompt%3D%00", "query.map.0"),
        ("/outputs?eval_set={eval_set}&model=%00", "query.model"),
        ("/outputs?eval_set={eval_set}&model=x&version=%00", "query.version"),
    ],
)
def test_a_text_in_the_address_is_refused_before_the_file_is_kept(program: Program, query: str, field: str) -> None:
    path = query.format(eval_set=make_set([{"expected": "4"}]).pk)
    answer = program.send(path, b'{"id": "1", "response": "4"}\n', "application/x-ndjson")
    assert answer.status_code == 422, answer.content
    assert answer.json()["fields"][0]["where"] == field
    assert not Upload.objects.exists()


def test_half_a_pair_in_the_address_and_a_nul_in_a_filename_are_replaced(program: Program) -> None:
    data = b'{"id": "1", "prompt": "4"}\n'
    answer = program.send("/eval-sets?name=%ED%A0%80&filename=a%00b.jsonl", data, "application/x-ndjson")
    assert answer.status_code == 202, answer.content
    assert FileImport.objects.get().upload.filename == "ab.jsonl"


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_no_depth_breaks_the_server(program: Program, depth: int) -> None:
    answer = program.send("/runs", RUN % (b"[" * depth + b"]" * depth), "application/json")
    assert answer.status_code in (400, 404, 422)
