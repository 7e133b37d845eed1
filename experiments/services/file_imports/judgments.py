"""Judgments collected elsewhere. They become a closed campaign of an experiment, as if it had been judged here."""

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import Model

from evalsite.platform.jobs import JobFailed
from experiments.importers import judgments
from experiments.importers.judgments import Columns, JudgmentRow
from experiments.importers.problems import Kind, Problem, Report, Severity, Unreadable
from experiments.importers.source import Source, Tell
from experiments.models import FileImport
from experiments.services.file_imports import judgment_options
from experiments.services.file_imports.judgment_options import JudgmentOptions
from experiments.services.file_imports.shapes import Found, Reading, Shape, Writing, refuse_problem
from experiments.services.imported_judgments import accounts, campaigns, rows
from experiments.services.imported_judgments.campaigns import Origin

PREVIEWED = 10
PREVIEW_LETTERS = 300
MOST_NAMES = 200


def dry_run(reading: Reading[JudgmentOptions]) -> Found:
    columns = judgment_options.typed(reading.mapping)
    absent = list(judgments.absent_columns(columns, reading.columns))
    for problem in absent:
        reading.report(problem)
    if absent:
        return Found()
    experiment = judgment_options.chosen_experiment(reading.options)
    look = Look(reading.report)
    with transaction.atomic():
        sides_known = rows.stage(
            look.at(read(reading.sources[0], columns, look.report, reading.tell)), now=reading.file_import.created_at
        )
        for problem in rows.problems(experiment, columns):
            look.report(problem)
        told = look.told(sides_known=sides_known, criteria=rows.criteria())
        transaction.set_rollback(True)
    if not look.n and not look.n_problems:
        reading.report(Problem(0, "", Kind.EMPTY_FILE, "the file holds no judgments"))
    return Found(look.n, {**told, "experiment": experiment.name}) if look.n else Found()


class Look:
    """What the dry run tells about the judgments it saw."""

    def __init__(self, report: Report) -> None:
        self.report_on = report
        self.n = self.n_problems = self.timed = 0
        self.by_reviewer: Counter[str] = Counter()
        self.first: list[JudgmentRow] = []

    def report(self, problem: Problem) -> None:
        self.n_problems += problem.severity == Severity.ERROR
        self.report_on(problem)

    def at(self, judged: Iterable[JudgmentRow]) -> Iterator[JudgmentRow]:
        for one in judged:
            self.n += 1
            self.timed += bool(one.active_ms)
            self.by_reviewer[one.reviewer] += 1
            if len(self.first) < PREVIEWED:
                self.first.append(one)
            yield one

    def told(self, *, sides_known: bool, criteria: list[str]) -> dict[str, Any]:
        usernames = accounts.usernames_for(list(self.by_reviewer)[:MOST_NAMES])
        return {
            "n_reviewers": len(self.by_reviewer),
            "reviewers": [
                {"name": name, "username": username, "n": self.by_reviewer[name]}
                for name, username in usernames.items()
            ],
            "n_timed": self.timed,
            "sides_known": sides_known,
            "criteria": criteria,
            "preview": [
                {**one._asdict(), "comment": one.comment[:PREVIEW_LETTERS], "time": one.time and one.time.isoformat()}
                for one in self.first
            ],
        }


def read(source: Source, columns: Columns, report: Report, tell: Tell | None = None) -> Iterator[JudgmentRow]:
    """What can no longer be read ends the file; it is reported like any other problem."""
    try:
        records = source.records(report, tell)
        yield from judgments.read(records, mapping=columns, limits=source.limits, report=report)
    except Unreadable as problem:
        report(problem.problem())


def commit(writing: Writing[JudgmentOptions]) -> dict[str, Model]:
    """Raises JobFailed when the file now reads differently from its dry run."""
    columns = judgment_options.columns_of(writing.file_import)
    experiment = judgment_options.chosen_experiment(writing.options)
    counted = Progressed(writing)
    sides_known = rows.stage(counted.through(read(writing.sources[0], columns, refuse_problem)), now=writing.now)
    for problem in rows.problems(experiment, columns):
        refuse_problem(problem)
    if counted.n != writing.file_import.n_rows:
        raise JobFailed(
            f"The dry run found {writing.file_import.n_rows:,} judgments, now there are {counted.n:,}: "
            "check the file again."
        )
    writing.run.progress(counted.n, writing.file_import.n_rows, "making the campaign")
    upload = writing.file_import.upload
    origin = Origin(upload.filename, upload.sha256, writing.file_import.created_by, writing.now)
    campaigns.build(experiment=experiment, origin=origin, sides_known=sides_known, entropy=secrets.token_bytes)
    return {"experiment": experiment}


class Progressed:
    """Counts what passes through, and says so now and then."""

    TELL_EVERY = 2000

    def __init__(self, writing: Writing[JudgmentOptions]) -> None:
        self.run, self.wanted, self.n = writing.run, writing.file_import.n_rows, 0

    def through(self, judged: Iterable[JudgmentRow]) -> Iterator[JudgmentRow]:
        for one in judged:
            self.n += 1
            if self.n % self.TELL_EVERY == 0:
                self.run.progress(self.n, self.wanted, "reading judgments")
            yield one


SHAPE = Shape(
    kind=FileImport.Kind.JUDGMENTS,
    noun="judgment",
    options=JudgmentOptions,
    suggest=judgment_options.columns,
    check=dry_run,
    refuse=judgment_options.refuse,
    identity=judgment_options.identity,
    commit=commit,
    again=("experiment",),
)
