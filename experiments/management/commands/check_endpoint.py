"""`manage.py check_endpoint NAME`: what the button on its page asks, at once and on the terminal."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.models import Endpoint
from experiments.services import endpoint_checks
from experiments.services.endpoint_checks import BAD, GOOD

MARKS = {GOOD: "yes", BAD: "no"}
NEEDED = {"key", "models", "answer"}
SECONDS = 120.0  # nobody waits in a queue behind it


class Command(BaseCommand):
    help = "Ask an endpoint for its models, one word, log probabilities and a tool call. Ends with 1 if it fails."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--model", default="", help="default: the one used last, or the first it lists")

    def handle(self, *, name: str, model: str, **options: Any) -> None:
        endpoint = Endpoint.objects.filter(name=name).first()
        if endpoint is None:
            raise CommandError(f"There is no endpoint called {name}.")
        found = endpoint_checks.run_check(
            endpoint=endpoint,
            model=model,
            now=timezone.now(),
            progress=lambda done, total, note: None,
            seconds=SECONDS,
        )
        for finding in found["findings"]:
            words = " ".join(filter(None, [finding["words"], finding["way_out"]]))
            self.stdout.write(f"{finding['about']:<9} {MARKS.get(finding['state'], '?'):<4} {words}")
        if any(finding["state"] == BAD and finding["about"] in NEEDED for finding in found["findings"]):
            raise CommandError(f"{name} does not answer as it should.")
