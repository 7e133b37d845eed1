"""`manage.py step_live_test KEY STEP`: what the buttons on a live test's page do."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.live_plan import PlanRefused
from experiments.models import LiveTest
from experiments.services.live_tests import stepping
from experiments.services.live_tests.drafting import TestRefused


def read_metric(file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        found = orjson.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"{file} must hold one metric, as {{…}}.")
    return found


class Command(BaseCommand):
    help = (
        "Register the plan of a live test, start it, raise its split, stop it, open its result early, extend it, or "
        "note what a reader must know, or add a metric to its plan. With --token the same act sent again counts once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("step", choices=list(stepping.STEPS))
        parser.add_argument("--split", type=float, help="with ramp: the new share of treatment, as .3")
        parser.add_argument("--units-per-arm", type=int, dest="n_per_arm", help="with extend: planned from now on")
        parser.add_argument("--days", type=int, help="with extend: planned from now on")
        parser.add_argument("--metric", type=Path, help="with add_metric: a JSON file, as a metric stands in a plan")
        parser.add_argument(
            "--reason", default="", help="with ramp, stop, open, extend, add_metric and note: kept beside the result"
        )
        parser.add_argument("--token", type=UUID, help="a UUID of your own: the same again changes nothing")

    def handle(self, *, key: str, step: str, reason: str, token: UUID | None, **said: Any) -> None:
        found = LiveTest.objects.filter(key=key).first()
        if found is None:
            raise CommandError(f"There is no live test {key!r}.")
        try:
            words = stepping.take(
                live_test=found,
                step=step,
                token=token or uuid4(),
                reason=reason,
                split=said["split"],
                n_per_arm=said["n_per_arm"],
                days=said["days"],
                metric=read_metric(said["metric"]),
                most_events=None,
                actor=None,
                now=timezone.now(),
            )
        except (TestRefused, PlanRefused) as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{key}: {words}")
