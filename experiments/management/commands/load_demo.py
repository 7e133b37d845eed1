"""Load the shipped example, once: questions, reviews, suites, live tests, and four experiments with their verdicts."""

from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.services import demo, demo_benchmarks, demo_live, demo_verdicts


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        current_app.loader.import_default_modules()  # where the handlers register themselves
        try:
            now = timezone.now()
            demo_verdicts.register(now=now)
            demo.load(now=now)
            demo_benchmarks.load(now=now)
            demo_live.load(now=now)
            demo_verdicts.load(now=now)
        except demo.DemoNotLoaded as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"The example is there: experiment {demo.EXPERIMENT}, and three more with a verdict.")
