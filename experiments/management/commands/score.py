"""Score a finished run anew, with other scorers or parameters, without a single new call."""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.management.scoring_steps import follow_scoring, run_named, tell_scores
from experiments.models import BenchmarkRun
from experiments.services.scoring import choosing, rescoring


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="id of the run")
        parser.add_argument(
            "--scorers",
            nargs="+",
            default=[],
            metavar="NAME|JSON",
            help='names, or a JSON list of {"scorer", "params", "key", "primary"}; without any, those of the eval set',
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *, run: str, scorers: list[str], **given: Any) -> None:
        found = run_named(run)
        try:
            chosen = choosing.chosen(config(scorers)) if scorers else choosing.of_set(found.eval_set)
            rescoring.rescore(run=found, scorers=chosen, actor=None, now=timezone.now())
        except (choosing.ScorersRefused, rescoring.CannotScore) as refusal:
            raise CommandError(str(refusal)) from None
        found.refresh_from_db()
        follow_scoring(self, found)
        if given["format"] == "json":
            self.stdout.write(orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2).decode())
        else:
            tell_scores(self, found)


def config(given: list[str]) -> list[Any]:
    if len(given) == 1 and given[0].lstrip().startswith(("[", "{")):
        try:
            parsed = orjson.loads(given[0])
        except orjson.JSONDecodeError as error:
            raise CommandError(f"--scorers is no JSON: {error}") from None
        return parsed if isinstance(parsed, list) else [parsed]
    return given


def as_json(run: BenchmarkRun) -> dict[str, Any]:
    scorers = run.scorers.filter(is_current=True).order_by("-is_primary", "pk")
    return {
        "run": str(run.pk),
        "status": run.status,
        "scorers": [
            {"key": one.key, "scorer": one.scorer, "params": one.params, "primary": one.is_primary, **one.summary}
            for one in scorers
        ],
    }
