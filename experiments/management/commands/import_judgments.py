"""Import judgments collected elsewhere: they become a closed campaign of the experiment."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.importers.judgments import ALIASES
from experiments.importers.problems import Problem
from experiments.services import judgment_imports, results
from experiments.services.experiments import NoSuchExperiment, named

PROBLEMS_PRINTED = 50


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

    def handle(self, *, file: Path, experiment: str, **given: Any) -> None:
        chosen = dict(pair.partition("=")[::2] for pair in given["map"])
        if unknown := [name for name, column in chosen.items() if name not in ALIASES or not column]:
            raise CommandError(f"--map {unknown[0]}: FIELD=COLUMN with FIELD one of {', '.join(ALIASES)}")
        if not file.is_file():
            raise CommandError(f"{file} is no file.")
        try:
            outcome = judgment_imports.import_judgments(
                path=file,
                filename=file.name,
                experiment=named(experiment),
                created_by=None,
                now=timezone.now(),
                chosen_columns=chosen,
            )
        except NoSuchExperiment as error:
            raise CommandError(str(error)) from error
        except judgment_imports.ImportRefused as refusal:
            self.tell(refusal.problems)
            raise CommandError(str(refusal)) from None
        made = outcome.judgment_import
        if not outcome.is_new:
            self.stdout.write(f"Imported before, on {made.created_at:%Y-%m-%d}. Nothing new was made.")
            return
        results.compute(campaign=made.campaign, now=timezone.now())
        self.stdout.write(self.style.SUCCESS(f"Imported {made.n_judgments:,} judgments: “{made.campaign.title}”."))

    def tell(self, problems: judgment_imports.Problems) -> None:
        for problem in problems.kept[:PROBLEMS_PRINTED]:
            self.stderr.write(line(problem))
        if problems.n > PROBLEMS_PRINTED:
            self.stderr.write(f"… and {problems.n - PROBLEMS_PRINTED:,} more")


def line(problem: Problem) -> str:
    place = f"row {problem.row}" if problem.row else "file"
    column = f", {problem.column}" if problem.column else ""
    return f"{place}{column}: {problem.reason} [{problem.kind}]"
