"""Write the judgments of an experiment, or of one of its campaigns, as CSV or JSON lines."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotations.models import Campaign
from experiments.models import Experiment
from experiments.reports.exports import TABLES
from experiments.services import exporting
from experiments.services.experiments import NoSuchExperiment, named
from experiments.services.results import judged_campaigns


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("experiment", metavar="EXPERIMENT", help="name or number")
        parser.add_argument("table", choices=sorted(TABLES))
        parser.add_argument("--format", choices=sorted(exporting.FORMATS), default="jsonl")
        parser.add_argument("--campaign", metavar="UUID", help="this campaign only; else all of the experiment's")
        parser.add_argument("--output", type=Path, help="else standard output")

    def handle(self, *, experiment: str, table: str, output: Path | None, **given: Any) -> None:
        try:
            found = named(experiment)
            body = exporting.export(
                experiment=found,
                campaigns=chosen_campaigns(found, given["campaign"]),
                name=table,
                ending=given["format"],
                exported_by=None,
                now=timezone.now(),
            )
        except (NoSuchExperiment, exporting.DirectionHidden) as error:
            raise CommandError(str(error)) from error
        if output:
            with output.open("wb") as file:
                file.writelines(body)
        else:
            for block in body:
                self.stdout.write(block.decode(), ending="")
            sys.stdout.flush()


def chosen_campaigns(experiment: Experiment, uuid: str | None) -> list[Campaign]:
    campaigns = judged_campaigns(experiment)
    if uuid:
        campaigns = [campaign for campaign in campaigns if str(campaign.uuid) == uuid]
    if not campaigns:
        raise CommandError("There is no such campaign." if uuid else "No campaign has been opened.")
    return campaigns
