"""Print what human review says about an experiment."""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from experiments.reports import text
from experiments.services.experiment_reports import experiment_report
from experiments.services.experiments import NoSuchExperiment, named


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("experiment", metavar="EXPERIMENT", help="name or number")
        parser.add_argument("--format", choices=("json", "text"), default="text")

    def handle(self, *, experiment: str, **given: Any) -> None:
        try:
            report = experiment_report(named(experiment))
        except NoSuchExperiment as error:
            raise CommandError(str(error)) from error
        if given["format"] == "json":
            self.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        else:
            self.stdout.write("\n".join(text.lines(report)))
