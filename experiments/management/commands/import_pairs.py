"""Import paired outputs from one file, or from two files joined on id, as the upload page does."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from experiments.importers.mapping import SECOND
from experiments.management import import_steps as steps
from experiments.models import FileImport, SuiteRole
from experiments.services import imports
from experiments.services.file_imports.pair_options import PairOptions, mapping_of, with_names_from_file

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
        file_import = self.read(file, second_file, options)
        self.tell_findings(file_import)
        if file_import.n_errors:
            raise CommandError(f"{file_import.n_errors:,} errors; nothing was imported.")
        if dry_run:
            imports.discard(file_import=file_import, actor=None, now=timezone.now())
            self.stdout.write("Dry run: nothing was imported.")
            return
        self.commit(file_import, with_names_from_file(file_import, options))

    def read(self, file: Path, second_file: Path | None, options: PairOptions) -> FileImport:
        with transaction.atomic():
            stored = [steps.store(path) for path in (file, second_file) if path]
            file_import = imports.begin(
                upload=stored[0],
                second_upload=stored[1] if second_file else None,
                options=options,
                created_by=None,
                now=timezone.now(),
            )
        steps.follow(self, file_import)
        file_import.refresh_from_db()
        return file_import

    def tell_findings(self, file_import: FileImport) -> None:
        findings = file_import.findings or {}
        steps.tell_problems(self, file_import)
        if findings.get("missing"):
            raise CommandError(question(findings))
        mapping = mapping_of(file_import)
        columns = [f"{name} = {column}" for name, column in vars(mapping).items() if column]
        self.stdout.write("Columns: " + ", ".join(columns))
        self.stdout.write(
            f"{file_import.n_rows:,} pairs, {file_import.n_errors:,} errors, {file_import.n_warnings:,} warnings"
        )

    def commit(self, file_import: FileImport, options: PairOptions) -> None:
        try:
            started = imports.start_commit(file_import=file_import, options=options, actor=None, now=timezone.now())
        except imports.ImportRefused as refusal:
            raise CommandError(str(refusal)) from None
        if started.pk != file_import.pk:
            imports.discard(file_import=file_import, actor=None, now=timezone.now())
            self.tell_earlier(started)
            return
        if earlier := steps.follow_commit(self, started):
            self.tell_earlier(earlier)
            return
        self.stdout.write(self.style.SUCCESS(f"Imported {started.n_rows:,} pairs: experiment {started.experiment}."))

    def tell_earlier(self, earlier: FileImport) -> None:
        self.stdout.write(
            f"Imported before, on {earlier.committed_at:%Y-%m-%d}: experiment {earlier.experiment}. "
            "Nothing new was made."
        )


def options_from(given: dict[str, Any], *, joined: bool) -> PairOptions:
    chosen = dict(pair.partition("=")[::2] for pair in given["map"])
    wrong = [name for name, column in chosen.items() if name not in (*FIELDS, "second_id") or not column]
    if wrong:
        raise CommandError(f"--map {wrong[0]}: FIELD=COLUMN with FIELD one of {', '.join(FIELDS)}, second_id")
    chosen |= {name: given[name] for name in ("baseline", "candidate") if given[name]}
    if joined:
        for name in ("candidate", "second_id", "candidate_name"):
            if chosen.get(name) and not chosen[name].startswith(SECOND):
                chosen[name] = SECOND + chosen[name]
    return PairOptions(
        mapping=chosen,
        baseline_name=given["baseline_name"].strip(),
        candidate_name=given["candidate_name"].strip(),
        experiment=given["experiment"].strip(),
        role=given["role"],
        add_to_existing=given["add"],
    )


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
