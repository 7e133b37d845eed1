"""Deliveries: a row per hook and decision, made with the decision, tried until it is taken or given up."""

from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import F, Q

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.endpoints.client import Answer
from experiments.endpoints.errors import CallError
from experiments.models import Decision, DecisionHook, HookDelivery
from experiments.services import endpoints, keys
from experiments.services.hooks import message

DEADLINE_SECONDS = 10.0
MAX_BYTES = 64 * 1024
MOST_TRIES = 10
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
# Who took one up and died has it given to the next one after this time.
LEASE = timedelta(seconds=60)
Status = HookDelivery.Status


class SecretGone(Exception):
    """The secret cannot be read any more, so nothing can be signed."""


def note(decision: Decision, *, now: datetime) -> int:
    """In the decision's own transaction, so that none goes untold; how many hear of it."""
    hooks = DecisionHook.objects.filter(Q(experiment=None) | Q(experiment=decision.experiment_id), removed_at=None)
    rows = [HookDelivery(hook=hook, decision=decision, next_at=now, created_at=now) for hook in hooks]
    return len(HookDelivery.objects.bulk_create(rows))


def due(*, now: datetime) -> list[int]:
    rows = HookDelivery.objects.filter(status=Status.WAITING, next_at__lte=now).order_by("next_at")
    return list(rows.values_list("pk", flat=True)[:100])


def deliver(delivery_id: int, *, now: datetime) -> bool:
    """One try, of one worker at a time. Whether it is delivered now."""
    delivery = taken(delivery_id, now=now)
    if delivery is None:
        return False
    try:
        answer = called(delivery, now=now)
    except SecretGone as gone:
        return settle(delivery, told=str(gone), is_final=True, now=now)
    except CallError as error:
        return settle(delivery, told=error.detail, is_final=False, now=now)
    is_taken = 200 <= answer.status < 300
    # 410 is how a receiver says that it wants to hear nothing more; other refusals may be mended.
    return settle(delivery, told=f"answered {answer.status}", is_final=answer.status == 410, is_taken=is_taken, now=now)


@transaction.atomic
def taken(delivery_id: int, *, now: datetime) -> HookDelivery | None:
    rows = HookDelivery.objects.filter(pk=delivery_id, status=Status.WAITING, next_at__lte=now)
    if not rows.update(attempts=F("attempts") + 1, next_at=now + LEASE):
        return None
    return HookDelivery.objects.select_related("hook", "decision").get(pk=delivery_id)


def called(delivery: HookDelivery, *, now: datetime) -> Answer:
    sent = message.body(delivery)
    return endpoints.client().request(
        "POST",
        delivery.hook.url,
        body=sent,
        headers=message.headers(delivery, sent, secret=secret_of(delivery.hook), second=int(now.timestamp())),
        deadline_seconds=DEADLINE_SECONDS,
        max_bytes=MAX_BYTES,
    )


def secret_of(hook: DecisionHook) -> str:
    if not hook.secret_ciphertext:
        return ""
    try:
        return keys.opened(hook.secret_ciphertext, origin=keys.origin_of(hook.url))
    except (InvalidToken, keys.NoFieldKeys, keys.OtherOrigin):
        raise SecretGone("The secret was encrypted with a FIELD_KEYS that is gone: make the hook again.") from None


def settle(delivery: HookDelivery, *, told: str, is_final: bool, is_taken: bool = False, now: datetime) -> bool:
    held = HookDelivery.objects.filter(pk=delivery.pk, status=Status.WAITING, attempts=delivery.attempts)
    told = told[:300]
    if is_taken:
        held.update(status=Status.DELIVERED, answer=told, delivered_at=now)
    elif is_final or delivery.attempts >= MOST_TRIES:
        held.update(status=Status.FAILED, answer=told)
    else:
        held.update(next_at=now + pause_after(delivery.attempts), answer=told)
    return is_taken


def pause_after(attempts: int) -> timedelta:
    """Doubling: ten tries take about two hours."""
    doubled: timedelta = FIRST_PAUSE * 2 ** (attempts - 1)
    return min(doubled, LONGEST_PAUSE)


@transaction.atomic
def again(*, delivery: HookDelivery, actor: User | None, now: datetime) -> bool:
    """One that was given up is tried from the start; False where it waits, was delivered, or its hook is removed."""
    failed = HookDelivery.objects.filter(pk=delivery.pk, status=Status.FAILED, hook__removed_at=None)
    if not failed.update(status=Status.WAITING, attempts=0, next_at=now):
        return False
    audit.record(actor=actor, action="hook.tried_again", subject=delivery.hook.name, details={}, now=now)
    return True
