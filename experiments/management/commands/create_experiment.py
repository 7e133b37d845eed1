"""Make an experiment of two model versions, as the page does: create_experiment NAME --baseline V --candidate V."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.management.generation_steps import model_version_named
from experiments.management.scoring_steps import eval_set_named
from experiments.models import Experiment, SuiteRole
from experiments.services import experiments, suites

MARGIN = 0.05


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "--baseline", required=True, metavar="MODEL_VERSION", help="NAME, NAME:VERSION, or a number"
        )
        parser.add_argument("--candidate", required=True, metavar="MODEL")
        for role in SuiteRole.values:
            parser.add_argument(f"--{role}", nargs="+", default=[], metavar="EVAL_SET", help=f"suites that are {role}")

    def handle(self, *, name: str, baseline: str, candidate: str, **given: Any) -> None:
        try:
            experiment = experiments.make(
                name=name,
                baseline=model_version_named(baseline),
                candidate=model_version_named(candidate),
                created_by=None,
                now=timezone.now(),
            )
        except experiments.CannotMake as refusal:
            raise CommandError(str(refusal)) from None
        for role in SuiteRole.values:
            for suite in given[role]:
                use(experiment, suite, role)
        self.stdout.write(f"experiment {experiment.pk}: {experiment}")


def use(experiment: Experiment, suite: str, role: str) -> None:
    suites.use(
        experiment=experiment,
        eval_set=eval_set_named(suite),
        role=role,
        margin=MARGIN,
        margin_is_relative=False,
        actor=None,
        now=timezone.now(),
    )
