from pathlib import Path

import orjson
import pytest

from tests.importers.reading import dry_run


def lines(*rows: dict[str, object]) -> bytes:
    return b"\n".join(orjson.dumps(row) for row in rows)


def test_rows_are_joined_on_id_whatever_their_order(tmp_path: Path) -> None:
    one = lines({"id": 1, "prompt": "P1", "output": "a1"}, {"id": 2, "prompt": "P2", "output": "a2"})
    two = lines({"id": "2", "response": "b2"}, {"id": "1", "response": "b1"})
    found = dry_run(tmp_path, ("one.jsonl", one), ("two.jsonl", two))
    assert [(pair.id, pair.prompt, pair.baseline, pair.candidate) for pair in found.pairs] == [
        ("1", "P1", "a1", "b1"),
        ("2", "P2", "a2", "b2"),
    ]
    assert found.problems == []


def test_files_of_different_formats_join_and_the_prompt_may_stand_in_the_second(tmp_path: Path) -> None:
    two = lines({"id": 7, "prompt": "P", "output": "b"})
    found = dry_run(tmp_path, ("one.csv", b"id,output\n7,a\n"), ("two.jsonl", two))
    assert [(pair.prompt, pair.baseline, pair.candidate) for pair in found.pairs] == [("P", "a", "b")]


def test_a_row_without_counterpart_is_named_in_either_file(tmp_path: Path) -> None:
    one = lines({"id": 1, "prompt": "P", "output": "a"}, {"id": 2, "prompt": "P", "output": "a"})
    two = lines({"id": 3, "output": "b"}, {"id": 1, "output": "b"})
    found = dry_run(tmp_path, ("one.jsonl", one), ("two.jsonl", two))
    assert [(p.file, p.row, p.kind) for p in found.problems] == [
        (1, 2, "missing_counterpart"),
        (2, 1, "missing_counterpart"),
    ]


def test_a_duplicate_id_is_named_in_either_file(tmp_path: Path) -> None:
    row = {"id": 1, "prompt": "P", "output": "a"}
    found = dry_run(tmp_path, ("one.jsonl", lines(row)), ("two.jsonl", lines(row, row, row)))
    assert [(p.file, p.row, p.kind) for p in found.problems if p.severity == "error"] == [
        (2, 2, "duplicate_id"),
        (2, 3, "duplicate_id"),
    ]
    found = dry_run(tmp_path, ("one.jsonl", lines(row, row)), ("two.jsonl", lines(row)))
    assert [(p.file, p.row, p.kind) for p in found.problems if p.severity == "error"] == [(1, 2, "duplicate_id")]


def test_one_id_with_two_prompts_is_an_error(tmp_path: Path) -> None:
    one = lines({"id": 1, "prompt": "P", "output": "a"})
    two = lines({"id": 1, "prompt": "Q", "output": "b"})
    assert dry_run(tmp_path, ("one.jsonl", one), ("two.jsonl", two)).errors == [(1, "prompt", "prompts_differ")]


def test_without_ids_only_the_same_prompt_in_the_same_row_joins(tmp_path: Path) -> None:
    one = lines({"prompt": "P", "output": "a"}, {"prompt": "Q", "output": "a"}, {"prompt": "R", "output": "a"})
    two = lines({"prompt": "P", "output": "b"}, {"prompt": "X", "output": "b"})
    found = dry_run(tmp_path, ("one.jsonl", one), ("two.jsonl", two))
    assert found.errors == [(2, "prompt", "prompts_differ"), (3, "", "missing_counterpart")]
    assert [(pair.id, pair.baseline, pair.candidate) for pair in found.pairs] == [("1", "a", "b")]


def test_chat_messages_are_the_prompt_and_end_with_each_models_answer(tmp_path: Path) -> None:
    asked = [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}]

    def file(answer: object) -> bytes:
        return lines({"uid": "x", "messages": [*asked, {"role": "assistant", "content": answer}]})

    found = dry_run(tmp_path, ("one.jsonl", file("a")), ("two.jsonl", file({"answer": "b"})))
    (pair,) = found.pairs
    assert (pair.system, pair.prompt, pair.baseline, pair.candidate, pair.expected) == ("S", "Q", "a", "b", "")


@pytest.mark.parametrize("broken", [1, 2])
def test_a_file_that_breaks_off_is_named(tmp_path: Path, broken: int) -> None:
    good = ("a.json", b'[{"id": 1, "prompt": "P", "output": "a"}]')
    bad = ("b.json", b'[{"id": 1, "prompt": "P", "output": "a"}, {"id"')
    files = (bad, good) if broken == 1 else (good, bad)
    (problem,) = dry_run(tmp_path, *files).problems
    assert (problem.file, problem.row, problem.kind) == (broken, 2, "bad_json")
