"""How far the reading is, in bytes of all files together: what the progress bar and the time left are made of."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from experiments.importers import check, mapping
from experiments.importers.pair_reading import read_pairs
from experiments.importers.source import open_source
from tests.importers.reading import parquet

ROWS = 5000


def told(*paths: Path) -> tuple[list[int], int]:
    sources = [open_source(path, filename=path.name, number=n) for n, path in enumerate(paths, start=1)]
    heard: list[int] = []
    columns = check.read_columns(sources, print)
    pairs = read_pairs(sources, mapping=mapping.suggest(columns), report=print, tell=heard.append)
    assert sum(1 for _ in pairs) == ROWS
    return heard, sum(path.stat().st_size for path in paths)


def lines(path: Path, *, with_id: bool) -> Path:
    start = '"id": %d, ' if with_id else '"nr": %d, '
    row = "{" + start + '"prompt": "Q", "baseline": "a", "candidate": "b", "output": "c"}\n'
    path.write_text("".join(row % n for n in range(ROWS)))
    return path


@pytest.mark.parametrize("with_id", [True, False])
def test_it_grows_to_the_end_for_one_file_and_for_two(tmp_path: Path, with_id: bool) -> None:
    one, two = (lines(tmp_path / name, with_id=with_id) for name in ("one.jsonl", "two.jsonl"))
    for paths in ([one], [one, two]):
        heard, size = told(*paths)
        assert heard == sorted(heard)
        assert len(heard) > 3
        assert heard[-1] == size


def test_it_grows_to_the_end_for_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(
        parquet({name: [f"{name} {n}" for n in range(ROWS)] for name in ("prompt", "baseline", "candidate")})
    )
    assert pq.ParquetFile(path).metadata.num_rows == ROWS
    heard, size = told(path)
    assert heard == sorted(heard)
    assert heard[-1] == size
