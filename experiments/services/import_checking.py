"""The dry run as a job: read everything, keep what was found, write no pair."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from uuid import UUID

from django.db import connection, transaction

from evalsite.platform.jobs import JobFailed, JobRun
from experiments.importers import check, mapping
from experiments.importers.check import Checked
from experiments.importers.mapping import Mapping
from experiments.importers.problems import Problem, Severity, Unreadable
from experiments.importers.source import Source, open_source
from experiments.importers.tally import Tally
from experiments.models import ImportProblem, PairImport
from experiments.services import uploads
from experiments.services.imports import Options, locked

COPY_PROBLEMS = (
    'COPY experiments_importproblem (pair_import_id, severity, file, "row", "column", kind, reason) FROM STDIN'
)


def run_check(run: JobRun, *, import_id: UUID) -> None:
    pair_import = PairImport.objects.select_related("upload", "second_upload").get(pk=import_id)
    if pair_import.status != PairImport.Status.CHECKING:
        return
    found: list[Problem] = []
    tally = Tally(found.append)
    with opened(pair_import, run) as sources:
        findings, checked = read(sources, Options.of(pair_import), tally, run)
    findings["kinds"] = {severity.value: dict(kinds) for severity, kinds in tally.kinds.items()}
    keep(run, pair_import, findings, checked, found, tally)


@contextmanager
def opened(pair_import: PairImport, run: JobRun) -> Iterator[list[Source | Unreadable]]:
    """Each file on disk; one that is no table at all is a finding like any other."""
    run.progress(0, None, "fetching the file")
    with ExitStack() as stack:
        sources: list[Source | Unreadable] = []
        for number, upload in enumerate(filter(None, [pair_import.upload, pair_import.second_upload]), start=1):
            try:
                path = stack.enter_context(uploads.on_disk(upload))
                sources.append(open_source(path, filename=upload.filename, number=number))
            except uploads.UploadGone:
                raise JobFailed(f"The bytes of {upload.filename} are gone: upload the file again.") from None
            except Unreadable as problem:
                sources.append(problem)
        yield sources


def read(
    opened_sources: Sequence[Source | Unreadable], options: Options, tally: Tally, run: JobRun
) -> tuple[dict[str, object], Checked]:
    sources = [each for each in opened_sources if isinstance(each, Source)]
    for each in opened_sources:
        if isinstance(each, Unreadable):
            tally(each.problem())
    findings = empty_findings(sources)
    if len(sources) < len(opened_sources):
        return findings, Checked()
    try:
        columns = check.read_columns(sources, tally)
    except Unreadable as problem:
        tally(problem.problem())
        return findings, Checked()
    chosen = mapping.suggest(columns, chosen=options.mapping)
    findings |= {
        "columns": columns,
        "mapping": asdict(chosen),
        "missing": chosen.missing(),
        "sides": mapping.sides_to_ask_about(columns),
    }
    if chosen.missing():
        return findings, Checked()
    return findings, check_all(sources, columns, chosen, options, tally, run)


def empty_findings(sources: Sequence[Source]) -> dict[str, object]:
    formats = [each.format.value for each in sources]
    return {"formats": formats, "columns": [], "mapping": {}, "missing": [], "sides": None}


def check_all(
    sources: Sequence[Source], columns: list[str], chosen: Mapping, options: Options, tally: Tally, run: JobRun
) -> Checked:
    size = sum(each.size for each in sources)

    def tell(done: int) -> None:
        run.progress(done, size, "reading")

    names = tuple(filter(None, (options.baseline_name, options.candidate_name)))
    return check.check(sources, columns=columns, mapping=chosen, names=names, report=tally, tell=tell)


@transaction.atomic
def keep(
    run: JobRun,
    pair_import: PairImport,
    findings: dict[str, object],
    checked: Checked,
    found: Sequence[Problem],
    tally: Tally,
) -> None:
    run.guard()
    fresh = locked(pair_import)
    if fresh.status != PairImport.Status.CHECKING:
        return
    fresh.problems.all().delete()
    copy_problems(fresh, found)
    fresh.findings = {**findings, "checked": asdict(checked)}
    fresh.n_pairs = checked.n_pairs
    fresh.n_errors = tally.totals[Severity.ERROR]
    fresh.n_warnings = tally.totals[Severity.WARNING]
    fresh.status = PairImport.Status.CHECKED
    fresh.save()


def copy_problems(pair_import: PairImport, found: Sequence[Problem]) -> None:
    """In the order of the file, errors before warnings, so that their ids are the order of reading."""
    ordered = sorted(found, key=lambda problem: (problem.severity, problem.file, problem.row))
    limit = ImportProblem._meta.get_field("reason").max_length or 0
    with connection.cursor() as cursor, cursor.copy(COPY_PROBLEMS) as copy:
        for problem in ordered:
            copy.write_row(
                (
                    pair_import.pk,
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
