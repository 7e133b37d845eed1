"""A file of outputs through its import and the scoring that follows, without a worker."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, EvalSet, FileImport
from experiments.services import imports
from experiments.services.file_imports.output_options import OutputOptions
from experiments.services.scoring.running import SCORE_RUN
from tests.experiments.importing import run as deliver_import
from tests.experiments.importing import upload
from tests.factories.platform_ import NOW


def jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return b"\n".join(orjson.dumps(dict(row)) for row in rows)


def checked(data: bytes, eval_set: EvalSet, filename: str = "outputs.jsonl", **options: Any) -> FileImport:
    chosen = OutputOptions(eval_set=eval_set.pk, **{"model": "solver", **options})
    begun = imports.begin(
        upload=upload(data, filename), second_upload=None, options=chosen, created_by=None, now=NOW, kind="outputs"
    )
    return deliver_import(begun)


def imported(data: bytes, eval_set: EvalSet, filename: str = "outputs.jsonl", **options: Any) -> FileImport:
    found = checked(data, eval_set, filename, **options)
    chosen = OutputOptions(eval_set=eval_set.pk, **{"model": "solver", **options})
    started = imports.start_commit(file_import=found, options=chosen, actor=None, now=NOW)
    if started.pk != found.pk:
        return started
    found = deliver_import(started)
    for job in Job.objects.live().filter(kind=SCORE_RUN):
        jobs.run(job.pk)
    return found


def run_of(found: FileImport) -> BenchmarkRun:
    return BenchmarkRun.objects.get(pk=found.pk)


def problems(found: FileImport) -> list[tuple[int | None, str, str, str]]:
    return list(found.problems.order_by("id").values_list("row", "column", "kind", "severity"))
