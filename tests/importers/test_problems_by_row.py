"""Every kind of problem, in each format it can stand in, is named with its row and column."""

from pathlib import Path

import pyarrow as pa
import pytest

from experiments.importers.limits import Limits
from tests.importers.reading import dry_run, parquet

HEADER = b"id,prompt,baseline,candidate\n"
GOOD = b"1,Q?,one,two\n"
GOOD_LINE = b'{"id": 1, "prompt": "Q?", "baseline": "one", "candidate": "two"}\n'
SMALL = Limits(row_bytes=2000, text=100, label=20, depth=5)


def line(**fields: str) -> bytes:
    """A JSON row; values are JSON as written."""
    row = {"id": "2", "prompt": '"Q?"', "baseline": '"one"', "candidate": '"two"'} | fields
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in row.items()) + "}\n").encode()


CSV_PROBLEMS = {
    "bad encoding": (GOOD + b"2,Q?,caf\xe9,two\n", (3, "baseline", "bad_encoding")),
    "ragged": (GOOD + b"2,Q?,one\n", (3, "", "ragged")),
    "too many fields": (GOOD + b"2,Q?,one,two,three\n", (3, "", "ragged")),
    "open quote": (GOOD + b'2,Q?,"one,two\n', (3, "", "bad_quotes")),
    "quote in the middle": (GOOD + b'2,Q?,"one"x,two\n3,Q?,a,b\n', (3, "", "bad_quotes")),
    "bare carriage return": (GOOD + b"2,Q?\rQ,one,two\n", (3, "", "bad_quotes")),
    "NUL": (GOOD + b"2,Q?,o\0ne,two\n", (3, "baseline", "nul")),
    "blank prompt": (GOOD + b"2, ,one,two\n", (3, "prompt", "blank")),
    "blank id": (GOOD + b" ,Q?,one,two\n", (3, "id", "blank")),
    "duplicate id": (GOOD + b"2,Q?,a,b\n1,Q?,a,b\n", (4, "id", "duplicate_id")),
    "too long": (GOOD + b"2,Q?," + b"x" * 101 + b",two\n", (3, "baseline", "too_long")),
    "id too long": (GOOD + b"i" * 21 + b",Q?,one,two\n", (3, "id", "too_long")),
    "blank line before": (GOOD + b"\n2,,one,two\n", (4, "prompt", "blank")),
}


@pytest.mark.parametrize("case", CSV_PROBLEMS)
def test_a_csv_row_with_a_problem_is_named(tmp_path: Path, case: str) -> None:
    body, expected = CSV_PROBLEMS[case]
    assert dry_run(tmp_path, ("pairs.csv", HEADER + body), limits=SMALL).errors == [expected]


JSON_PROBLEMS = {
    "bad encoding": (line(baseline='"caf\\u00e9"').replace(b"\\u00e9", b"\xe9"), (2, "baseline", "bad_encoding")),
    "broken": (b'{"id": 2, "prompt": }\n', (2, "", "bad_json")),
    "no object": (b"[1, 2]\n", (2, "", "wrong_type")),
    "NaN": (line(baseline="NaN"), (2, "baseline", "nan")),
    "Infinity": (line(baseline="-Infinity"), (2, "baseline", "nan")),
    "overflow": (line(baseline="1e999"), (2, "baseline", "nan")),
    "NUL": (line(candidate='"t\\u0000wo"'), (2, "candidate", "nul")),
    "lone surrogate": (line(baseline='"\\ud83d"'), (2, "baseline", "lone_surrogate")),
    "big number as id": (line(id="12345678901234567890123"), (2, "id", "big_number")),
    "big number as text": (line(prompt="12345678901234567890123"), (2, "prompt", "big_number")),
    "too many digits": (line(id="1" * 1500), (2, "id", "big_number")),
    "fraction as id": (line(id="1.5"), (2, "id", "wrong_type")),
    "true as id": (line(id="true"), (2, "id", "wrong_type")),
    "missing counterpart": (b'{"id": 2, "prompt": "Q?", "baseline": "one"}\n', (2, "candidate", "missing_counterpart")),
    "null counterpart": (line(candidate="null"), (2, "candidate", "missing_counterpart")),
    "missing prompt": (line(prompt="null"), (2, "prompt", "missing")),
    "blank prompt": (line(prompt='"  "'), (2, "prompt", "blank")),
    "object as response": (line(baseline='{"a": 1}'), (2, "baseline", "wrong_type")),
    "too deep": (line(metadata='{"a": ' + "[" * 9 + "]" * 9 + "}"), (2, "metadata", "too_deep")),
    "far too deep": (line(metadata="[" * 700 + "]" * 700), (2, "", "too_deep")),
    "NaN in metadata": (line(metadata='{"a": [NaN]}'), (2, "metadata", "nan")),
    "NUL in metadata": (line(metadata='{"a": "\\u0000"}'), (2, "metadata", "nul")),
    "big number in metadata": (line(metadata='{"a": 12345678901234567890123}'), (2, "metadata", "big_number")),
    "row too long": (line(baseline='"' + "x" * 3000 + '"'), (2, "", "too_long")),
    "duplicate id": (GOOD_LINE, (2, "id", "duplicate_id")),
    "assistant missing": (line(baseline='[{"role": "user", "content": "Q"}]'), (2, "baseline", "missing_counterpart")),
    "no user message": (line(prompt='[{"role": "system", "content": "S"}]'), (2, "prompt", "missing")),
    "unknown role": (line(prompt='[{"role": "robot", "content": "S"}]'), (2, "prompt", "wrong_type")),
    "list as role": (line(prompt='[{"role": ["user"], "content": "Q"}]'), (2, "prompt", "wrong_type")),
    "object as role": (line(prompt='[{"role": {"a": 1}, "content": "Q"}]'), (2, "prompt", "wrong_type")),
}
# Python reads at most 1,000 levels; deeper than that a file is refused even earlier.
DEEP = {"far too deep"}


@pytest.mark.parametrize("case", JSON_PROBLEMS)
def test_a_json_line_with_a_problem_is_named(tmp_path: Path, case: str) -> None:
    body, expected = JSON_PROBLEMS[case]
    # The first row shows the optional column, as it would in a file of any size.
    first = GOOD_LINE.replace(b"}", b', "metadata": {}}')
    body = body.replace(b"\n", b"") + b"\n"
    found = dry_run(tmp_path, ("pairs.jsonl", first + body + b"\n"), limits=SMALL)
    assert [(row, column, kind) for row, column, kind in found.errors] == [expected] or (
        case in DEEP and found.errors[0][2] == "too_deep"
    )


@pytest.mark.parametrize("case", JSON_PROBLEMS)
def test_an_element_of_a_json_array_with_a_problem_is_named(tmp_path: Path, case: str) -> None:
    body, expected = JSON_PROBLEMS[case]
    first = GOOD_LINE.replace(b"}", b', "metadata": {}}')
    found = dry_run(tmp_path, ("pairs.json", b"[" + first + b", " + body + b"]"), limits=SMALL)
    assert [(row, kind) for row, _, kind in found.errors] == [(expected[0], expected[2])]


def test_blank_lines_before_the_header_are_stepped_over_and_counted(tmp_path: Path) -> None:
    found = dry_run(tmp_path, ("a.csv", b"\xef\xbb\xbf\n\r\n" + HEADER + GOOD + b"2,,one,two\n"))
    assert found.errors == [(5, "prompt", "blank")]
    assert [(pair.row, pair.id) for pair in found.pairs] == [(4, "1")]


def test_a_bad_byte_is_named_by_its_position_in_the_file(tmp_path: Path) -> None:
    for name, data in {
        "pairs.csv": HEADER + GOOD + b"2,Q?,caf\xe9,two\n",
        "pairs.jsonl": GOOD_LINE + b'{"id": 2, "prompt": "Q?", "baseline": "caf\xe9", "candidate": "two"}\n',
        "pairs.json": b"[" + GOOD_LINE + b', {"id": 2, "prompt": "\xc3\xa9", "baseline": "caf\xe9", "candidate": "2"}]',
    }.items():
        (problem,) = dry_run(tmp_path, (name, data)).problems
        assert f"byte {data.index(b'caf') + 3} (0xe9)" in problem.reason


def test_a_byte_order_mark_is_stepped_over_and_utf16_is_refused(tmp_path: Path) -> None:
    text = (HEADER + GOOD).decode()
    assert dry_run(tmp_path, ("a.csv", text.encode("utf-8-sig"))).pairs[0].id == "1"
    assert dry_run(tmp_path, ("a.csv", text.encode("utf-16"))).errors == [(0, "", "bad_encoding")]


FILES = {
    "nothing": ("a.csv", b"", "empty_file"),
    "only space": ("a.jsonl", b" \n\n", "empty_file"),
    "only a header": ("a.csv", HEADER, "empty_file"),
    "empty array": ("a.json", b"[]", "empty_file"),
    "duplicate header": ("a.csv", b"id,prompt,prompt,baseline,candidate\n1,a,b,c,d\n", "duplicate_header"),
    "empty header": ("a.csv", b"id,,prompt,baseline,candidate\n1,a,b,c,d\n", "empty_header"),
    "Excel": ("a.csv", b"PK\x03\x04rest", "bad_file"),
    "gzip": ("a.jsonl", b"\x1f\x8b\x08rest", "bad_file"),
    "no Parquet": ("a.parquet", b"hello", "bad_file"),
    "broken Parquet": ("a.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "bad_file"),
    "array not closed": ("a.json", b"[" + GOOD_LINE, "bad_json"),
    "array with two commas": ("a.json", b"[" + GOOD_LINE + b",," + GOOD_LINE + b"]", "bad_json"),
    "something after the array": ("a.json", b"[" + GOOD_LINE + b"] x", "bad_json"),
    "element not closed": ("a.json", b"[" + GOOD_LINE + b', {"id": "x', "bad_json"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, case: str) -> None:
    name, data, kind = FILES[case]
    assert [found for _, _, found in dry_run(tmp_path, (name, data)).errors] == [kind]


def test_every_problem_of_a_row_is_reported_not_only_the_first(tmp_path: Path) -> None:
    body = b" , ,o\0ne,two\n"
    found = dry_run(tmp_path, ("pairs.csv", HEADER + body))
    assert found.errors == [(2, "prompt", "blank"), (2, "baseline", "nul"), (2, "id", "blank")]


def test_parquet_names_row_and_column_of_nulls_nans_and_bad_bytes(tmp_path: Path) -> None:
    bad = pa.array([b"good", b"caf\xe9", b"good", b"good"]).cast(pa.binary()).view(pa.utf8())
    data = parquet(
        {
            "id": [1, 2, 3, 4],
            "prompt": ["Q?"] * 4,
            "baseline": bad,
            "candidate": ["a", "b", None, "d"],
            "cluster": [0.5, 1.5, 2.5, float("nan")],
        }
    )
    found = dry_run(tmp_path, ("pairs.parquet", data))
    assert found.errors == [
        (2, "baseline", "bad_encoding"),
        (3, "candidate", "missing_counterpart"),
        (4, "cluster", "nan"),
    ]
