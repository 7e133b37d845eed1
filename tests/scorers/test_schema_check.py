"""JSON Schema: the published suite, with sockets closed, and what hostile schemas and values do."""

import json
import math
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from experiments.scorers.schema_check import BadSchema, TooMuchWork, checker
from tests.real_data import real_data


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def suite(folder: Path) -> Iterator[tuple[str, Any, Any, bool]]:
    for path in sorted((folder / "tests/draft7").glob("*.json")):
        for group in json.loads(path.read_text()):
            for test in group["tests"]:
                yield (
                    f"{path.stem}: {group['description']}: {test['description']}",
                    group["schema"],
                    test["data"],
                    test["valid"],
                )


def remotes(folder: Path) -> dict[str, Any]:
    root = folder / "remotes"
    return {
        f"http://localhost:1234/{path.relative_to(root)}": json.loads(path.read_text()) for path in root.rglob("*.json")
    }


@pytest.mark.real_data
def test_every_case_of_the_draft_7_suite_is_judged_as_flagged(no_sockets: None) -> None:
    folder = real_data("json_schema_suite")
    documents, cases = remotes(folder), list(suite(folder))
    wrong = [
        name
        for name, schema, data, valid in cases
        if bool(checker(schema, "draft7", documents if "localhost:1234" in json.dumps(schema) else None).problems(data))
        == valid
    ]
    assert len(cases) == 927
    assert wrong == []


def test_a_reference_outside_the_schema_is_not_fetched(no_sockets: None) -> None:
    for reference in ("http://localhost:1/a.json", "https://example.com/s", "file:///etc/passwd", "other.json"):
        with pytest.raises(BadSchema, match="nothing is fetched"):
            checker({"$ref": reference}).problems(1)


def test_the_meta_schemas_are_at_hand(no_sockets: None) -> None:
    assert checker({"$ref": "http://json-schema.org/draft-07/schema#"}, "draft7").problems({"type": "string"}) == []
    assert checker({"$ref": "http://json-schema.org/draft-07/schema#"}, "draft7").problems({"type": 3})


def test_the_schema_names_its_own_draft() -> None:
    tuple_of_one = {"items": [{"type": "integer"}]}
    assert checker({"$schema": "http://json-schema.org/draft-07/schema#", **tuple_of_one}).problems(["x"])
    with pytest.raises(BadSchema, match="no valid schema"):
        checker(tuple_of_one)
    with pytest.raises(BadSchema, match="none of the drafts"):
        checker({"$schema": "https://example.com/my-draft"})


REFUSED: dict[str, Any] = {
    "not one RE2 can match": {"properties": {"a": {"pattern": "^(?!b)"}}},
    "back-references": {"patternProperties": {r"(a)\1": True}},
    "names a $schema of its own": {"$defs": {"x": {"$schema": "http://json-schema.org/draft-07/schema#"}}},
    "not supported": {"allOf": [{"patternProperties": {"a": True}}], "unevaluatedProperties": False},
    "no valid schema": {"type": "strnig"},
    "an object or true or false": [1],
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_schema_that_cannot_be_kept_to_is_refused_before_the_first_value(reason: str) -> None:
    with pytest.raises(BadSchema) as refusal:
        checker(REFUSED[reason])
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("draft", "schema"),
    [
        ("draft7", {"$ref": {"type": "string"}}),
        ("draft4", {"$ref": "#a", "definitions": {"x": {"id": 5}}}),
        ("2020-12", {"extends": {"$ref": "number"}}),
        ("draft3", {"$dynamicAnchor": {}, "unevaluatedProperties": "x"}),
        ("2020-12", {"$id": "http://[bad", "$ref": "#/x"}),
    ],
)
def test_keywords_of_another_draft_never_raise_anything_else(draft: str, schema: Any) -> None:
    with suppress(BadSchema):
        checker(schema, draft).problems({"a": 1})


def test_what_a_schema_merely_quotes_is_no_pattern() -> None:
    assert checker({"const": {"pattern": "(?!x)"}}).problems({"pattern": "(?!x)"}) == []
    assert checker({"properties": {"pattern": {"type": "string"}}}).problems({"pattern": "(?!x)"}) == []


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"^\u0041$", "A", True),
        (r"^\ud83d\ude00$", "😀", True),
        (r"^\u{1f600}$", "😀", True),
        (r"^\cJ$", "\n", True),
        (r"^\s$", "\u2029", True),
        (r"^[\sa]+$", "a\u3000", True),
        (r"^\S$", "\u2029", False),
        (r"^a$", "a\n", False),
        (r"^[[]$", "[", True),
        (r"\d", "\u0661", False),
    ],
)
def test_patterns_mean_what_they_mean_in_ecma_script(pattern: str, text: str, fits: bool) -> None:
    assert (checker({"pattern": pattern}).problems(text) == []) is fits


def test_patterns_that_backtrack_elsewhere_are_matched_at_once() -> None:
    started = time.process_time()
    hostile = {"^(a+)+$": {"pattern": "^(b|bb)+$"}}
    value = {"a" * 50_000 + "!": "b" * 50_000 + "!"}
    assert checker({"patternProperties": hostile, "additionalProperties": False}).problems(value)
    assert checker({"patternProperties": hostile}).problems({"a": "b" * 50_000 + "!"})
    assert time.process_time() - started < 2


def test_many_items_are_compared_in_linear_time() -> None:
    started = time.process_time()
    items: list[Any] = [{"a": [n, str(n)]} if n % 2 else n for n in range(40_000)]
    unique = checker({"uniqueItems": True})
    assert unique.problems(items) == []
    assert unique.problems([*items, {"a": [1.0, "1"]}])
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("items", "is_unique"),
    [([1, True], True), ([1, 1.0], False), ([[1], [True]], True), ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], False)],
)
def test_equal_is_what_json_schema_calls_equal(items: list[Any], is_unique: bool) -> None:
    assert (checker({"uniqueItems": True}).problems(items) == []) is is_unique


@pytest.mark.parametrize(
    ("step", "value", "fits"),
    [
        (0.01, 19.99, True),
        (0.01, 4.35, True),
        (0.01, 0.07, True),
        (0.01, 1e22, True),
        (0.01, 19.995, False),
        (0.1, 3, True),
        (2, 3.0, False),
        (2, 10**400, True),
        (1e-300, 1e300, True),
        (0.3, 10**400, False),
        (1, math.inf, False),
        (0.01, "19.995", True),
        (2, True, True),
    ],
)
@pytest.mark.parametrize(
    ("draft", "keyword"), [("2020-12", "multipleOf"), ("draft7", "multipleOf"), ("draft3", "divisibleBy")]
)
def test_multiples_are_those_of_the_decimals_as_written(
    draft: str, keyword: str, step: float, value: Any, fits: bool
) -> None:
    assert (checker({keyword: step}, draft).problems(value) == []) is fits


def test_a_number_too_long_to_write_is_divided_all_the_same() -> None:
    assert checker({"multipleOf": 2}).problems(1 << 99_999) == []
    assert checker({"multipleOf": 0.3}).problems(1 << 99_999)


@pytest.mark.parametrize("step", [0, -1, "1/3", True])
def test_what_is_no_step_where_the_draft_does_not_look_is_no_schema(step: Any) -> None:
    with pytest.raises(BadSchema):
        checker({"x": {"multipleOf": step}, "$ref": "#/x"}).problems(3)


def test_work_that_doubles_with_each_reference_comes_to_an_end() -> None:
    levels = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(40)}
    bomb = {"$defs": {**levels, "l40": {"type": "integer"}}, "$ref": "#/$defs/l0"}
    with pytest.raises(TooMuchWork, match="steps"):
        checker(bomb).problems(1)


def test_a_schema_that_refers_to_itself_for_ever_comes_to_an_end() -> None:
    with pytest.raises(TooMuchWork, match="nested too deeply"):
        checker({"$ref": "#"}).problems(1)


@pytest.mark.real_data
def test_what_the_optional_part_of_the_suite_says_on_patterns_and_numbers(no_sockets: None) -> None:
    """Where RE2 refuses, the schema is refused; what is judged is judged as flagged."""
    refused = 0
    for name in ("bignum", "float-overflow", "ecmascript-regex", "non-bmp-regex", "unknownKeyword", "id"):
        path = real_data("json_schema_suite") / f"tests/draft7/optional/{name}.json"
        for group in json.loads(path.read_text()):
            for test in group["tests"]:
                try:
                    judged = checker(group["schema"], "draft7").problems(test["data"]) == []
                except BadSchema:
                    refused += 1
                else:
                    assert judged == test["valid"], (name, group["description"], test["description"])
    assert refused < 25
