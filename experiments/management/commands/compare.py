"""Compare two finished runs of one eval set version, case by case."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.models import BenchmarkRun
from experiments.reports.comparisons import export, junit, text
from experiments.services import comparisons


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("baseline_run", metavar="BASELINE_RUN", help="the id of a run")
        parser.add_argument("candidate_run", metavar="CANDIDATE_RUN", help="the id of another run of the same set")
        parser.add_argument("--format", choices=("json", "text", "junit"), default="text")

    def handle(self, *, baseline_run: str, candidate_run: str, **given: Any) -> None:
        try:
            found = comparisons.get_or_compute(
                baseline_run=named(baseline_run), candidate_run=named(candidate_run), now=timezone.now()
            )
        except comparisons.CannotCompare as refusal:
            raise CommandError(str(refusal)) from refusal
        comparison = comparisons.get(found.pk)
        if given["format"] == "json":
            self.stdout.write(orjson.dumps(export.as_dict(comparison), option=orjson.OPT_INDENT_2).decode())
            return
        lines = junit.lines(comparison) if given["format"] == "junit" else text.lines(export.as_dict(comparison))
        for line in lines:
            self.stdout.write(line)


def named(run_id: str) -> BenchmarkRun:
    runs = BenchmarkRun.objects.select_related("model_version", "eval_set")
    try:
        return runs.get(pk=UUID(run_id))
    except ValueError:
        raise CommandError(f"{run_id!r} is not the id of a run: it looks like {UUID(int=0)}.") from None
    except BenchmarkRun.DoesNotExist:
        raise CommandError(f"There is no run {run_id}. The page of a run shows its id.") from None
