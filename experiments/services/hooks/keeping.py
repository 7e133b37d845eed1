"""Hooks: made and removed. Removing keeps what was delivered."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.endpoints.errors import CallError
from experiments.models import DecisionHook, Experiment
from experiments.services import keys
from experiments.services.endpoints import refuse_bad_address

SHORTEST_SECRET = 16


class HookRefused(Exception):
    """This hook cannot be made, for a reason a user can read; `field` is the form's, where it is about one."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


@transaction.atomic
def create(
    *,
    token: UUID,
    name: str,
    url: str,
    secret: str = "",
    experiment: Experiment | None = None,
    created_by: User | None,
    now: datetime,
) -> DecisionHook:
    """The same token again gives the hook it made. Raises HookRefused."""
    if made := DecisionHook.objects.filter(token=token).first():
        if (made.name, made.url, made.experiment_id) != (name, url, experiment.pk if experiment else None):
            raise HookRefused("This form was sent before with other words. Load it again.")
        return made
    hook = DecisionHook.objects.create(
        token=token,
        name=name,
        url=url,
        secret_ciphertext=sealed(secret, url=url),
        experiment=experiment,
        created_by=created_by,
        created_at=now,
    )
    details = {"url": url, "experiment": str(experiment) if experiment else "all", "signed": bool(secret)}
    audit.record(actor=created_by, action="hook.made", subject=name, details=details, now=now)
    return hook


def sealed(secret: str, *, url: str) -> str:
    try:
        refuse_bad_address(url)
    except CallError as error:
        raise HookRefused(str(error), "url") from None
    if not secret:
        return ""
    if len(secret) < SHORTEST_SECRET:
        raise HookRefused(f"A secret has at least {SHORTEST_SECRET} characters.", "secret")
    try:
        keys.check(secret)
        return keys.sealed(secret, origin=keys.origin_of(url))
    except (keys.BadKey, keys.NoFieldKeys) as refusal:
        raise HookRefused(str(refusal), "secret") from None


@transaction.atomic
def remove(*, hook: DecisionHook, actor: User | None, now: datetime) -> None:
    if DecisionHook.objects.filter(pk=hook.pk, removed_at=None).update(removed_at=now, secret_ciphertext=""):
        hook.deliveries.filter(status="waiting").update(status="failed", answer="The hook was removed.")
        audit.record(actor=actor, action="hook.removed", subject=hook.name, details={"url": hook.url}, now=now)
