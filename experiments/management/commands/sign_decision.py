"""Sign a decision on the evidence of an experiment as it was gathered last."""

from argparse import ArgumentParser
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from evalsite.platform.models import User
from experiments.models import Decision, EvidenceSnapshot
from experiments.services import decisions
from experiments.services.experiments import NoSuchExperiment, named


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("experiment", metavar="EXPERIMENT", help="name or number")
        parser.add_argument("--by", required=True, metavar="USER", help="the lead who signs")
        parser.add_argument("--comment", required=True, help="what is decided and why")
        parser.add_argument("--verdict", choices=Decision.Verdict.values, help="the policy's unless said otherwise")
        parser.add_argument("--override-reason", default="", help="why another verdict than the policy's is signed")
        parser.add_argument("--evidence", metavar="SHA256", help="refuse unless this is the evidence that stands")

    def handle(self, *, experiment: str, by: str, **given: Any) -> None:
        try:
            found = named(experiment)
        except NoSuchExperiment as error:
            raise CommandError(str(error)) from error
        person = User.objects.filter(username=by).first()
        if person is None:
            raise CommandError(f"There is no user {by!r}.")
        snapshot = EvidenceSnapshot.objects.filter(experiment=found).first()
        if snapshot is None or not snapshot.payload.get("policy"):
            raise CommandError("There is no verdict yet: register a policy and run gather_evidence first.")
        try:
            made = decisions.sign(
                experiment=found,
                token=uuid4(),
                evidence_sha256=given["evidence"] or snapshot.sha256,
                policy_sha256=snapshot.payload["policy"]["sha256"],
                verdict=given["verdict"] or snapshot.verdict,
                override_reason=given["override_reason"],
                comment=given["comment"],
                signed_by=person,
                now=timezone.now(),
            )
        except decisions.CannotSign as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Decision {made.number} of {found}: {made.verdict}, signed by {by} ({made.pk})")
