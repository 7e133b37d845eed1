"""The import itself as a job: everything in one transaction, or nothing."""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model

from evalsite.platform import audit
from evalsite.platform.jobs import JobFailed, JobRun
from experiments.importers.packing import Packer
from experiments.importers.source import Source
from experiments.models import FileImport
from experiments.services import imports
from experiments.services.file_imports.registry import shape_of
from experiments.services.file_imports.shapes import ImportRefused, Writing
from experiments.services.import_checking import opened
from experiments.services.imports import locked

ONE_COMMIT_AT_A_TIME = 0x45564902


def run_commit(run: JobRun, *, import_id: UUID, now: datetime) -> dict[str, object] | None:
    file_import = FileImport.objects.select_related("upload", "second_upload").get(pk=import_id)
    if not takes_up(file_import, run):
        return None
    try:
        # Started first, so that it is ready when the file has been fetched.
        with packer_for(file_import) as packer, opened(file_import, run) as sources:
            readable = [each for each in sources if isinstance(each, Source)]
            result = commit(run, file_import, readable, packer, now=now)
    except JobFailed as failure:
        FileImport.objects.filter(pk=import_id, status=FileImport.Status.COMMITTING).update(
            status=FileImport.Status.FAILED, error=str(failure)
        )
        raise
    return result


def packer_for(file_import: FileImport) -> AbstractContextManager[Packer | None]:
    packs_from = shape_of(file_import).packs_from
    return nullcontext() if packs_from is None or file_import.n_rows < packs_from else Packer()


def takes_up(file_import: FileImport, run: JobRun) -> bool:
    """One that failed is taken up again by its own job, which somebody has asked to try again."""
    if file_import.status == FileImport.Status.FAILED and file_import.job_id == run.job_id:
        failed = FileImport.objects.filter(pk=file_import.pk, status=FileImport.Status.FAILED, job=run.job_id)
        return bool(failed.update(status=FileImport.Status.COMMITTING, error=""))
    return file_import.status == FileImport.Status.COMMITTING


@transaction.atomic
def commit(
    run: JobRun, file_import: FileImport, sources: list[Source], packer: Packer | None, *, now: datetime
) -> dict[str, object]:
    take_turn(run)
    if earlier := imports.done_before(file_import):
        imports.give_up_for(file_import, earlier)
        return {"import": str(earlier.pk), "already": True}
    shape = shape_of(file_import)
    options = shape.options_of(file_import)
    try:
        shape.refuse(file_import, options)
    except ImportRefused as refusal:
        raise JobFailed(str(refusal)) from None
    made = shape.commit(Writing(run, file_import, sources, options, now, packer))
    run.guard()
    finish(file_import, made, now)
    return {name: model.pk for name, model in made.items()} | {"rows": file_import.n_rows}


def take_turn(run: JobRun) -> None:
    """Version numbers and reused sets stay right without retries when imports come one after the other."""
    run.progress(0, None, "waiting for another import to end")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_COMMIT_AT_A_TIME])


def finish(file_import: FileImport, made: dict[str, Model], now: datetime) -> None:
    found = locked(file_import)
    if found.status != FileImport.Status.COMMITTING:
        raise JobFailed("The import was discarded while it ran.")
    found.status, found.committed_at = FileImport.Status.DONE, now
    for name, model in made.items():
        setattr(found, name, model)
    found.save()
    audit.record(
        actor=found.created_by,
        action="import.committed",
        subject=", ".join(map(str, made.values())),
        details={
            "kind": found.kind,
            "rows": found.n_rows,
            "file": found.upload.filename,
            "sha256": found.upload.sha256,
        },
        now=now,
    )
