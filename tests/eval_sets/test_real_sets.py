"""Files as people publish them, read as eval sets."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.eval_sets.reading import Found, dry_run, lines
from tests.real_data import real_data

pytestmark = pytest.mark.real_data


def rows(folder: str, name: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (real_data(folder) / name).read_bytes().splitlines()]


def read(tmp_path: Path, folder: str, name: str, training: bytes | None = None) -> Found:
    return dry_run(tmp_path, (real_data(folder) / name).read_bytes(), training, name=name)


def test_gsm8k_is_read_as_it_is(tmp_path: Path) -> None:
    found = read(tmp_path, "gsm8k", "test.jsonl")
    assert (found.checked.n_cases, found.checked.n_expected, found.errors) == (1319, 1319, [])
    assert (found.mapping.prompt, found.mapping.expected) == ("question", "answer")
    assert "####" in found.checked.expected_sample[0]


def test_gsm8k_questions_in_a_training_file_are_all_found(tmp_path: Path) -> None:
    questions = rows("gsm8k", "test.jsonl")[100:200]
    training = [
        {"messages": [{"role": "user", "content": row["question"].upper()}, {"role": "assistant", "content": "x"}]}
        for row in questions
    ]
    found = read(tmp_path, "gsm8k", "test.jsonl", lines(*training))
    assert [one["row"] for one in found.checked.overlaps if one["how"] != "in part"] == list(range(101, 201))


def test_self_instruct_outputs_are_read_with_their_references(tmp_path: Path) -> None:
    found = read(tmp_path, "self_instruct", "text-davinci-003_predictions.jsonl")
    assert (found.checked.n_cases, found.checked.n_expected, found.errors) == (252, 252, [])


@pytest.mark.parametrize(("part", "n"), [("multiple_function", 200), ("simple", 400)])
def test_bfcl_is_read_with_its_tools_and_accepted_calls(tmp_path: Path, part: str, n: int) -> None:
    answers = {row["id"]: row["ground_truth"] for row in rows("bfcl_2024-08", f"possible_answer_{part}.jsonl")}
    joined = [row | {"ground_truth": answers[row["id"]]} for row in rows("bfcl_2024-08", f"question_{part}.jsonl")]
    found = dry_run(tmp_path, lines(*joined))
    assert (found.checked.n_cases, found.errors) == (n, [])
    assert found.checked.checks_seen == {"tools": n, "expected_tool_calls": n}
    assert [row for row, _ in found.warnings("unknown_tool")] == ([364] if part == "simple" else [])
    for case, row in zip(found.cases, joined, strict=True):
        [(name, arguments)] = row["ground_truth"].items()
        assert case.checks["expected_tool_calls"] == [{"name": name, "arguments": arguments}]
        assert len(case.checks["tools"]) == (1 if part == "simple" else len(row["function"]))
