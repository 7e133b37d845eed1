"""Gather all evidence of an experiment now, decide on it by the registered policy, and print what was found."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.reports.evidence.page import Dashboard
from experiments.services import evidence
from experiments.services.experiments import NoSuchExperiment, named


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("experiment", metavar="EXPERIMENT", help="name or number")
        parser.add_argument("--format", choices=("json", "text"), default="text")

    def handle(self, *, experiment: str, **given: Any) -> None:
        try:
            found = named(experiment)
        except NoSuchExperiment as error:
            raise CommandError(str(error)) from error
        evidence.renew(experiment=found, now=timezone.now())
        row = evidence.compute(experiment=found, now=timezone.now(), waits=True)
        if row is None:
            raise CommandError("Somebody else is gathering the same evidence.")
        if given["format"] == "json":
            self.stdout.write(orjson.dumps(row.payload, option=orjson.OPT_INDENT_2).decode())
            return
        for line in lines(Dashboard.from_dict(row.payload)):
            self.stdout.write(line)


def lines(shown: Dashboard) -> Iterator[str]:
    yield f"{shown.verdict}: {shown.reason}"
    for criterion in shown.criteria:
        yield f"  {criterion.status.replace('_', ' '):<12}{criterion.sentence}"
    for row in shown.failures:
        yield f"  failed      {row.title}: {row.detail}"
    for layer in shown.layers:
        yield f"{layer.title}: {layer.sentence or layer.why_none}"
    if shown.fragility_sentence:
        yield shown.fragility_sentence
    yield f"Evidence {shown.evidence_sha256[:16]}, data {shown.data_sha256[:16]}."
