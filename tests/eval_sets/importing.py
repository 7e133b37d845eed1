"""Take an eval set through its jobs without a worker."""

import io
from typing import Any

from evalsite.platform.models import User
from experiments.models import EvalSet, FileImport
from experiments.services import imports, uploads
from experiments.services.file_imports import eval_sets
from experiments.services.file_imports.eval_sets import EvalSetOptions
from tests.experiments.importing import run
from tests.factories.platform_ import NOW

EXACT = {"scorer": "exact_match", "params": {}, "key": "exact_match", "primary": True}


def cases(n: int = 3, **extra: Any) -> list[dict[str, Any]]:
    return [{"id": f"c{i}", "prompt": f"Question {i}?", "expected": f"answer {i}", **extra} for i in range(1, n + 1)]


def begin(
    data: bytes, training: bytes | None = None, *, options: EvalSetOptions | None = None, by: User | None = None
) -> FileImport:
    stored = [
        uploads.store(file=io.BytesIO(content), filename=name, created_by=by, now=NOW)
        for name, content in (("cases.jsonl", data), ("training.jsonl", training))
        if content is not None
    ]
    return imports.begin(
        upload=stored[0],
        second_upload=stored[1] if training is not None else None,
        options=options or EvalSetOptions(),
        created_by=by,
        now=NOW,
        kind=FileImport.Kind.EVAL_SET,
    )


def checked(data: bytes, training: bytes | None = None, *, options: EvalSetOptions | None = None) -> FileImport:
    return run(begin(data, training, options=options))


def imported(data: bytes, training: bytes | None = None, *, options: EvalSetOptions | None = None) -> EvalSet:
    found = checked(data, training, options=options)
    chosen = eval_sets.prefill(found, options or EvalSetOptions())
    started = imports.start_commit(file_import=found, options=chosen, actor=None, now=NOW)
    done = run(started) if started.pk == found.pk else started
    assert done.status == FileImport.Status.DONE, done.error
    assert done.eval_set is not None
    return done.eval_set
