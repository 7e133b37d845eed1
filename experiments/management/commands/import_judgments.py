"""Import judgments collected elsewhere: they become a closed campaign of the experiment."""

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from experiments.importers import judgments
from experiments.importers.judgments import ALIASES
from experiments.management import import_steps as steps
from experiments.models import FileImport, JudgmentImport
from experiments.services import imports, results
from experiments.services.experiments import NoSuchExperiment, named
from experiments.services.file_imports import judgment_options
from experiments.services.file_imports.judgment_options import JudgmentOptions


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, TSV, JSONL, JSON array or Parquet: id, reviewer, choice, …")
        parser.add_argument("--experiment", required=True, metavar="NAME|ID")
        parser.add_argument(
            "--map",
            metavar="FIELD=COLUMN",
            action="append",
            default=[],
            help=f"FIELD is one of {', '.join(ALIASES)}",
        )
        parser.add_argument("--dry-run", action="store_true", help="check only; import nothing")

    def handle(self, *, file: Path, experiment: str, dry_run: bool = False, **given: Any) -> None:
        options = options_from(experiment, given["map"])
        if known := imported_before(file, options):
            self.tell_earlier(known)
            return
        file_import = begin(file, options)
        steps.follow(self, file_import)
        self.refuse_problems(file_import, options)
        if dry_run:
            imports.discard(file_import=file_import, actor=None, now=timezone.now())
            self.stdout.write(f"{file_import.n_rows:,} judgments. Dry run: nothing was imported.")
            return
        self.commit(file, file_import, options)

    def refuse_problems(self, file_import: FileImport, options: JudgmentOptions) -> None:
        findings = file_import.findings or {}
        if findings.get("missing"):
            found = judgments.columns(findings["columns"], chosen=options.mapping)
            absent = list(judgments.absent_columns(found, findings["columns"]))
            for problem in absent:
                self.stderr.write(f"file, {problem.column}: {problem.reason} [{problem.kind}]")
            raise CommandError(f"{len(absent):,} problems; nothing was imported.")
        steps.tell_problems(self, file_import)
        if file_import.n_errors or not file_import.n_rows:
            raise CommandError(f"{file_import.n_errors:,} problems; nothing was imported.")

    def commit(self, file: Path, file_import: FileImport, options: JudgmentOptions) -> None:
        try:
            started = imports.start_commit(file_import=file_import, options=options, actor=None, now=timezone.now())
        except imports.ImportRefused as refusal:
            raise CommandError(str(refusal)) from None
        if is_known := started.pk != file_import.pk:
            imports.discard(file_import=file_import, actor=None, now=timezone.now())
        else:
            is_known = steps.follow_commit(self, started) is not None
        made = imported_before(file, options)
        if made is None:
            raise CommandError("The import was discarded while it ran.")
        if is_known:
            self.tell_earlier(made)
            return
        results.compute(campaign=made.campaign, now=timezone.now())
        self.stdout.write(self.style.SUCCESS(f"Imported {made.n_judgments:,} judgments: “{made.campaign.title}”."))

    def tell_earlier(self, known: JudgmentImport) -> None:
        self.stdout.write(f"Imported before, on {known.created_at:%Y-%m-%d}. Nothing new was made.")


def options_from(experiment: str, given: list[str]) -> JudgmentOptions:
    chosen = dict(pair.partition("=")[::2] for pair in given)
    if unknown := [name for name, column in chosen.items() if name not in ALIASES or not column]:
        raise CommandError(f"--map {unknown[0]}: FIELD=COLUMN with FIELD one of {', '.join(ALIASES)}")
    try:
        return JudgmentOptions(mapping=chosen, experiment=named(experiment).pk)
    except NoSuchExperiment as error:
        raise CommandError(str(error)) from error


def begin(file: Path, options: JudgmentOptions) -> FileImport:
    with transaction.atomic():
        return imports.begin(
            upload=steps.store(file),
            second_upload=None,
            options=options,
            created_by=None,
            now=timezone.now(),
            kind=FileImport.Kind.JUDGMENTS,
        )


def imported_before(file: Path, options: JudgmentOptions) -> JudgmentImport | None:
    try:
        with file.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None
    return judgment_options.imported_before(judgment_options.chosen_experiment(options), sha256)
