"""A file becomes an immutable version of a set: once for the same content, anew for other content."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from django.db import DatabaseError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsite.platform.models import AuditEntry
from experiments.models import EvalCase, EvalSet, FileImport, UploadChunk
from experiments.reports.eval_sets.downloads import json_lines, overlap_lines
from experiments.reports.eval_sets.told import told_of
from experiments.services import import_rows, imports, upload_dropping
from experiments.services.file_imports import eval_sets
from experiments.services.file_imports.eval_sets import EvalSetOptions
from tests.eval_sets.importing import EXACT, cases, checked, imported
from tests.eval_sets.reading import lines
from tests.experiments.importing import imported as imported_pairs
from tests.experiments.importing import run
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db(transaction=True)

NAMED = EvalSetOptions(name="Support", description="What customers ask.", scorers=[EXACT])


def test_a_set_is_made_with_its_cases_scorers_and_warnings() -> None:
    made = imported(lines(*cases(3, category="basic"), {"id": "x", "prompt": "question 1"}), options=NAMED)
    assert (str(made), made.n_cases, made.description) == ("Support v1", 4, "What customers ask.")
    assert made.scorers == [EXACT]
    assert made.categories == [["basic", 3], ["", 1]]
    assert {each["kind"]: each["n"] for each in made.warnings} == {
        "duplicate_input": 1, "few_cases": 2, "nothing_expected": 1,
    }  # fmt: skip
    [duplicate] = [each for each in made.warnings if each["kind"] == "duplicate_input"]
    assert duplicate["rows"][0]["row"] == 4
    case = EvalCase.objects.get(external_id="c2")
    assert (case.position, case.prompt, case.expected, case.category) == (1, "Question 2?", "answer 2", "basic")
    assert AuditEntry.objects.get(action="import.committed").subject == "Support v1"
    assert upload_dropping.drop_some(now=NOW) == 1
    assert not UploadChunk.objects.exists()


def test_checks_are_kept_with_each_case() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    checks = {"schema": {"type": "object"}, "tools": [tool], "expected_tool_calls": [], "must_not_match": ["x"]}
    imported(lines({"id": 1, "prompt": "Q", **checks}, {"id": 2, "prompt": "Q2", "expected": "x"}))
    assert list(EvalCase.objects.order_by("position").values_list("checks", flat=True)) == [checks, {}]


def test_more_cases_than_a_batch_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_rows, "BATCH", 7)
    imported(lines(*cases(50)))
    found = EvalCase.objects.order_by("position").values_list("external_id", flat=True)
    assert list(found) == [f"c{n}" for n in range(1, 51)]


def test_without_a_choice_scorers_are_suggested_by_what_the_cases_hold() -> None:
    found = checked(lines(*cases()))
    chosen = eval_sets.prefill(found, EvalSetOptions())
    assert chosen.name == "cases"
    assert chosen.scorers
    assert any(each["primary"] for each in chosen.scorers)


def test_the_same_content_under_the_same_choices_is_the_same_import() -> None:
    first = imported(lines(*cases()), options=NAMED)
    assert imported(lines(*cases()), options=NAMED) == first
    assert FileImport.objects.filter(status="done").count() == 1


def test_the_same_content_in_another_file_or_under_another_name_makes_nothing_new() -> None:
    first = imported(lines(*cases()), options=NAMED)
    rearranged = lines(*({"expected": row["expected"], **row} for row in cases()))
    assert imported(rearranged, options=replace(NAMED, name="Other")) == first
    assert EvalSet.objects.count() == 1
    assert EvalCase.objects.count() == 3


def test_other_cases_checks_or_scorers_are_the_next_version() -> None:
    imported(lines(*cases()), options=NAMED)
    imported(lines(*cases(2)), options=NAMED)
    imported(lines(*cases(3, must_not_match=["x"])), options=NAMED)
    other = {**EXACT, "primary": False}
    imported(lines(*cases()), options=replace(NAMED, scorers=[other]))
    assert list(EvalSet.objects.order_by("id").values_list("name", "version")) == [("Support", n) for n in (1, 2, 3, 4)]
    assert EvalSet.objects.values("content_hash").distinct().count() == 4


def test_a_parameter_at_its_default_is_the_same_as_left_out() -> None:
    first = imported(lines(*cases()), options=NAMED)
    spelled = {**EXACT, "params": {"fold_case": False}}
    assert imported(lines(*cases()), options=replace(NAMED, scorers=[spelled])) == first


def test_cases_without_checks_and_scorers_are_those_of_a_set_of_pairs() -> None:
    rows = cases()
    pairs = imported_pairs(lines(*({**row, "baseline": "a", "candidate": "b"} for row in rows)))
    assert pairs.experiment is not None
    assert imported(lines(*rows), options=replace(NAMED, scorers=[])) == pairs.experiment.suites.get().eval_set


def test_cases_of_the_training_file_are_kept_with_the_set() -> None:
    made = imported(lines(*cases()), lines({"prompt": "other"}, {"prompt": "QUESTION 2"}))
    [told] = [each for each in made.warnings if each["kind"] == "trained_on"]
    assert told["training_file"] == "training.jsonl"
    assert told["overlaps"] == [{"id": "c2", "row": 2, "training_row": 2, "how": "normalised", "shared": 1.0}]


def test_what_a_later_training_file_holds_of_a_set_that_stands_is_told_with_it() -> None:
    made = imported(lines(*cases()), options=NAMED)
    for training in ("QUESTION 2", "Question 3?", "QUESTION 2", "else"):
        assert imported(lines(*cases()), lines({"prompt": training}), options=NAMED) == made
    overlaps = [each["overlaps"] for each in told_of(made) if each["kind"] == "trained_on"]
    assert [[one["id"] for one in each] for each in overlaps] == [["c2"], ["c3"]]
    assert [line.split(",")[0] for line in overlap_lines(made)] == ["id", "c2", "c3"]


@pytest.mark.parametrize(
    ("scorers", "reason"),
    [
        ([{"scorer": "nonsense"}], "no scorer called 'nonsense'"),
        ([{"scorer": "exact_match", "params": {"colour": 1}}], "does not know the parameter"),
        ([EXACT, EXACT], "Two scorers have the key"),
        (["exact_match"], "A scorer is"),
    ],
)
def test_scorers_that_cannot_be_used_are_refused(scorers: list[Any], reason: str) -> None:
    found = checked(lines(*cases()))
    with pytest.raises(imports.ImportRefused, match=reason):
        imports.start_commit(file_import=found, options=replace(NAMED, scorers=scorers), actor=None, now=NOW)


def test_a_set_needs_a_name() -> None:
    found = checked(lines(*cases()))
    with pytest.raises(imports.ImportRefused, match="Name the set"):
        imports.start_commit(file_import=found, options=replace(NAMED, name=" "), actor=None, now=NOW)


def test_a_version_cannot_be_changed_or_deleted() -> None:
    imported(lines(*cases()))
    for statement in ("UPDATE experiments_evalcase SET checks = '{}'", "DELETE FROM experiments_evalcase"):
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(statement)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
SOME = TEXT.filter(lambda text: bool(text.strip()))
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
TURNS = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=3)
CHECKS = st.fixed_dictionaries(
    {},
    optional={
        "expected": TEXT,
        "accepted": st.lists(TEXT, max_size=2),
        "schema": st.just({"type": "object", "properties": {"b": {"minimum": 1.5}, "a": {}}}),
        "expected_tool_calls": st.lists(
            st.builds(lambda name, value: {"name": name, "arguments": {"x": [value]}}, SOME, ANY_JSON), max_size=2
        ),
        "must_not_match": st.lists(st.sampled_from(["a+", "(?i)b"]), max_size=2),
        "must_not_call": st.lists(SOME.map(str.strip), max_size=2),
        "response_format": st.builds(lambda extra: {"type": "json_object", "x": extra}, ANY_JSON),
        "category": TEXT,
        "tags": st.lists(SOME, max_size=2),
        "cluster": TEXT,
        "metadata": st.dictionaries(TEXT, ANY_JSON, max_size=2),
    },
)
ROW = st.builds(
    lambda turns, prompt, checks: {
        "messages": [*({"role": role, "content": text} for role, text in turns), {"role": "user", "content": prompt}],
        **checks,
    },
    TURNS,
    SOME,
    CHECKS,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(ROW, min_size=1, max_size=4))
def test_what_is_downloaded_and_uploaded_again_is_the_same_set(rows: list[dict[str, Any]]) -> None:
    made = imported(b"\n".join(orjson.dumps(row) for row in rows), options=EvalSetOptions(scorers=[]))
    again = checked(b"".join(json_lines(made)), options=EvalSetOptions(scorers=[]))
    assert again.n_errors == 0, list(again.problems.values_list("row", "column", "reason"))
    assert again.findings is not None
    assert again.findings["checked"]["cases_hash"] == made.content_hash


def test_a_field_that_only_late_cases_have_is_downloaded_with_its_column() -> None:
    made = imported(lines(*cases(2500), {"id": "last", "prompt": "Q", "category": "late", "expected": "x"}))
    first = b"".join(json_lines(made)).split(b"\n")[0]
    assert "category" in orjson.loads(first)


def test_a_commit_that_is_delivered_twice_makes_one_set() -> None:
    found = checked(lines(*cases()), options=NAMED)
    started = imports.start_commit(file_import=found, options=NAMED, actor=None, now=NOW)
    run(started)
    run(started)
    assert (EvalSet.objects.count(), EvalCase.objects.count()) == (1, 3)
