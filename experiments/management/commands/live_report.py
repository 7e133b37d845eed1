"""Print what a live test says, with all that came in by now."""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.models import LiveTest
from experiments.reports.live import text
from experiments.services import live_results


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY", help="what client applications name the test by")
        parser.add_argument("--format", choices=("json", "text"), default="text")

    def handle(self, *, key: str, **given: Any) -> None:
        live_test = LiveTest.objects.filter(key=key).first()
        if live_test is None:
            raise CommandError(f"There is no live test {key!r}.")
        try:
            payload = live_results.payload_of(live_test, now=timezone.now())
        except live_results.NotStarted as refusal:
            raise CommandError(str(refusal)) from refusal
        if given["format"] == "json":
            self.stdout.write(orjson.dumps(payload.to_dict(), option=orjson.OPT_INDENT_2).decode())
        else:
            self.stdout.write("\n".join(text.lines(payload)))
