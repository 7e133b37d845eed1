"""Which items of a run a lane works on: taken in chunks, renewed, given back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import orjson
from django.db import connection
from django.db.models import Q

from experiments.models import RunItem
from experiments.services.runs.messages import AskedCase

LEASE = timedelta(seconds=60)
# Deliveries of a lane that died may have left items behind; more than these had time to run out by themselves.
DELIVERIES_LOOKED_BACK = 100

TAKE = """
WITH next AS (
    SELECT id FROM experiments_runitem
    WHERE run_id = %(run)s AND state = 'waiting' AND id > %(after)s
      AND (lease_until IS NULL OR lease_until < %(now)s) AND (not_before IS NULL OR not_before <= %(now)s)
    ORDER BY id LIMIT %(n)s FOR UPDATE SKIP LOCKED
)
UPDATE experiments_runitem AS item SET lease_token = %(token)s, lease_until = %(until)s
FROM next, experiments_evalcase AS evalcase
WHERE item.id = next.id AND evalcase.id = item.case_id
RETURNING item.id, item.case_id, item.attempts, evalcase.system, evalcase.turns::text, evalcase.prompt,
          evalcase.checks::text
"""


@dataclass(slots=True)
class Leased:
    """One case in a worker's hands."""

    item_id: int
    case_id: int
    attempts: int
    case: AskedCase


def token_of(job_id: UUID, delivery: int) -> UUID:
    """The same for everybody who knows the delivery, so that the next one can free what it left."""
    return uuid5(job_id, str(delivery))


def tokens_before(job_id: UUID, delivery: int) -> list[UUID]:
    return [token_of(job_id, earlier) for earlier in range(max(1, delivery - DELIVERIES_LOOKED_BACK), delivery)]


def take(*, run_id: UUID, token: UUID, n: int, after: int, now: datetime) -> list[Leased]:
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"run": run_id, "token": token, "n": n, "after": after, "now": now, "until": now + LEASE})
        return sorted((leased(*row) for row in cursor.fetchall()), key=lambda item: item.item_id)


def leased(item: int, case: int, attempts: int, system: str, turns: str, prompt: str, checks: str) -> Leased:
    asked = AskedCase(
        prompt=prompt,
        system=system,
        turns=orjson.loads(turns) if turns != "[]" else (),
        checks=orjson.loads(checks) if checks != "{}" else {},
    )
    return Leased(item, case, attempts, asked)


def renew(*, token: UUID, items: Collection[int], now: datetime) -> None:
    RunItem.objects.filter(pk__in=items, lease_token=token).update(lease_until=now + LEASE)


def release(*, run_id: UUID, tokens: Sequence[UUID]) -> None:
    """What is still waiting under these tokens is anybody's."""
    held = RunItem.objects.filter(run=run_id, state=RunItem.State.WAITING, lease_token__in=tokens)
    held.update(lease_token=None, lease_until=None)


def any_free(*, run_id: UUID, now: datetime) -> bool:
    """Whether a case waits that nobody holds, be it for the end of its back-off."""
    waiting = RunItem.objects.filter(run=run_id, state=RunItem.State.WAITING)
    return waiting.filter(Q(lease_until=None) | Q(lease_until__lt=now)).exists()


def any_waiting(*, run_id: UUID) -> bool:
    return RunItem.objects.filter(run=run_id, state=RunItem.State.WAITING).exists()
