"""Import what one model answered to an eval set, and score it, without calling any endpoint."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from experiments.importers.outputs import ALIASES
from experiments.management import import_steps as steps
from experiments.management.scoring_steps import eval_set_named, follow_scoring, tell_scores
from experiments.models import BenchmarkRun, FileImport
from experiments.services import imports
from experiments.services.file_imports.output_options import OutputOptions


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="JSONL, CSV, TSV, JSON array, Parquet; samples_*.jsonl of lm-eval")
        parser.add_argument("--eval-set", required=True, metavar="NAME|NAME:VERSION|ID")
        parser.add_argument("--model", required=True, help="name under which the results stand")
        parser.add_argument("--model-version", default="", metavar="VERSION", help="else the next that is free")
        parser.add_argument("--no-score", action="store_true", help="keep the outputs only")
        parser.add_argument(
            "--map", metavar="FIELD=COLUMN", action="append", default=[], help=f"FIELD is one of {', '.join(ALIASES)}"
        )
        parser.add_argument("--dry-run", action="store_true", help="check only; import nothing")

    def handle(self, *, file: Path, dry_run: bool, **given: Any) -> None:
        options = options_from(given)
        with transaction.atomic():
            file_import = imports.begin(
                upload=steps.store(file),
                second_upload=None,
                options=options,
                created_by=None,
                now=timezone.now(),
                kind=FileImport.Kind.OUTPUTS,
            )
        steps.follow(self, file_import)
        file_import.refresh_from_db()
        self.tell_findings(file_import)
        if dry_run:
            imports.discard(file_import=file_import, actor=None, now=timezone.now())
            self.stdout.write("Dry run: nothing was imported.")
            return
        self.commit(file_import, options)

    def tell_findings(self, file_import: FileImport) -> None:
        steps.tell_problems(self, file_import)
        steps.refuse_unready(file_import)
        checked = (file_import.findings or {})["checked"]
        self.stdout.write(
            f"{file_import.n_rows:,} outputs for the {checked['n_cases']:,} cases of {checked['eval_set']}"
        )

    def commit(self, file_import: FileImport, options: OutputOptions) -> None:
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
        started = FileImport.objects.with_what_it_made().get(pk=started.pk)
        self.stdout.write(self.style.SUCCESS(f"Imported {started.n_rows:,} outputs: {started.model_version}."))
        if run := BenchmarkRun.objects.filter(pk=started.pk).first():
            follow_scoring(self, run)
            tell_scores(self, run)
        elif options.score:
            self.stdout.write("The set names no scorer and none suits its cases, so nothing was scored.")

    def tell_earlier(self, earlier: FileImport) -> None:
        self.stdout.write(f"Imported before: {earlier.model_version}. Nothing new was made.")


def options_from(given: dict[str, Any]) -> OutputOptions:
    chosen = dict(pair.partition("=")[::2] for pair in given["map"])
    if wrong := [name for name, column in chosen.items() if name not in ALIASES or not column]:
        raise CommandError(f"--map {wrong[0]}: FIELD=COLUMN with FIELD one of {', '.join(ALIASES)}")
    return OutputOptions(
        mapping=chosen,
        eval_set=eval_set_named(given["eval_set"]).pk,
        model=given["model"].strip(),
        version=given["model_version"].strip(),
        score=not given["no_score"],
    )
