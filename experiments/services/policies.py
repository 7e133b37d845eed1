"""The rule of an experiment: written as a draft, registered with its hash, amended on record, never changed."""

from datetime import datetime
from uuid import UUID

import orjson
from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.deciding.presets import PRESETS
from experiments.models import Experiment, ExperimentPolicy, RegisteredPolicy
from experiments.policy import Policy, PolicyRefused, Problem
from experiments.reports.policies.fitting import Place, fitted, misfits
from experiments.reports.policies.open_evidence import open_evidence
from experiments.reports.policies.registered import current, draft_of
from experiments.services import evidence

MOST_BYTES = 200_000


class CannotRegister(Exception):
    """Not as things stand, for a reason a user can read."""


class NoReason(CannotRegister):
    """An amendment says why."""


class DraftMoved(CannotRegister):
    """The draft is another one than the person saw, or the id of the form was used for something else."""


@transaction.atomic
def save_draft(*, experiment: Experiment, policy: Policy, actor: User | None, now: datetime) -> ExperimentPolicy:
    """Raises PolicyRefused where the policy names what the experiment does not have."""
    if wrong := misfits(policy, Place(experiment)):
        raise PolicyRefused(wrong)
    row, _ = ExperimentPolicy.objects.update_or_create(
        experiment=experiment, defaults={"body": policy.to_dict(), "updated_by": actor, "updated_at": now}
    )
    tell(actor, "policy.drafted", experiment, policy, now)
    return row


def start_from_preset(*, experiment: Experiment, name: str, actor: User | None, now: datetime) -> ExperimentPolicy:
    if name not in PRESETS:
        raise PolicyRefused((Problem("preset", f"There is no such preset. There are {', '.join(PRESETS)}."),))
    return save_draft(experiment=experiment, policy=PRESETS[name].policy, actor=actor, now=now)


def copy_from(
    *, experiment: Experiment, source: Experiment, actor: User | None, now: datetime
) -> tuple[ExperimentPolicy, tuple[str, ...]]:
    """The registered policy of another experiment, and which criteria lost the name of something of that one."""
    found = current(source)
    if found is None:
        raise PolicyRefused((Problem("source", f"{source} has no registered policy to copy."),))
    policy, changed = fitted(found.policy, Place(experiment))
    return save_draft(experiment=experiment, policy=policy, actor=actor, now=now), changed


def import_draft(*, experiment: Experiment, text: bytes, actor: User | None, now: datetime) -> ExperimentPolicy:
    """Raises PolicyRefused with every problem by field."""
    return save_draft(experiment=experiment, policy=read_file(text), actor=actor, now=now)


def read_file(text: bytes) -> Policy:
    if len(text) > MOST_BYTES:
        raise PolicyRefused((Problem("", f"A policy file has at most {MOST_BYTES // 1000} kB."),))
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise PolicyRefused((Problem("", f"This is no JSON: {problem}."),)) from None
    return Policy.from_dict(raw)


@transaction.atomic
def discard_draft(*, experiment: Experiment, actor: User | None, now: datetime) -> None:
    deleted, _ = ExperimentPolicy.objects.filter(experiment=experiment).delete()
    if deleted:
        audit.record(actor=actor, action="policy.draft_discarded", subject=str(experiment), details={}, now=now)


@transaction.atomic
def register(
    *,
    experiment: Experiment,
    token: UUID,
    seen_sha256: str,
    reason: str = "",
    registered_by: User | None,
    now: datetime,
) -> RegisteredPolicy:
    """The draft as it was seen. The first is the registration, every later one an amendment and needs its reason.

    Evidence that is open already does not hinder it: it is listed in the row, for ever. The same token again gives the
    row it made.
    """
    Experiment.objects.select_for_update(no_key=True).get(pk=experiment.pk)
    if made := RegisteredPolicy.objects.filter(token=token).first():
        if (made.experiment_id, made.sha256) != (experiment.pk, seen_sha256):
            raise DraftMoved("This form was sent before for something else: open the page again.")
        return made
    policy, before = draft_of(experiment), current(experiment)
    if policy is None:
        raise CannotRegister("There is no draft to register: write the policy first.")
    if policy.sha256 != seen_sha256:
        raise DraftMoved("The draft was changed since you opened the page: read it again before you register it.")
    Policy.from_dict(policy.to_dict())  # it may have been saved before a check of today
    if wrong := misfits(policy, Place(experiment)):
        raise PolicyRefused(wrong)
    if before and before.row.sha256 == policy.sha256:
        raise CannotRegister("The draft says what is registered already, to the byte.")
    if before and not reason.strip():
        raise NoReason("Say why the policy is amended: the reason is shown with every decision.")
    row = RegisteredPolicy.objects.create(
        token=token,
        experiment=experiment,
        number=before.row.number + 1 if before else 1,
        text=policy.canonical().decode(),
        sha256=policy.sha256,
        reason=reason.strip() if before else "",
        evidence={"open": open_evidence(experiment)},
        registered_by=registered_by,
        registered_at=now,
    )
    ExperimentPolicy.objects.filter(experiment=experiment).delete()
    details = {"number": row.number, "sha256": row.sha256, "reason": row.reason, **row.evidence}
    action = "policy.amended" if before else "policy.registered"
    audit.record(actor=registered_by, action=action, subject=str(experiment), details=details, now=now)
    evidence.ask(experiment=experiment, created_by=registered_by, now=now)
    return row


def tell(actor: User | None, action: str, experiment: Experiment, policy: Policy, now: datetime) -> None:
    details = {"title": policy.title, "criteria": len(policy.criteria), "sha256": policy.sha256}
    audit.record(actor=actor, action=action, subject=str(experiment), details=details, now=now)
