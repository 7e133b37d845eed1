"""`manage.py create_live_test FILE`: a live test from a JSON file, planned and registered as the page does it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from experiments.live_plan import PlanRefused
from experiments.management.generation_steps import model_version_named
from experiments.models import Experiment, LiveTest
from experiments.services import experiments
from experiments.services.experiments import NoSuchExperiment
from experiments.services.live_tests import drafting, registering, running
from experiments.services.live_tests.drafting import TestRefused

NEEDED = ("name", "key", "control", "treatment", "plan")
KNOWN = (*NEEDED, "experiment")


class Command(BaseCommand):
    help = (
        'Plan a live test from a JSON file: {"name", "key", "control", "treatment", "plan": {…}} and, if it belongs to '
        'one, "experiment"; models as NAME or NAME:VERSION. The same file again gives the test it made.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--draft", action="store_true", help="do not register it: it can still be changed")
        parser.add_argument("--start", action="store_true", help="route units from now on")

    def handle(self, *, file: Path, draft: bool, start: bool, **options: Any) -> None:
        if draft and start:
            raise CommandError("A draft cannot start: leave out --draft or --start.")
        said, token = read(file)
        try:
            made = make(said, token, draft=draft, start=start)
        except PlanRefused as refusal:
            raise CommandError("\n".join(f"{problem}" for problem in refusal.problems)) from None
        except TestRefused as refusal:
            raise CommandError(str(refusal)) from None
        plan = getattr(made, "plan", None)
        known = f", plan {plan.sha256}" if plan else ""
        self.stdout.write(f"live test {made.key}: {made.get_status_display()}{known}")


def read(file: Path) -> tuple[dict[str, Any], UUID]:
    try:
        content = file.read_bytes()
        said = orjson.loads(content)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except orjson.JSONDecodeError as error:
        raise CommandError(f"{file} is no JSON: {error}.") from None
    if not isinstance(said, dict) or not isinstance(said.get("plan"), dict):
        raise CommandError(f"{file} must hold an object with {', '.join(NEEDED)}; the plan is an object too.")
    for name in said:
        if name not in KNOWN:
            raise CommandError(f"{name} is not known here, only {', '.join(KNOWN)}.")
    for name in ("name", "key", "control", "treatment"):
        if not isinstance(said.get(name), str) or not said[name]:
            raise CommandError(f"{name} is missing, or is no text.")
    return said, uuid5(NAMESPACE_URL, content.hex())


@transaction.atomic
def make(said: dict[str, Any], token: UUID, *, draft: bool, start: bool) -> LiveTest:
    now = timezone.now()
    made = drafting.create(
        name=said["name"],
        key=said["key"],
        control=model_version_named(said["control"]),
        treatment=model_version_named(said["treatment"]),
        experiment=experiment_named(said.get("experiment")),
        draft=said["plan"],
        token=token,
        created_by=None,
        now=now,
    )
    if not draft:
        registering.register(live_test=made, registered_by=None, now=now)
    if start:
        running.start(live_test=made, actor=None, now=now)
    return LiveTest.objects.select_related("plan").get(pk=made.pk)


def experiment_named(name: object) -> Experiment | None:
    if name is None:
        return None
    try:
        return experiments.named(str(name))
    except NoSuchExperiment as refusal:
        raise CommandError(str(refusal)) from None
