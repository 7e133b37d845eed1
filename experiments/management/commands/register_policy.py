"""Register an experiment's policy from a file or a preset: register_policy EXPERIMENT FILE.json | --preset NAME."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from experiments.deciding.presets import PRESETS
from experiments.management.experiment_named import experiment_named
from experiments.models import Experiment
from experiments.policy import Policy, PolicyRefused
from experiments.reports.policies.fitting import Place, fitted
from experiments.reports.policies.registered import current, draft_of
from experiments.services import policies


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("experiment", metavar="EXPERIMENT", help="its name or its number")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("file", nargs="?", metavar="FILE", help="JSON, as an export or the schema has it")
        source.add_argument("--preset", choices=list(PRESETS))
        source.add_argument("--from", dest="source", metavar="EXPERIMENT", help="copy its registered policy")
        parser.add_argument("--reason", default="", help="why it is amended, where one is registered already")
        parser.add_argument("--check", action="store_true", help="only read it, and say what is wrong")

    def handle(self, *, experiment: str, **given: Any) -> None:
        named = experiment_named(experiment)
        try:
            policy = chosen(named, given)
            if given["check"]:
                self.stdout.write(f"{policy.title}: {len(policy.criteria)} criteria, {policy.sha256}")
                return
            self.register(named, policy, given["reason"])
        except PolicyRefused as refusal:
            problems = "\n".join(f"  {problem}" for problem in refusal.problems)
            raise CommandError(f"The policy cannot be used:\n{problems}") from None
        except policies.CannotRegister as refusal:
            raise CommandError(str(refusal)) from None

    @transaction.atomic
    def register(self, experiment: Experiment, policy: Policy, reason: str) -> None:
        """Registered already, to the byte: then there is nothing to do, and the command may be repeated."""
        before = current(experiment)
        if before and before.row.sha256 == policy.sha256:
            self.stdout.write(f"policy {before.row.number} stands already: {before.row.sha256}")
            return
        if draft_of(experiment) not in (None, policy):
            raise CommandError("There is another draft on its page: register or discard that first.")
        now = timezone.now()
        policies.save_draft(experiment=experiment, policy=policy, actor=None, now=now)
        row = policies.register(
            experiment=experiment,
            token=uuid4(),
            seen_sha256=policy.sha256,
            reason=reason,
            registered_by=None,
            now=now,
        )
        self.stdout.write(f"policy {row.number}: {row.sha256}")
        for one in row.evidence["open"]:
            self.stdout.write(f"open already: {one}")


def chosen(experiment: Experiment, given: dict[str, Any]) -> Policy:
    if given["preset"]:
        return PRESETS[given["preset"]].policy
    if given["source"]:
        found = current(experiment_named(given["source"]))
        if found is None:
            raise CommandError(f"{given['source']} has no registered policy to copy.")
        return fitted(found.policy, Place(experiment))[0]
    try:
        text = Path(given["file"]).read_bytes()
    except OSError as problem:
        raise CommandError(f"{given['file']} cannot be read: {problem.strerror}.") from None
    return policies.read_file(text)
