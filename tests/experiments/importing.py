"""Take an import through its jobs without a worker, as the command does when none runs."""

import io

import orjson

from evalsite.platform import jobs
from evalsite.platform.models import User
from experiments import tasks
from experiments.models import FileImport, Upload
from experiments.services import imports, uploads
from experiments.services.file_imports.pair_options import PairOptions
from tests.factories.platform_ import NOW

HANDLERS = (tasks.check_import, tasks.commit_import)
OPTIONS = PairOptions(baseline_name="base-1", candidate_name="cand-1", experiment="First try")


def jsonl(n: int = 3, **extra: object) -> bytes:
    """n sound pairs."""
    rows = ({"id": i, "prompt": f"Q{i}?", "baseline": f"b{i}", "candidate": f"c{i}"} | extra for i in range(1, n + 1))
    return b"\n".join(orjson.dumps(row) for row in rows)


def upload(data: bytes, filename: str = "pairs.jsonl", *, by: User | None = None) -> Upload:
    return uploads.store(file=io.BytesIO(data), filename=filename, created_by=by, now=NOW)


def begin(
    data: bytes, second: bytes | None = None, *, options: PairOptions = OPTIONS, by: User | None = None
) -> FileImport:
    second_upload = upload(second, "second.jsonl", by=by) if second is not None else None
    return imports.begin(
        upload=upload(data, by=by), second_upload=second_upload, options=options, created_by=by, now=NOW
    )


def checked(data: bytes, second: bytes | None = None, *, options: PairOptions = OPTIONS) -> FileImport:
    return run(begin(data, second, options=options))


def imported(data: bytes, second: bytes | None = None, *, options: PairOptions = OPTIONS) -> FileImport:
    found = checked(data, second, options=options)
    return run(imports.start_commit(file_import=found, options=options, actor=None, now=NOW))


def run(file_import: FileImport) -> FileImport:
    """Deliver the import's job and return the import as it stands then."""
    assert file_import.job_id
    jobs.run(file_import.job_id)
    return FileImport.objects.select_related("job", "experiment", "upload").get(pk=file_import.pk)
