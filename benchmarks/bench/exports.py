"""Exports of many judgments, streamed, beside a raw COPY of the same query."""

import os
import resource
from collections.abc import Iterable
from time import perf_counter

from django.db import connection

from benchmarks.judged import Judged, make_judged
from benchmarks.stack import running
from benchmarks.table import Row
from experiments.reports.exports import TABLES, as_csv, as_json_lines, table
from experiments.reports.exports.tables import model_names

JUDGMENTS = 1_000_000 if os.environ.get("EVALSITE_BENCH_FULL") == "1" else 100_000
FORMATS = {"csv": as_csv, "jsonl": as_json_lines}


def rows() -> Iterable[Row]:
    with running(workers=0):
        judged = make_judged(judgments=JUDGMENTS)
        for name in TABLES:
            raw = raw_copy(name, judged)
            for ending in FORMATS:
                yield export(name, ending, judged, raw)


def export(name: str, ending: str, judged: Judged, raw: float) -> Row:
    before = peak_mb()
    started = perf_counter()
    body = FORMATS[ending](
        TABLES[name].columns, table(name, experiment=judged.experiment, campaigns=[judged.campaign.pk])
    )
    size = lines = 0
    for block in body:
        size += len(block)
        lines += block.count(b"\n")
    took = perf_counter() - started
    return Row(
        f"export {name} of {judged.judgments:,} judgments as {ending}",
        f"{took:.2f} s",
        f"{raw:.2f} s raw COPY",
        f"{took / raw:.1f} x",
        note=f"{lines / took:,.0f} lines a second, {size / 1e6:.0f} MB, {peak_mb() - before:.0f} MB more memory",
    )


def raw_copy(name: str, judged: Judged) -> float:
    baseline, candidate = model_names(judged.experiment)
    values = {"campaigns": [judged.campaign.pk], "baseline": baseline, "candidate": candidate}
    started = perf_counter()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({TABLES[name].query}) TO STDOUT (FORMAT CSV)", values) as copy,
    ):
        for _ in copy:
            pass
    return perf_counter() - started


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
