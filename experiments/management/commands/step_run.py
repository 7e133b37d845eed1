"""`manage.py step_run RUN pause|resume|cancel|end|retry`: what the buttons on a run's page do."""

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.management.commands.run_benchmark import money
from experiments.management.scoring_steps import run_named
from experiments.services.runs import pausing, stepping
from experiments.services.runs.starting import RunRefused


class Command(BaseCommand):
    help = (
        "Pause a run, continue it, cancel it, end it with what there is, or try its errors again. A run that is as "
        "asked already stays so; with --key even a retry is one round of calls, however often it is sent."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="id of the run")
        parser.add_argument("step", choices=list(pausing.STEPS))
        parser.add_argument("--budget", type=money, help="with resume: pause when so much is spent")
        parser.add_argument("--key", type=UUID, help="a UUID of your own: the same again changes nothing")

    def handle(self, *, run: str, step: str, budget: Decimal | None, key: UUID | None, **options: Any) -> None:
        found, now = run_named(run), timezone.now()
        try:
            if key is None:
                changed = stepping.take(run=found, step=step, budget=budget, actor=None, now=now)
            else:
                changed = stepping.take_once(key=key, run=found, step=step, budget=budget, actor=None, now=now)
        except RunRefused as refusal:
            raise CommandError(str(refusal)) from None
        found.refresh_from_db()
        words = "" if changed else " Nothing was to be done."
        self.stdout.write(f"run {found.pk}: {found.get_status_display()}.{words} {found.status_reason}".rstrip())
