"""What the commands that import files share: the upload, the wait for its job, and the problems in words."""

import sys
import time
from pathlib import Path

from celery import current_app
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.management.taking_over import waits_for_nobody
from experiments.models import FileImport, ImportProblem, Upload
from experiments.services import imports, uploads

PROBLEMS_PRINTED = 50


def store(path: Path) -> Upload:
    """Raises CommandError for a file that cannot be taken."""
    try:
        with path.open("rb") as file:
            return uploads.store(file=file, filename=path.name, created_by=None, now=timezone.now())
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    except uploads.UploadRefused as refusal:
        raise CommandError(str(refusal)) from None


def tell_problems(command: BaseCommand, file_import: FileImport) -> None:
    for problem in file_import.problems.order_by("id")[:PROBLEMS_PRINTED]:
        command.stderr.write(line(problem))
    more = file_import.n_errors + file_import.n_warnings - PROBLEMS_PRINTED
    if more > 0:
        command.stderr.write(f"… and {more:,} more; the import's page lists them.")


def refuse_unready(file_import: FileImport) -> None:
    """Raises CommandError where a column must be named first, or an error stands."""
    findings = file_import.findings or {}
    if findings.get("missing"):
        asked, columns = ", ".join(findings["missing"]), ", ".join(findings["columns"])
        raise CommandError(f"Which column holds the {asked}? Say so with --map. Columns: {columns}")
    if file_import.n_errors:
        raise CommandError(f"{file_import.n_errors:,} errors; nothing was imported.")


def line(problem: ImportProblem) -> str:
    place = f"row {problem.row}" if problem.row else "file"
    place = f"second file, {place}" if problem.file == 2 else place
    column = f", {problem.column}" if problem.column else ""
    return f"{problem.severity}: {place}{column}: {problem.reason} [{problem.kind}]"


def follow(command: BaseCommand, file_import: FileImport) -> None:
    """Show progress until the job ends. Without a worker the job runs here, through the same lease."""
    job = file_import.job
    assert job is not None  # noqa: S101 - an import that was started has one
    started = time.monotonic()
    while job.is_live:
        if waits_for_nobody(job, since=started):
            was_held = job.status == Job.Status.RUNNING
            why = "The worker that had this job is gone" if was_held else "No worker took this job"
            command.stderr.write(f"{why}: it runs in this command.")
            current_app.loader.import_default_modules()  # where the handlers register themselves
            jobs.run(job.pk)
        else:
            show(command, job)
            time.sleep(0.2)
        job.refresh_from_db()
    if job.status != Job.Status.DONE:
        raise CommandError(job.error or f"The job was {job.get_status_display()}.")
    file_import.refresh_from_db()


def follow_commit(command: BaseCommand, started: FileImport) -> FileImport | None:
    """As `follow`; then the earlier import of the same bytes, where that was a moment faster and this one stood back.

    Raises CommandError where somebody discarded the import while it ran.
    """
    follow(command, started)
    if started.status != FileImport.Status.DISCARDED:
        return None
    if earlier := imports.stood_back_for(started):
        return earlier
    raise CommandError("The import was discarded while it ran.")


def show(command: BaseCommand, job: Job) -> None:
    if job.progress_total and sys.stderr.isatty():
        command.stderr.write(f"\r{job.progress_note} {job.progress_done / job.progress_total:.0%}  ", ending="")
