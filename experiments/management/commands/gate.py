"""May the candidate of an experiment be shipped? Exit code 0 GO, 2 NO-GO, 3 INCONCLUSIVE, 4 INVALID; 1 no answer."""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.management.experiment_named import experiment_named
from experiments.reports.gate import junit, text
from experiments.reports.gate.answer import NoAnswer, signed_answer
from experiments.services import gating


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("experiment", metavar="EXPERIMENT", help="its name or its number")
        parser.add_argument("--format", choices=("json", "text", "junit"), default="text")
        parser.add_argument(
            "--signed", action="store_true", help="answer with the newest signed decision, not with the evidence of now"
        )

    def handle(self, *, experiment: str, **given: Any) -> None:
        named = experiment_named(experiment)
        try:
            found = signed_answer(named) if given["signed"] else gating.answer(experiment=named, now=timezone.now())
        except NoAnswer as refusal:
            raise CommandError(str(refusal)) from refusal
        for line in written(found, given["format"]):
            self.stdout.write(line)
        if found["exit_code"]:
            raise SystemExit(found["exit_code"])


def written(found: dict[str, Any], form: str) -> list[str]:
    if form == "json":
        return [orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()]
    return list(junit.lines(found) if form == "junit" else text.lines(found))
