"""Whatever a program can write, is read back as it was, or refused with its row; never changed."""

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tests.importers.reading import dry_run, parquet

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
SOME = TEXT.filter(lambda text: bool(text.strip()))
PAIRS = st.lists(st.tuples(SOME, TEXT, TEXT), min_size=1, max_size=8)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def texts(name: str, data: bytes) -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        found = dry_run(Path(folder), (name, data))
    assert found.errors == []
    return [(pair.prompt, pair.baseline, pair.candidate) for pair in found.pairs]


@given(PAIRS)
def test_csv_and_tsv(pairs: list[tuple[str, str, str]]) -> None:
    for name, dialect in (("a.csv", "excel"), ("a.tsv", "excel-tab")):
        written = io.StringIO(newline="")
        writer = csv.writer(written, dialect=dialect, quoting=csv.QUOTE_ALL)
        writer.writerows([("prompt", "baseline", "candidate"), *pairs])
        assert texts(name, written.getvalue().encode()) == pairs


@given(PAIRS)
def test_json_lines_and_arrays(pairs: list[tuple[str, str, str]]) -> None:
    rows = [dict(zip(("prompt", "baseline", "candidate"), pair, strict=True)) for pair in pairs]
    assert texts("a.jsonl", b"\n".join(orjson.dumps(row) for row in rows)) == pairs
    assert texts("a.json", orjson.dumps(rows)) == pairs


@given(st.lists(st.fixed_dictionaries({"prompt": ANY_JSON, "baseline": ANY_JSON, "candidate": ANY_JSON}), max_size=4))
def test_no_json_value_makes_the_reader_fail_or_disappear(rows: list[dict[str, Any]]) -> None:
    data = json.dumps(rows).encode()
    lines = b"\n".join(json.dumps(row).encode() for row in rows)
    for name, content in (("a.json", data), ("a.jsonl", lines)):
        with tempfile.TemporaryDirectory() as folder:
            found = dry_run(Path(folder), (name, content))
        told = {row for row, _, _ in found.errors}
        for pair in found.pairs:
            told.add(pair.row)
        assert told >= set(range(1, len(rows) + 1)) or not rows


@given(st.binary(max_size=400))
def test_no_bytes_make_a_reader_fail(data: bytes) -> None:
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.json"):
        content = data if name.endswith(("csv", "tsv")) else b'[{"prompt": "P", "baseline": "a", "candidate": "' + data
        header = b"prompt,baseline,candidate\n".replace(b",", b"\t" if name == "a.tsv" else b",")
        with tempfile.TemporaryDirectory() as folder:
            found = dry_run(Path(folder), (name, header + content if name.endswith(("csv", "tsv")) else content))
        assert all(problem.reason for problem in found.problems)


def test_parquet() -> None:
    pairs = [("P ü", "", "😀"), ("=1+1", "line\nbreak", "'")]
    columns = dict(zip(("prompt", "baseline", "candidate"), map(list, zip(*pairs, strict=True)), strict=True))
    assert texts("a.parquet", parquet(columns)) == pairs
