"""Import paired outputs from one file, or from two files joined on id, as the upload page does."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from evalsite.platform import jobs
from evalsite.platform.models import Job, Sweep
from experiments.importers.mapping import SECOND
from experiments.models import ImportProblem, PairImport, SuiteRole, Upload
from experiments.services import imports, uploads

PROBLEMS_PRINTED = 50
WAIT_FOR_A_WORKER = 5.0
FIELDS = ("id", "prompt", "expected", "category", "tags", "cluster", "system", "baseline_name", "candidate_name")


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, TSV, JSONL, JSON array or Parquet")
        parser.add_argument(
            "second_file", type=Path, nargs="?", help="then FILE holds the baseline's outputs, this one the candidate's"
        )
        parser.add_argument("--baseline", metavar="COLUMN", default="", help="column with the baseline's response")
        parser.add_argument("--candidate", metavar="COLUMN", default="", help="column with the candidate's response")
        parser.add_argument("--baseline-name", default="", help="name of the baseline model")
        parser.add_argument("--candidate-name", default="", help="name of the candidate model")
        parser.add_argument("--experiment", default="", help="name of the experiment to make")
        parser.add_argument("--add", action="store_true", help="add the set to an experiment that exists")
        parser.add_argument(
            "--role", choices=SuiteRole.values, default=SuiteRole.TARGET.value, help="what the set is for"
        )
        parser.add_argument(
            "--map",
            metavar="FIELD=COLUMN",
            action="append",
            default=[],
            help=f"FIELD is one of {', '.join(FIELDS)}, second_id",
        )
        parser.add_argument("--dry-run", action="store_true", help="check only; import nothing")

    def handle(self, *, file: Path, second_file: Path | None, dry_run: bool, **given: Any) -> None:
        options = options_from(given, joined=second_file is not None)
        pair_import = self.read(file, second_file, options)
        self.tell_findings(pair_import)
        if pair_import.n_errors:
            raise CommandError(f"{pair_import.n_errors:,} errors; nothing was imported.")
        if dry_run:
            imports.discard(pair_import=pair_import, actor=None, now=timezone.now())
            self.stdout.write("Dry run: nothing was imported.")
            return
        self.commit(pair_import, imports.with_names_from_file(pair_import, options))

    def read(self, file: Path, second_file: Path | None, options: imports.Options) -> PairImport:
        with transaction.atomic():
            stored = [store(path) for path in (file, second_file) if path]
            pair_import = imports.begin(
                upload=stored[0],
                second_upload=stored[1] if second_file else None,
                options=options,
                created_by=None,
                now=timezone.now(),
            )
        self.follow(pair_import)
        pair_import.refresh_from_db()
        return pair_import

    def tell_findings(self, pair_import: PairImport) -> None:
        findings = pair_import.findings or {}
        self.tell_problems(pair_import)
        if findings.get("missing"):
            raise CommandError(question(findings))
        mapping = imports.mapping_of(pair_import)
        columns = [f"{name} = {column}" for name, column in vars(mapping).items() if column]
        self.stdout.write("Columns: " + ", ".join(columns))
        self.stdout.write(
            f"{pair_import.n_pairs:,} pairs, {pair_import.n_errors:,} errors, {pair_import.n_warnings:,} warnings"
        )

    def tell_problems(self, pair_import: PairImport) -> None:
        for problem in pair_import.problems.order_by("id")[:PROBLEMS_PRINTED]:
            self.stderr.write(line(problem))
        more = pair_import.n_errors + pair_import.n_warnings - PROBLEMS_PRINTED
        if more > 0:
            self.stderr.write(f"… and {more:,} more; the import's page lists them.")

    def commit(self, pair_import: PairImport, options: imports.Options) -> None:
        try:
            started = imports.start_commit(pair_import=pair_import, options=options, actor=None, now=timezone.now())
        except imports.ImportRefused as refusal:
            raise CommandError(str(refusal)) from None
        if started.pk != pair_import.pk:
            imports.discard(pair_import=pair_import, actor=None, now=timezone.now())
            self.stdout.write(
                f"Imported before, on {started.committed_at:%Y-%m-%d}: experiment {started.experiment}. "
                "Nothing new was made."
            )
            return
        self.follow(started)
        started.refresh_from_db()
        self.stdout.write(self.style.SUCCESS(f"Imported {started.n_pairs:,} pairs: experiment {started.experiment}."))

    def follow(self, pair_import: PairImport) -> None:
        """Show progress until the job ends. Without a worker the job runs here, through the same lease."""
        job = pair_import.job
        assert job is not None  # noqa: S101 - an import that was started has one
        started = time.monotonic()
        alive = Sweep.objects.workers_alive(now=timezone.now())
        while job.is_live:
            if job.status == Job.Status.QUEUED and (not alive or time.monotonic() - started > WAIT_FOR_A_WORKER):
                self.stderr.write("No worker took this job: it runs in this command.")
                current_app.loader.import_default_modules()  # where the handlers register themselves
                jobs.run(job.pk)
            else:
                self.show(job)
                time.sleep(0.2)
            job.refresh_from_db()
        if job.status != Job.Status.DONE:
            raise CommandError(job.error or f"The job was {job.get_status_display()}.")

    def show(self, job: Job) -> None:
        if job.progress_total and sys.stderr.isatty():
            self.stderr.write(f"\r{job.progress_note} {job.progress_done / job.progress_total:.0%}  ", ending="")


def options_from(given: dict[str, Any], *, joined: bool) -> imports.Options:
    chosen = dict(pair.partition("=")[::2] for pair in given["map"])
    wrong = [name for name, column in chosen.items() if name not in (*FIELDS, "second_id") or not column]
    if wrong:
        raise CommandError(f"--map {wrong[0]}: FIELD=COLUMN with FIELD one of {', '.join(FIELDS)}, second_id")
    chosen |= {name: given[name] for name in ("baseline", "candidate") if given[name]}
    if joined:
        for name in ("candidate", "second_id", "candidate_name"):
            if chosen.get(name) and not chosen[name].startswith(SECOND):
                chosen[name] = SECOND + chosen[name]
    return imports.Options(
        mapping=chosen,
        baseline_name=given["baseline_name"].strip(),
        candidate_name=given["candidate_name"].strip(),
        experiment=given["experiment"].strip(),
        role=given["role"],
        add_to_existing=given["add"],
    )


def store(path: Path) -> Upload:
    try:
        with path.open("rb") as file:
            return uploads.store(file=file, filename=path.name, created_by=None, now=timezone.now())
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    except uploads.UploadRefused as refusal:
        raise CommandError(str(refusal)) from None


def question(findings: dict[str, Any]) -> str:
    columns = ", ".join(findings["columns"])
    if findings["sides"]:
        one, two = findings["sides"]
        return (
            f"Which is the baseline, {one} or {two}? Say so with --baseline {one} or --baseline {two}. "
            f"Columns: {columns}"
        )
    asked = ", ".join(findings["missing"])
    return f"Which column holds {asked}? Say so with --baseline, --candidate or --map. Columns: {columns}"


def line(problem: ImportProblem) -> str:
    place = f"row {problem.row}" if problem.row else "file"
    place = f"second file, {place}" if problem.file == 2 else place
    column = f", {problem.column}" if problem.column else ""
    return f"{problem.severity}: {place}{column}: {problem.reason} [{problem.kind}]"
