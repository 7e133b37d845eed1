"""Import of paired outputs beside raw COPY: the same rows, encoded beforehand, into the same tables and indexes."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import orjson
from django.db import connection, connections

from benchmarks.stack import running
from benchmarks.table import Row
from experiments.importers import check, mapping
from experiments.importers.pair_reading import read_pairs
from experiments.importers.pair_rows import HEAD, TAIL, case_row, output_row
from experiments.importers.source import open_source
from experiments.services import import_rows

FULL = os.environ.get("EVALSITE_BENCH_FULL") == "1"
SIZES = [10_000, 100_000, *([1_000_000] if FULL else [])]
LEAST_RATIO = 0.5
MOST_MEGABYTES = 300
# About 1.1 kB a pair, no two texts alike.
LENGTHS = {"prompt": 200, "baseline": 400, "candidate": 450}


def rows() -> Iterable[Row]:
    with running(web=False, workers=0) as stack:
        try:
            for size in SIZES:
                yield from compared(size, stack.folder)
        finally:
            connections.close_all()


def write_pairs(path: Path, size: int) -> Path:
    """No two files are the same, or the second would rightly not be imported."""
    rng = random.Random(path.name)
    words = " ".join(f"word{rng.randrange(9999)}" for _ in range(20_000))
    with path.open("wb") as file:
        for number in range(size):
            pair = {name: words[(at := rng.randrange(len(words) - 500)) : at + n] for name, n in LENGTHS.items()}
            file.write(orjson.dumps({"id": f"case {number}", "category": f"c{number % 7}", **pair}) + b"\n")
    return path


@dataclass(frozen=True)
class Import:
    upload: float
    check: float
    commit: float
    removal: float
    megabytes_at_first: float
    megabytes: float


def import_once(path: Path) -> Import:
    command = [sys.executable, "-m", "benchmarks.bench._import_once", str(path), path.stem]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Import(*map(float, done.stdout.split()))


def raw_copy(folder: Path, path: Path) -> float:
    """Seconds that PostgreSQL needs for the rows alone, one COPY for the cases and one for the outputs."""
    cases, outputs = folder / "cases.bin", folder / "outputs.bin"
    encode(path, cases, outputs)
    with connection.cursor() as cursor:
        for table in ("evalcase", "output"):
            cursor.execute(f"DROP TABLE IF EXISTS raw_{table}")
            cursor.execute(f"CREATE TABLE raw_{table} (LIKE experiments_{table} INCLUDING ALL)")
    seconds = time.perf_counter()
    send(import_rows.COPY_CASES.replace("experiments_", "raw_"), cases)
    send(import_rows.COPY_OUTPUTS.replace("experiments_", "raw_"), outputs)
    seconds = time.perf_counter() - seconds
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE raw_evalcase, raw_output")
    cases.unlink()
    outputs.unlink()
    return seconds


def encode(path: Path, cases: Path, outputs: Path) -> None:
    source = open_source(path, filename=path.name)
    columns = check.read_columns([source], print)
    pairs = read_pairs([source], mapping=mapping.suggest(columns), report=print)
    with cases.open("wb") as case_file, outputs.open("wb") as output_file:
        for file in (case_file, output_file):
            file.write(HEAD)
        for number, pair in enumerate(pairs, start=1):
            case_file.write(case_row(number, 1, number, pair))
            output_file.write(output_row(1, number, pair.baseline))
            output_file.write(output_row(2, number, pair.candidate))
        for file in (case_file, output_file):
            file.write(TAIL)


def send(statement: str, path: Path) -> None:
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(statement) as copy:
        while block := file.read(1 << 18):
            copy.write(block)


def compared(size: int, folder: Path) -> Iterator[Row]:
    """Small imports are over too soon to be timed once: of three, the middle one counts."""
    imports, raws, file_bytes = [], [], 0
    for number in range(3 if size < SIZES[1] else 1):
        path = write_pairs(folder / f"{size}-{number}.jsonl", size)
        file_bytes = path.stat().st_size
        raws.append(raw_copy(folder, path))
        imports.append(import_once(path))
        path.unlink()
    ours = sorted(imports, key=lambda each: each.commit)[len(imports) // 2]
    yield from figures(size, ours, median(raws), file_bytes)


def figures(size: int, ours: Import, raw: float, file_bytes: int) -> Iterator[Row]:
    rate, yardstick = size / ours.commit, size / raw
    yield Row(
        f"commit of {size:,} pairs",
        f"{rate:,.0f} pairs/s",
        f"{yardstick:,.0f} pairs/s",
        f"{rate / yardstick:.0%}",
        f">= {LEAST_RATIO:.0%}",
        rate / yardstick >= LEAST_RATIO,
        f"{file_bytes / 2**20:,.0f} MB; three rows per pair",
    )
    whole = ours.upload + ours.check + ours.commit
    note = f"upload {ours.upload:.1f} s, dry run {ours.check:.1f} s, commit {ours.commit:.1f} s"
    note += f"; the file's bytes removed afterwards, a few at a time, in {ours.removal:.1f} s"
    rate = size / whole
    yield Row(
        f"all three steps, {size:,} pairs",
        f"{rate:,.0f} pairs/s",
        f"{yardstick:,.0f} pairs/s",
        f"{rate / yardstick:.0%}",
        note=note,
    )
    yield Row(
        f"peak memory, {size:,} pairs",
        f"{ours.megabytes:,.0f} MB",
        bound=f"<= {MOST_MEGABYTES} MB",
        ok=ours.megabytes <= MOST_MEGABYTES,
        note=f"{ours.megabytes_at_first:,.0f} MB of it before the first byte was read",
    )
