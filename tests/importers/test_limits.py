"""Crafted and huge files cost the reader neither its memory nor its life."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from experiments.importers import parquet as reader
from experiments.importers.limits import DEFAULT, Limits
from experiments.importers.problems import Unreadable
from tests.importers.reading import dry_run, parquet

PEAK = """
import resource, sys
from pathlib import Path
from experiments.importers import check, mapping
from experiments.importers.source import open_source
sources = [open_source(Path(name), filename=name, number=n) for n, name in enumerate(sys.argv[1:], start=1)]
columns = check.read_columns(sources, print)
found = check.check(sources, columns=columns, mapping=mapping.suggest(columns), names=(), report=lambda _: None)
print(found.n_pairs, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(*paths: Path) -> tuple[int, int]:
    """(pairs, megabytes) of a process that checks the files."""
    done = subprocess.run([sys.executable, "-c", PEAK, *map(str, paths)], capture_output=True, text=True, check=True)
    pairs, megabytes = map(int, done.stdout.split())
    return pairs, megabytes


def write(path: Path, rows: int, *, start: int = 0) -> None:
    with path.open("wb") as file:
        for n in range(start, start + rows):
            row = {"id": f"case {n}", "prompt": f"Question {n}?", "output": "word " * 100}
            file.write(orjson.dumps(row | {"baseline": "one " * 100, "candidate": "two " * 100}) + b"\n")


@pytest.mark.slow
def test_memory_stays_flat_with_the_number_of_rows(tmp_path: Path) -> None:
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    write(small, 1_000)
    write(large, 50_000)
    assert large.stat().st_size > 60_000_000
    few, at_first = peak(small)
    many, in_the_end = peak(large)
    assert (few, many) == (1_000, 50_000)
    assert in_the_end - at_first < 15


@pytest.mark.slow
def test_memory_stays_flat_when_two_files_are_joined(tmp_path: Path) -> None:
    one, two, small = (tmp_path / f"{name}.jsonl" for name in ("one", "two", "small"))
    write(one, 40_000)
    write(two, 40_000)
    write(small, 1_000)
    _, at_first = peak(small, small)
    many, in_the_end = peak(one, two)
    assert many == 40_000
    assert in_the_end - at_first < 15


def test_a_quote_left_open_does_not_swallow_the_rest_of_the_file(tmp_path: Path) -> None:
    data = b'prompt,baseline,candidate\nP,"open,b\n' + b"P,a,b\n" * 50_000
    found = dry_run(tmp_path, ("a.csv", data), limits=Limits(row_bytes=60_000))
    assert found.errors[0] == (2, "", "too_long")
    assert len(found.pairs) > 39_000


def test_a_parquet_file_that_needs_too_much_memory_kills_only_the_child(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    path.write_bytes(parquet({"prompt": ["x" * 60_000_000]}))
    assert path.stat().st_size < 5_000_000
    with pytest.raises(Unreadable, match="more memory"):
        list(reader.records(path, limits=DEFAULT, report=print, memory=350 * 2**20))


def test_a_parquet_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "long.parquet"
    path.write_bytes(parquet({"prompt": ["x" * 50] * 1_500_000}))
    with pytest.raises(Unreadable, match="too long to read"):
        list(reader.records(path, limits=DEFAULT, report=print, seconds=1))
