"""Events that were not taken: the newest of each test and reason are kept to look at; batches count them all.

Of old batches one row per test keeps the counts: clients that send again and again add a batch each time.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

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

# A batch without events is only its counts. One with events stays, since its events name it, and hands its counts over.
# What another worker has in hand waits for the next turn.
MERGE = """
WITH old AS (
    SELECT id, live_test_id, n, counts, received_at, folded_at FROM experiments_eventbatch
    WHERE folded_at IS NOT NULL AND received_at < %(before)s AND (n = 0 OR counts <> '{}')
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM experiments_eventbatch USING old WHERE experiments_eventbatch.id = old.id AND old.n = 0
), emptied AS (
    UPDATE experiments_eventbatch SET counts = '{}' FROM old WHERE experiments_eventbatch.id = old.id AND old.n > 0
), counted AS (
    SELECT live_test_id, key, sum(value::bigint) AS n FROM old CROSS JOIN jsonb_each_text(counts) GROUP BY 1, 2
)
INSERT INTO experiments_eventbatch (live_test_id, n, counts, received_at, folded_at)
SELECT old.live_test_id, 0, coalesce((
    SELECT jsonb_object_agg(key, n) FROM counted WHERE counted.live_test_id IS NOT DISTINCT FROM old.live_test_id
), '{}'), max(old.received_at), max(old.folded_at)
FROM old GROUP BY old.live_test_id
"""
MERGED_AFTER = timedelta(days=1)


def keep(test_id: int | None, refused: Sequence[Settled], *, now: datetime) -> None:
    kept: Counter[str] = Counter()
    rows = []
    for one in refused:
        answer = one.answer
        kept[answer.status] += 1
        if kept[answer.status] <= KEPT_OF_A_REQUEST:
            rows.append(
                RefusedEvent(
                    live_test_id=test_id,
                    reason=answer.status,
                    detail=answer.reason[:300],
                    event_id=answer.event_id,
                    unit_id=one.unit_id,
                    received_at=now,
                )
            )
    if rows:
        RefusedEvent.objects.bulk_create(rows)


def drop_old(*, now: datetime) -> int:
    """Called every now and then; a window function over what is kept, which this very call keeps small."""
    merge_counts(now=now)
    with connection.cursor() as cursor:
        cursor.execute(DROP, [KEPT])
        return int(cursor.rowcount)


@transaction.atomic
def merge_counts(*, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MERGE, {"before": now - MERGED_AFTER})
