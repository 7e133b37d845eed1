from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from experiments.models import BenchmarkRun, FileImport, ModelVersion, Output, RunItem
from experiments.services import imports
from tests.factories.platform_ import make_user
from tests.scoring.outputs import checked, imported, jsonl, problems, run_of
from tests.scoring.scored import current, make_set, values

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [{"expected": "4"}, {"expected": "6"}, {"expected": "x"}]
ROWS: list[dict[str, Any]] = [
    {"id": "3", "response": "x", "latency_ms": 12.5, "input_tokens": 3, "output_tokens": 1, "finish_reason": "stop"},
    {"id": 1, "response": "4"},
    {"id": "2", "response": "5"},
]


def test_outputs_in_any_order_are_kept_and_scored() -> None:
    found = imported(jsonl(ROWS), make_set(CASES))
    assert found.status == FileImport.Status.DONE, found.error
    run = run_of(found)
    assert run.status == BenchmarkRun.Status.DONE
    assert values(current(run)) == {"1": 1.0, "2": 0.0, "3": 1.0}
    kept = Output.objects.get(model_version=found.model_version, case__external_id="3")
    assert (kept.latency_ms, kept.input_tokens, kept.output_tokens, kept.finish_reason) == (12.5, 3, 1, "stop")


def test_a_case_without_an_output_is_an_error_of_its_own_class_and_warned_of() -> None:
    eval_set = make_set(CASES)
    found = checked(jsonl(ROWS[:2]), eval_set)
    assert (found.n_errors, found.n_warnings) == (0, 1)
    assert problems(found) == [(None, "", "missing", "warning")]
    run = run_of(imported(jsonl(ROWS[:2]), eval_set))
    missing = run.items.get(state=RunItem.State.ERROR)
    assert (missing.error_class, missing.case.external_id) == ("missing", "2")
    assert (run.n_done, run.n_errors) == (2, 1)
    assert current(run).summary["overall"]["n"] == 2


def test_unknown_ids_and_second_answers_are_refused_by_row() -> None:
    rows = [*ROWS, {"id": "9", "response": "?"}, {"id": "1", "response": "again"}]
    found = checked(jsonl(rows), make_set(CASES))
    assert found.n_errors == 2
    assert problems(found) == [(4, "id", "unknown_id", "error"), (5, "id", "duplicate_id", "error")]
    with pytest.raises(imports.ImportRefused):
        imported(jsonl(rows), found.eval_set or make_set(CASES[:1]))
    assert not Output.objects.exists()


@pytest.mark.parametrize(
    ("row", "column", "kind"),
    [
        ({"id": "1", "response": 5.5}, "", ""),
        ({"id": "1"}, "response", "missing"),
        ({"id": "1", "response": "a\0b"}, "response", "nul"),
        ({"id": "1", "response": "4", "latency_ms": -1}, "latency_ms", "unknown_value"),
        ({"id": "1", "response": "4", "latency_ms": "fast"}, "latency_ms", "wrong_type"),
        ({"id": "1", "response": "4", "input_tokens": 1.5}, "input_tokens", "wrong_type"),
        ({"id": "1", "response": "4", "tool_calls": {"name": "f"}}, "tool_calls", "wrong_type"),
        ({"id": "1", "response": "4", "tool_calls": "[{"}, "tool_calls", "bad_json"),
        ({"id": "1", "error": "sunspots"}, "error", "unknown_value"),
        ({"id": "1", "response": "4", "logprobs_sum": 3}, "logprobs_sum", "unknown_value"),
        ({"id": " ", "response": "4"}, "id", "blank"),
    ],
)
def test_each_value_is_taken_or_refused_with_its_reason(row: dict[str, object], column: str, kind: str) -> None:
    found = checked(jsonl([{"id": "2", "response": "4"}, row]), make_set(CASES))
    refused = [(at, where, what) for at, where, what, severity in problems(found) if severity == "error"]
    assert refused == ([(2, column, kind)] if kind else [])


def test_cut_off_filtered_empty_and_told_errors_keep_their_class() -> None:
    cases = [{"expected": str(number)} for number in range(6)]
    rows: list[dict[str, Any]] = [
        {"id": "1", "response": "a long te", "finish_reason": "length"},
        {"id": "2", "response": "no", "finish_reason": "content_filter"},
        {"id": "3", "response": "  "},
        {"id": "4", "response": None, "error": "timeout"},
        {"id": "5", "response": "", "tool_calls": []},
        {"id": "6", "response": "5"},
    ]
    run = run_of(imported(jsonl(rows), make_set(cases)))
    told = dict(run.items.values_list("case__external_id", "error_class"))
    assert told == {"1": "truncated", "2": "filtered", "3": "empty", "4": "timeout", "5": "", "6": ""}
    assert run.n_errors == 4


def test_tool_calls_are_kept_as_they_came() -> None:
    calls = [{"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]
    found = imported(jsonl([{"id": "1", "tool_calls": calls}]), make_set([{"checks": {"expected_tool_calls": []}}]))
    assert Output.objects.get(model_version=found.model_version).tool_calls == calls


def test_the_same_file_again_makes_nothing_new() -> None:
    eval_set = make_set(CASES)
    first, again = imported(jsonl(ROWS), eval_set), imported(jsonl(ROWS), eval_set)
    assert first.pk == again.pk
    assert ModelVersion.objects.filter(name="solver").count() == 1
    assert BenchmarkRun.objects.count() == 1


def test_a_model_keeps_its_version_over_further_sets_and_gets_another_for_other_answers() -> None:
    one, other = make_set(CASES), make_set(CASES[:2])
    first = imported(jsonl(ROWS), one)
    second = imported(jsonl(ROWS[1:]), other)
    third = imported(jsonl([{**ROWS[0], "response": "y"}, *ROWS[1:]]), one)
    assert first.model_version == second.model_version
    assert third.model_version
    assert (third.model_version.name, third.model_version.version) == ("solver", "2")


def test_a_version_that_has_outputs_for_the_set_is_refused() -> None:
    eval_set = make_set(CASES)
    imported(jsonl(ROWS), eval_set)
    with pytest.raises(imports.ImportRefused, match="has outputs for"):
        imported(jsonl(ROWS[:2]), eval_set, version="1")


def test_sample_files_of_lm_eval_are_read_as_they_are() -> None:
    cases = [{"expected": "18"}, {"expected": "3"}]
    rows = [
        {
            "doc_id": number, "doc": {"question": "?"}, "target": expected, "resps": [[f"It is {said}"]],
            "filtered_resps": [said], "filter": name, "exact_match": 1.0, "doc_hash": "ab", "arguments": {},
        }
        for name in ("strict-match", "flexible-extract")
        for number, (expected, said) in enumerate([("18", "18"), ("3", "4")], start=1)
    ]  # fmt: skip
    found = imported(jsonl(rows), make_set(cases), "samples_gsm8k_2024-06-05.jsonl")
    assert found.status == FileImport.Status.DONE, problems(found)
    texts = Output.objects.filter(model_version=found.model_version).order_by("case__position")
    assert list(texts.values_list("text", flat=True)) == ["It is 18", "It is 4"]


def test_lm_evals_likelihood_tasks_hold_no_text_and_are_refused() -> None:
    row = {"doc_id": 1, "doc": {"id": "1"}, "resps": [[[-3.2, False]], [[-1.0, True]]]}
    found = checked(jsonl([row]), make_set(CASES))
    assert problems(found)[0] == (1, "resps", "wrong_type", "error")


def test_csv_is_read_too() -> None:
    found = imported(b"id,output,latency_ms\n1,4,10\n2,6,20.5\n3,x,\n", make_set(CASES), "outputs.csv")
    assert run_of(found).n_done == 3
    assert values(current(run_of(found))) == {"1": 1.0, "2": 1.0, "3": 1.0}


def test_a_set_without_anything_right_gets_no_run_but_keeps_its_outputs() -> None:
    found = imported(jsonl(ROWS), make_set([{}, {}, {}]))
    assert found.status == FileImport.Status.DONE
    assert not BenchmarkRun.objects.exists()
    assert Output.objects.count() == 3


def test_the_page_asks_for_set_and_model_and_leads_to_the_scores(client: Client) -> None:
    client.force_login(make_user(roles=["lead"]))
    eval_set = make_set(CASES)
    page = client.get(f"/imports/new?kind=outputs&eval_set={eval_set.pk}").content.decode()
    assert f'value="{eval_set.pk}" selected' in page
    found = checked(jsonl(ROWS), eval_set)
    assert "The first outputs beside what they answer" in client.get(f"/imports/{found.pk}/").content.decode()
    found = imported(jsonl(ROWS), eval_set)
    assert f"/runs/{found.pk}/" in client.get(f"/imports/{found.pk}/").content.decode()


def test_the_command_imports_scores_and_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eval_set = make_set(CASES)
    file = tmp_path / "outputs.jsonl"
    file.write_bytes(jsonl(ROWS))
    out = StringIO()
    call_command("import_outputs", str(file), "--eval-set", eval_set.name, "--model", "solver", stdout=out)
    assert "2 of 3 passed, 0.6667, 95% interval 0.2077 to 0.9385, n 3" in out.getvalue()
    call_command("import_outputs", str(file), "--eval-set", f"{eval_set.name}:1", "--model", "solver", stdout=out)
    assert "Imported before" in out.getvalue()
    # Another command was a moment faster: it is seen only when the rows are to be written.
    true_look, looks = imports.done_before, []

    def blind_at_first(found: FileImport) -> FileImport | None:
        looks.append(found)
        return true_look(found) if len(looks) > 1 else None

    monkeypatch.setattr(imports, "done_before", blind_at_first)
    late = StringIO()
    call_command("import_outputs", str(file), "--eval-set", eval_set.name, "--model", "solver", stdout=late)
    assert "Imported before: solver" in late.getvalue()
    assert "Imported 3 outputs" not in late.getvalue()


def test_the_command_names_every_problem(tmp_path: Path) -> None:
    file = tmp_path / "outputs.jsonl"
    file.write_bytes(jsonl([*ROWS, {"id": "9", "response": "?"}]))
    errors = StringIO()
    with pytest.raises(CommandError, match="1 errors; nothing was imported"):
        call_command(
            "import_outputs", str(file), "--eval-set", make_set(CASES).name, "--model", "solver", stderr=errors
        )
    assert "row 4, id:" in errors.getvalue()
    with pytest.raises(CommandError, match="no eval set"):
        call_command("import_outputs", str(file), "--eval-set", "unheard of", "--model", "solver")
