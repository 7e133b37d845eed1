from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from tests.importers.reading import dry_run, parquet


def jsonl(*rows: Mapping[str, object]) -> tuple[str, bytes]:
    return "pairs.jsonl", b"\n".join(orjson.dumps(row) for row in rows)


ROW: dict[str, object] = {"prompt": "Q?", "baseline": "one", "candidate": "two"}


def test_without_an_id_column_rows_are_numbered(tmp_path: Path) -> None:
    assert [pair.id for pair in dry_run(tmp_path, jsonl(ROW, ROW, ROW)).pairs] == ["1", "2", "3"]
    data = b"prompt,baseline,candidate\nP,a,b\nP,a,b\n"
    assert [pair.id for pair in dry_run(tmp_path, ("pairs.csv", data)).pairs] == ["1", "2"]


def test_optional_columns_are_kept(tmp_path: Path) -> None:
    row = ROW | {
        "item_id": 5,
        "reference": "three",
        "category": "code",
        "tags": ["x", " y "],
        "cluster": "c1",
        "system": "Be brief.",
        "metadata": {"a": [1, None, {"b": "ü"}]},
        "metadata.lang": "de",
        "other": "ignored",
    }
    (pair,) = dry_run(tmp_path, jsonl(row)).pairs
    assert (pair.id, pair.expected, pair.category, pair.cluster) == ("5", "three", "code", "c1")
    assert (pair.system, pair.tags) == ("Be brief.", ["x", "y"])
    assert pair.metadata == {"a": [1, None, {"b": "ü"}], "lang": "de"}


def test_tags_of_a_csv_cell_are_divided(tmp_path: Path) -> None:
    data = b'prompt,baseline,candidate,tags\nP,a,b,"x; y,z"\n'
    assert dry_run(tmp_path, ("a.csv", data)).pairs[0].tags == ["x", "y", "z"]


def test_messages_give_system_turns_and_prompt(tmp_path: Path) -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": [{"type": "text", "text": "Second?"}]},
    ]
    row = {"messages": messages, "baseline": "one", "candidate": "two"}
    (pair,) = dry_run(tmp_path, jsonl(row)).pairs
    assert (pair.system, pair.prompt, pair.expected) == ("Be brief.", "Second?", "")
    assert pair.turns == [{"role": "user", "content": "First?"}, {"role": "assistant", "content": "Yes."}]
    cell = orjson.dumps(messages).decode().replace('"', '""')
    data = f'messages,baseline,candidate\n"{cell}",one,two\n'.encode()
    assert dry_run(tmp_path, ("a.csv", data)).pairs == [pair._replace(row=2)]


def test_a_last_assistant_message_is_the_expected_answer(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "ideal"}]
    row = {"messages": messages, "baseline": "one", "candidate": "two"}
    (pair,) = dry_run(tmp_path, jsonl(row)).pairs
    assert (pair.prompt, pair.turns, pair.expected) == ("Q", [], "ideal")


@pytest.mark.parametrize(("value", "text"), [(7, "7"), (True, "true"), (0.5, "0.5"), ("", ""), (" x\n", " x\n")])
def test_a_response_may_be_a_number_or_empty_and_is_never_trimmed(tmp_path: Path, value: object, text: str) -> None:
    (pair,) = dry_run(tmp_path, jsonl(ROW | {"baseline": value})).pairs
    assert pair.baseline == text


def test_semicolons_tabs_and_line_breaks_in_cells(tmp_path: Path) -> None:
    rows = {
        "a.csv": b'prompt;baseline;candidate\r\n"two\r\nlines";"say ""hi""";x\r\n',
        "a.tsv": b'prompt\tbaseline\tcandidate\n"two\r\nlines"\t"say ""hi"""\tx\n',
    }
    for name, data in rows.items():
        (pair,) = dry_run(tmp_path, (name, data)).pairs
        assert (pair.prompt, pair.baseline, pair.candidate) == ("two\r\nlines", 'say "hi"', "x")


def test_a_json_array_may_hold_escapes_commas_and_brackets_across_blocks(tmp_path: Path) -> None:
    rows = [ROW | {"baseline": '"]},[{' + "ü" * n, "candidate": "\\" * n, "n": n} for n in range(2000)]
    found = dry_run(tmp_path, ("a.json", orjson.dumps(rows, option=orjson.OPT_INDENT_2)))
    assert [pair.baseline for pair in found.pairs] == [row["baseline"] for row in rows]
    assert found.problems == [] or {p.severity for p in found.problems} == {"warning"}


def test_parquet_gives_the_same_pairs_as_json(tmp_path: Path) -> None:
    rows = [ROW | {"id": n, "metadata": {"n": n}, "tags": ["a", "b"], "category": f"c{n % 3}"} for n in range(1500)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    from_json = dry_run(tmp_path, jsonl(*rows))
    from_parquet = dry_run(tmp_path, ("a.parquet", parquet(columns, row_group_size=100)))
    assert from_parquet.pairs == from_json.pairs
    assert from_parquet.checked.cases_hash == from_json.checked.cases_hash


def test_the_hashes_change_with_any_field_and_not_with_the_format(tmp_path: Path) -> None:
    base = dry_run(tmp_path, jsonl(ROW | {"id": "1"})).checked
    same = dry_run(tmp_path, ("a.csv", b"candidate,id,prompt,baseline\ntwo,1,Q?,one\n")).checked
    assert (base.cases_hash, base.baseline_hash) == (same.cases_hash, same.baseline_hash)
    for change in (
        {"id": "2"},
        {"prompt": "Q"},
        {"expected": "x"},
        {"category": "x"},
        {"tags": ["x"]},
        {"system": "x"},
    ):
        assert dry_run(tmp_path, jsonl(ROW | {"id": "1"} | change)).checked.cases_hash != base.cases_hash
    other = dry_run(tmp_path, jsonl(ROW | {"id": "1", "baseline": "else"})).checked
    assert other.cases_hash == base.cases_hash
    assert other.baseline_hash != base.baseline_hash
    assert other.candidate_hash == base.candidate_hash


def test_a_column_that_shows_up_late_is_not_dropped_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.importers.source.ROWS_SAMPLED", 2)
    rows = [ROW, ROW, ROW | {"category": "code", "other": 1}, ROW | {"category": "code"}]
    assert dry_run(tmp_path, jsonl(*rows)).warnings == [(3, "category", "unused_column")]
