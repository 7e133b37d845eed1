"""Rows of past tests become exposures and events, or a problem with row and column."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from experiments.importers.limits import DEFAULT
from experiments.importers.past_events import Layout, PastEvent, Requirement, columns, read
from experiments.importers.problems import Kind, Problem, Severity

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG = {
    name: name for name in ("unit_id", "event", "timestamp", "value", "arm", "event_id", "properties", "experiment")
}
WIDE = {"unit_id": "user", "arm": "group"}


def layout(**fields: Any) -> Layout:
    return Layout(**{"columns": LONG, "test": "past", "file_hash": "f", "at": AT, **fields})


def wide(**fields: Any) -> Layout:
    return layout(**{"columns": WIDE, "metrics": {"bought": "bought", "spent": "spent"}, **fields})


def taken(shape: Layout, *records: dict[str, Any]) -> tuple[list[PastEvent], list[Problem]]:
    problems: list[Problem] = []
    found = list(read(enumerate(records, start=2), layout=shape, limits=DEFAULT, report=problems.append))
    return found, problems


def an_event(**fields: Any) -> dict[str, Any]:
    return {"unit_id": "ada", "event": "bought", "timestamp": "2026-03-02T10:00:00Z", **fields}


def test_a_row_is_an_event() -> None:
    [found], problems = taken(
        layout(), an_event(value="2.5", event_id="7", properties={"tokens": 3}, **{"properties.plan": "pro"})
    )
    assert problems == []
    assert (found.event_id, found.name, found.unit_id, found.value, found.arm) == ("7", "bought", "ada", 2.5, "")
    assert found.at == AT + timedelta(hours=1)
    assert orjson.loads(found.properties) == {"tokens": 3, "plan": "pro"}


def test_properties_of_a_table_are_numbers_where_they_look_like_it() -> None:
    texts = {"a": "12", "b": "TRUE", "c": "-1.5", "d": "3 days", "e": "", "f": "007"}
    row = an_event(**{f"properties.{name}": text for name, text in texts.items()})
    [found], _ = taken(layout(), row)
    assert orjson.loads(found.properties) == {"a": 12, "b": True, "c": -1.5, "d": "3 days", "f": "007"}


def test_without_ids_the_same_file_gives_the_same_ones() -> None:
    (first, second), _ = taken(layout(), an_event(), an_event())
    (again, _), _ = taken(layout(), an_event(), an_event())
    (other, _), _ = taken(layout(file_hash="g"), an_event(), an_event())
    assert first.event_id == again.event_id
    assert len({first.event_id, second.event_id, other.event_id}) == 3


def test_a_row_is_a_unit_with_what_became_of_it() -> None:
    found, problems = taken(wide(), {"user": 7, "group": "treatment", "bought": "TRUE", "spent": "12.5"})
    assert problems == []
    assert [(one.name, one.unit_id, one.value, one.arm, one.at) for one in found] == [
        ("", "7", None, "treatment", AT), ("bought", "7", 1.0, "", AT), ("spent", "7", 12.5, "", AT),
    ]  # fmt: skip


def test_a_zero_is_an_event_only_where_a_mean_reads_it() -> None:
    row = {"user": "a", "group": "control", "bought": "0", "spent": 0}
    found, _ = taken(wide(zeros=frozenset({"spent"})), row)
    assert [one.name for one in found] == ["", "spent"]
    found, _ = taken(wide(zeros=frozenset({"spent"})), {**row, "spent": ""})
    assert [one.name for one in found] == [""]


def test_the_words_of_a_file_for_its_arms_are_told() -> None:
    shape = wide(arms={"gate_30": "control", "gate_40": "treatment"})
    rows = [{"user": n, "group": group} for n, group in enumerate(("gate_30", " gate_40 ", "Control"))]
    found, _ = taken(shape, *rows)
    assert [one.arm for one in found] == ["control", "treatment", "control"]
    _, [problem] = taken(shape, {"user": 1, "group": "gate_50"})
    assert (problem.column, problem.kind) == ("group", Kind.UNKNOWN_VALUE)
    assert "--arm gate_50=control" in problem.reason


def test_a_time_without_zone_has_the_one_that_was_said() -> None:
    berlin = timezone(timedelta(hours=1))
    [found], _ = taken(layout(zone=berlin), an_event(timestamp="2026-03-02 10:00:00.5"))
    assert found.at == AT + timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("fields", "column", "kind"),
    [
        ({"unit_id": ""}, "unit_id", Kind.BLANK),
        ({"unit_id": "u" * 201}, "unit_id", Kind.TOO_LONG),
        ({"event": ""}, "event", Kind.BLANK),
        ({"timestamp": ""}, "timestamp", Kind.BLANK),
        ({"timestamp": "soon"}, "timestamp", Kind.WRONG_TYPE),
        ({"timestamp": "1815-12-10"}, "timestamp", Kind.UNKNOWN_VALUE),
        ({"value": "much"}, "value", Kind.WRONG_TYPE),
        ({"value": "inf"}, "value", Kind.NAN),
        ({"value": "nan"}, "value", Kind.NAN),
        ({"experiment": "another"}, "experiment", Kind.UNKNOWN_VALUE),
        ({"arm": "b"}, "arm", Kind.UNKNOWN_VALUE),
        ({"event": "exposure"}, "arm", Kind.BLANK),
        ({"properties": "{"}, "properties", Kind.BAD_JSON),
        ({"properties": [1]}, "properties", Kind.WRONG_TYPE),
        ({"properties": {"a": {}}}, "properties", Kind.TOO_DEEP),
        ({"properties": {"a": "x" * 5000}}, "properties", Kind.TOO_LONG),
    ],
)
def test_what_is_wrong_is_said_with_row_and_column(fields: dict[str, Any], column: str, kind: Kind) -> None:
    found, [problem] = taken(layout(), an_event(**fields))
    assert found == []
    assert (problem.row, problem.column, problem.kind, problem.severity) == (2, column, kind, Severity.ERROR)


def test_rows_that_contradict_themselves_are_refused_or_left_out() -> None:
    rules = tuple(
        Requirement.read(f"group={arm}:page={page}") for arm, page in (("control", "old"), ("treatment", "new"))
    )
    rows = [{"user": n, "group": group, "page": page, "bought": 1} for n, (group, page) in
            enumerate([("control", "old"), ("control", "new"), ("treatment", "new"), ("treatment", "")])]  # fmt: skip
    for leaves_out, severity in ((False, Severity.ERROR), (True, Severity.WARNING)):
        found, problems = taken(wide(requirements=rules, leaves_out=leaves_out), *rows)
        assert {one.unit_id for one in found} == {"0", "2"}
        assert [(one.row, one.column, one.kind, one.severity) for one in problems] == [
            (3, "page", Kind.MISMATCH, severity), (5, "page", Kind.MISMATCH, severity),
        ]  # fmt: skip
    assert problems[0].reason == "group control without page old"


@pytest.mark.parametrize("said", ["", "a=b", "a=b:", "a=b:c", "a:b", "=b:c=d", "a=:c=d"])
def test_a_requirement_names_two_columns_with_values(said: str) -> None:
    with pytest.raises(ValueError, match="COLUMN=VALUE"):
        Requirement.read(said)


def test_columns_are_found_by_their_usual_names() -> None:
    names = ["userid", "version", "sum_gamerounds", "value"]
    assert columns(names, chosen={}, is_wide=True) == {"unit_id": "userid", "arm": "version"}
    assert columns(names, chosen={"arm": "", "unit_id": "x"}, is_wide=True) == {"unit_id": "x"}
    assert columns(names, chosen={}, is_wide=False)["value"] == "value"
