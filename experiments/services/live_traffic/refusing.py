"""Events that were not taken: the newest of each test and reason are kept to look at; batches count them all."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from experiments.models import RefusedEvent
from experiments.services.live_traffic.sifting import Settled

# Of one request and reason, and in all of one test and reason.
KEPT_OF_A_REQUEST, KEPT = 20, 1000
DROP = """
DELETE FROM experiments_refusedevent WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY live_test_id, reason ORDER BY received_at DESC, id DESC) AS place
        FROM experiments_refusedevent
    ) AS numbered WHERE place > %s
)
"""


def keep(test_id: int | None, refused: Sequence[Settled], *, now: datetime) -> None:
    kept: Counter[str] = Counter()
    rows = []
    for _, answer, unit_id in refused:
        kept[answer.status] += 1
        if kept[answer.status] <= KEPT_OF_A_REQUEST:
            rows.append(
                RefusedEvent(
                    live_test_id=test_id,
                    reason=answer.status,
                    detail=answer.reason[:300],
                    event_id=answer.event_id,
                    unit_id=unit_id,
                    received_at=now,
                )
            )
    if rows:
        RefusedEvent.objects.bulk_create(rows)


def drop_old() -> int:
    """Called every now and then; a window function over what is kept, which this very call keeps small."""
    with connection.cursor() as cursor:
        cursor.execute(DROP, [KEPT])
        return int(cursor.rowcount)
