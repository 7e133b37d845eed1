"""Add a live test's waiting events to the sums of its units now; --anew makes all sums again from the events."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.services.live_traffic import folding
from experiments.services.live_traffic.running_tests import running


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key")
        parser.add_argument("--anew", action="store_true")

    def handle(self, *, key: str, anew: bool, **options: Any) -> None:
        test = running(key)
        if test is None:
            raise CommandError(f"No registered live test has the key {key!r}.")
        act = folding.refold if anew else folding.fold
        self.stdout.write(f"{act(test.test_id, now=timezone.now()):,} events folded")
