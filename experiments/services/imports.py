"""An import of a file from step to step: begun, checked, chosen, committed or discarded."""

import hashlib
from datetime import datetime
from uuid import UUID, uuid4

import orjson
from django.db import transaction

from evalsite.platform import audit, jobs
from evalsite.platform.models import Job, User
from experiments.models import FileImport, Upload
from experiments.services.file_imports.registry import shape_of
from experiments.services.file_imports.shapes import ImportRefused as ImportRefused
from experiments.services.file_imports.shapes import Options, stored

CHECK, COMMIT = "experiments.check_import", "experiments.commit_import"
Status, Kind = FileImport.Status, FileImport.Kind


def locked(file_import: FileImport) -> FileImport:
    return (
        FileImport.objects.select_for_update(of=("self",))
        .select_related("upload", "second_upload", "job")
        .get(pk=file_import.pk)
    )


@transaction.atomic
def begin(
    *,
    upload: Upload,
    second_upload: Upload | None,
    options: Options,
    created_by: User | None,
    now: datetime,
    import_id: UUID | None = None,
    kind: str = Kind.PAIRS,
    at_once: bool = False,
) -> FileImport:
    """Make the import and start its dry run."""
    file_import = FileImport.objects.create(
        id=import_id or uuid4(),
        kind=kind,
        upload=upload,
        second_upload=second_upload,
        options=stored(options),
        at_once=at_once,
        created_by=created_by,
        created_at=now,
    )
    return start_check(file_import=file_import, options=options, actor=created_by, now=now)


@transaction.atomic
def start_check(*, file_import: FileImport, options: Options, actor: User | None, now: datetime) -> FileImport:
    """Read the file anew under these options. Raises ImportRefused."""
    found = locked(file_import)
    refuse_if_busy_or_over(found)
    found.options = stored(options)
    found.status, found.error = Status.CHECKING, ""
    found.job = enqueue(CHECK, found, actor, now)
    found.save()
    return found


def refuse_if_busy_or_over(found: FileImport) -> None:
    if found.status in (Status.DONE, Status.DISCARDED):
        raise ImportRefused(f"This import is {found.get_status_display()} already.")
    if found.status in (Status.CHECKING, Status.COMMITTING) and found.job and found.job.is_live:
        raise ImportRefused(f"This import is {found.get_status_display()} right now: wait until that has ended.")


def enqueue(kind: str, found: FileImport, actor: User | None, now: datetime) -> Job:
    """Without a key: the last job may still be writing down its end, and must not be taken for the new one."""
    return jobs.enqueue(kind=kind, args={"import_id": str(found.pk)}, created_by=actor, now=now)


@transaction.atomic
def start_commit(*, file_import: FileImport, options: Options, actor: User | None, now: datetime) -> FileImport:
    """Start writing what the dry run found to be whole. Raises ImportRefused.

    Where the same bytes were imported under the same options, that import is returned and nothing is started.
    """
    found = locked(file_import)
    refuse_if_busy_or_over(found)
    refuse_unless_ready(found, options)
    found.options = stored(options)
    found.fingerprint = fingerprint(found, options)
    if earlier := done_before(found):
        return earlier
    shape_of(found).refuse(found, options)
    found.status, found.error = Status.COMMITTING, ""
    found.job = enqueue(COMMIT, found, actor, now)
    found.save()
    return found


@transaction.atomic
def go_on(*, import_id: UUID, now: datetime) -> None:
    """After the dry run of an import that was asked for at once: import what is whole, else say why not."""
    found = locked(FileImport(pk=import_id))
    if not found.at_once or found.status != Status.CHECKED:
        return
    shape = shape_of(found)
    try:
        started = start_commit(file_import=found, options=shape.prefilled(found), actor=found.created_by, now=now)
    except ImportRefused as refusal:
        FileImport.objects.filter(pk=found.pk).update(error=str(refusal))
        return
    if started.pk != found.pk:
        give_up_for(found, started)


def give_up_for(found: FileImport, earlier: FileImport) -> None:
    """The fingerprint leads back to the earlier import."""
    reason = f"The same bytes were imported before, as import {earlier.pk}."
    FileImport.objects.filter(pk=found.pk).update(
        status=Status.DISCARDED, fingerprint=earlier.fingerprint, error=reason
    )


def stood_back_for(found: FileImport) -> FileImport | None:
    """The earlier import of the same content, where this one was given up for it."""
    return done_before(found) if found.status == Status.DISCARDED and found.fingerprint and found.error else None


def done_before(found: FileImport) -> FileImport | None:
    same = FileImport.objects.filter(fingerprint=found.fingerprint, status=Status.DONE).exclude(pk=found.pk)
    return same.with_what_it_made().first()


def refuse_unless_ready(found: FileImport, options: Options) -> None:
    if found.n_errors:
        raise ImportRefused(f"Nothing is imported while an error remains; there are {found.n_errors:,}.")
    if missing := (found.findings or {}).get("missing"):
        columns = ", ".join((found.findings or {})["columns"][:50])
        raise ImportRefused(f"It must still be said what is the {', the '.join(missing)}. The columns are: {columns}.")
    if not is_ready(found):
        raise ImportRefused(f"The dry run has not read the {shape_of(found).noun}s yet.")
    if columns_changed(found, options):
        raise ImportRefused("The columns were changed: check the file again first.")


def is_ready(found: FileImport) -> bool:
    """The dry run is over and nothing stands in the way."""
    over = found.status in (Status.CHECKED, Status.FAILED, Status.COMMITTING)
    return over and found.findings is not None and found.n_rows > 0 and found.n_errors == 0


def columns_changed(found: FileImport, options: Options) -> bool:
    """Or anything else that the dry run depends on."""
    shape, findings = shape_of(found), found.findings or {}
    told = shape.options_of(found)
    if any(getattr(options, name) != getattr(told, name) for name in shape.again):
        return True
    chosen = shape.suggest(findings.get("columns", []), options)
    return as_json(chosen.mapping) != as_json(findings.get("mapping", {}))


def as_json(content: object) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def fingerprint(found: FileImport, options: Options) -> str:
    """Same bytes and same options give the same value."""
    second = found.second_upload.sha256 if found.second_upload else ""
    mapping = (found.findings or {}).get("mapping", {})
    content = [found.upload.sha256, second, mapping, shape_of(found).identity(found, options)]
    return hashlib.sha256(as_json(content)).hexdigest()


@transaction.atomic
def discard(*, file_import: FileImport, actor: User | None, now: datetime) -> None:
    """Give up the import and its file. One that runs is asked to stop. Raises ImportRefused when it is done."""
    # The job first, as its own last transaction does, or the two could wait for each other.
    if file_import.job_id:
        Job.objects.select_for_update().filter(pk=file_import.job_id).first()
    found = locked(file_import)
    if found.status == Status.DONE:
        raise ImportRefused("This import is done; what it made stays.")
    if found.job:
        jobs.cancel(job=found.job, now=now)
    FileImport.objects.filter(pk=found.pk).update(status=Status.DISCARDED)
    found.problems.all().delete()
    audit.record(actor=actor, action="import.discarded", subject=str(found), details={}, now=now)
