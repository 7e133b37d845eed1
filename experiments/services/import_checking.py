"""The dry run as a job: read everything, keep what was found, write no row."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from uuid import UUID

from django.db import connection, transaction

from evalsite.platform.jobs import JobFailed, JobRun
from experiments.importers import check
from experiments.importers.problems import Problem, Severity, Unreadable
from experiments.importers.source import Source, Tell, open_source
from experiments.importers.tally import Tally
from experiments.models import FileImport, ImportProblem
from experiments.services import uploads
from experiments.services.file_imports.registry import shape_of
from experiments.services.file_imports.shapes import Found, Reading
from experiments.services.imports import locked

COPY_PROBLEMS = (
    'COPY experiments_importproblem (file_import_id, severity, file, "row", "column", kind, reason) FROM STDIN'
)


def run_check(run: JobRun, *, import_id: UUID) -> None:
    file_import = FileImport.objects.select_related("upload", "second_upload").get(pk=import_id)
    if file_import.status != FileImport.Status.CHECKING:
        return
    found: list[Problem] = []
    tally = Tally(found.append)
    with opened(file_import, run) as sources:
        findings, checked = read(file_import, sources, tally, run)
    findings["kinds"] = {severity.value: dict(kinds) for severity, kinds in tally.kinds.items()}
    keep(run, file_import, findings, checked, found, tally)


@contextmanager
def opened(file_import: FileImport, run: JobRun) -> Iterator[list[Source | Unreadable]]:
    """Each file on disk; one that is no table at all is a finding like any other."""
    run.progress(0, None, "fetching the file")
    with ExitStack() as stack:
        sources: list[Source | Unreadable] = []
        for number, upload in enumerate(filter(None, [file_import.upload, file_import.second_upload]), start=1):
            try:
                path = stack.enter_context(uploads.on_disk(upload))
                sources.append(open_source(path, filename=upload.filename, number=number))
            except uploads.UploadGone:
                raise JobFailed(f"The bytes of {upload.filename} are gone: upload the file again.") from None
            except Unreadable as problem:
                sources.append(problem)
        yield sources


def read(
    file_import: FileImport, opened_sources: Sequence[Source | Unreadable], tally: Tally, run: JobRun
) -> tuple[dict[str, object], Found]:
    shape = shape_of(file_import)
    options = shape.options_of(file_import)
    sources = [each for each in opened_sources if isinstance(each, Source)]
    for each in opened_sources:
        if isinstance(each, Unreadable):
            tally(each.problem())
    findings = empty_findings(sources)
    if len(sources) < len(opened_sources):
        return findings, Found()
    try:
        columns = check.read_columns(sources, tally)
    except Unreadable as problem:
        tally(problem.problem())
        return findings, Found()
    chosen = shape.suggest(columns, options)
    findings |= {"columns": columns, "mapping": chosen.mapping, "missing": chosen.missing, **chosen.asks}
    if chosen.missing:
        return findings, Found()
    tell = teller(run, sum(each.size for each in sources))
    return findings, shape.check(Reading(file_import, sources, columns, chosen.mapping, options, tally, tell))


def empty_findings(sources: Sequence[Source]) -> dict[str, object]:
    formats = [each.format.value for each in sources]
    return {"formats": formats, "columns": [], "mapping": {}, "missing": []}


def teller(run: JobRun, size: int) -> Tell:
    def tell(done: int) -> None:
        run.progress(done, size, "reading")

    return tell


@transaction.atomic
def keep(
    run: JobRun,
    file_import: FileImport,
    findings: dict[str, object],
    checked: Found,
    found: Sequence[Problem],
    tally: Tally,
) -> None:
    run.guard()
    fresh = locked(file_import)
    if fresh.status != FileImport.Status.CHECKING:
        return
    fresh.problems.all().delete()
    copy_problems(fresh, found)
    fresh.findings = {**findings, "checked": checked.checked}
    fresh.n_rows = checked.n_rows
    fresh.n_errors = tally.totals[Severity.ERROR]
    fresh.n_warnings = tally.totals[Severity.WARNING]
    fresh.status = FileImport.Status.CHECKED
    fresh.save()


def copy_problems(file_import: FileImport, found: Sequence[Problem]) -> None:
    """In the order of the file, errors before warnings, so that their ids are the order of reading."""
    ordered = sorted(found, key=lambda problem: (problem.severity, problem.file, problem.row))
    limit = ImportProblem._meta.get_field("reason").max_length or 0
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(COPY_PROBLEMS) as copy:
        for problem in ordered:
            copy.write_row(
                (
                    file_import.pk,
                    problem.severity.value,
                    problem.file,
                    problem.row or None,
                    storable(problem.column)[:200],
                    problem.kind.value,
                    storable(problem.reason)[:limit],
                )
            )


def storable(text: str) -> str:
    """Column names come from the file, whatever it holds."""
    return text.encode(errors="replace").decode().replace("\0", "?")
