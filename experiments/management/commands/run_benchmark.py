"""Run a model version over an eval set, as the page for a new run does."""

from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.management.commands.score import as_json, config
from experiments.management.generation_steps import follow_generation, model_version_named
from experiments.management.scoring_steps import eval_set_named, follow_scoring, tell_scores
from experiments.models import BenchmarkRun, ErrorClass
from experiments.reports.run_scores import error_counts
from experiments.services.runs import starting
from experiments.services.scoring import choosing

LARGEST = 10**8


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "eval_set", metavar="EVAL_SET", help="NAME for its newest version, NAME:VERSION, or a number"
        )
        parser.add_argument("model_version", metavar="MODEL_VERSION", help="NAME, NAME:VERSION, or a number")
        parser.add_argument("--threads", type=int, default=8, help="calls at once that each worker makes (8)")
        parser.add_argument("--budget", type=money, help="pause when so much is spent, in the endpoint's currency")
        parser.add_argument(
            "--scorers",
            nargs="+",
            default=[],
            metavar="NAME|JSON",
            help='names, or a JSON list of {"scorer", "params", "key", "primary"}; without any, those of the eval set',
        )
        parser.add_argument("--run-id", type=UUID, help="a UUID of your own: the same again starts nothing new")
        parser.add_argument("--wait", action="store_true", help="until the run is scored, and print its scores")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *, eval_set: str, model_version: str, wait: bool, **given: Any) -> None:
        run = start(eval_set, model_version, given)
        if wait:
            follow_generation(self, run)
            follow_scoring(self, run)
        if given["format"] == "json":
            self.stdout.write(orjson.dumps(told(run), option=orjson.OPT_INDENT_2).decode())
        elif wait:
            tell_scores(self, run)
            self.tell_errors(run)
        else:
            self.stdout.write(f"run {run.pk}: {run.n_cases:,} cases, {run.n_reused:,} of them answered before")

    def tell_errors(self, run: BenchmarkRun) -> None:
        for one in error_counts(run):
            self.stdout.write(f"  {one.n:,} × {one.words}")
        if run.cost:
            endpoint = run.model_version.endpoint
            self.stdout.write(f"  cost {run.cost:,.4f} {endpoint.currency if endpoint else ''}".rstrip())


def start(eval_set: str, model_version: str, given: dict[str, Any]) -> BenchmarkRun:
    try:
        return starting.start(
            run_id=given["run_id"] or uuid4(),
            model_version=model_version_named(model_version),
            eval_set=eval_set_named(eval_set),
            scorers=choosing.chosen(config(given["scorers"])) if given["scorers"] else None,
            threads=given["threads"],
            budget=given["budget"],
            created_by=None,
            now=timezone.now(),
        )
    except (starting.RunRefused, choosing.ScorersRefused) as refusal:
        raise CommandError(str(refusal)) from None


def money(word: str) -> Decimal:
    try:
        read = Decimal(word)
    except InvalidOperation:
        read = Decimal(0)
    if not (read.is_finite() and 0 < read < LARGEST):
        raise ArgumentTypeError(f"{word!r} is not an amount above 0 and below {LARGEST:,}")
    return read


def told(run: BenchmarkRun) -> dict[str, Any]:
    """`errors` names every class, so that a script need not know which of them came up."""
    found = {one.name: one.n for one in error_counts(run)}
    return {
        **as_json(run),
        "model_version": str(run.model_version),
        "eval_set": str(run.eval_set),
        "n_cases": run.n_cases,
        "n_done": run.n_done,
        "n_errors": run.n_errors,
        "n_reused": run.n_reused,
        "errors": {name: found.get(name, 0) for name in ErrorClass.values},
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cost": str(run.cost),
    }
