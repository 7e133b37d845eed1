"""What came in for a test, counted: exposures, events, what was refused, and units that look odd."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from experiments.live_plan import Plan
from experiments.models import EventBatch, Exposure
from experiments.reports.live.payload import PerArm
from experiments.reports.live.sums import COMPARED, FORGETTABLE, IN_BOTH, Scope, fetch

LATEST_BATCHES = 50
NOBODY = PerArm()
COUNTS = """
SELECT counted.key, sum(counted.value::bigint) FROM experiments_eventbatch AS batch,
LATERAL jsonb_each_text(batch.counts) AS counted
WHERE batch.live_test_id = %(test)s AND (batch.n = 0 OR batch.counts <> '{}') GROUP BY 1
"""
BATCHED = """
SELECT (SELECT coalesce(sum(n), 0) FROM experiments_eventbatch WHERE live_test_id = %(test)s),
       coalesce(sum(n), 0), min(received_at) FILTER (WHERE n > 0)
FROM experiments_eventbatch WHERE live_test_id = %(test)s AND folded_at IS NULL
"""
CONFLICTS = """
SELECT exposure.arm, count(*) FROM experiments_armconflict AS conflict
JOIN experiments_exposure AS exposure
  ON exposure.live_test_id = conflict.live_test_id AND exposure.unit_id = conflict.unit_id
WHERE conflict.live_test_id = %(test)s
  AND greatest(conflict.seen_at, exposure.exposed_at) <= coalesce(%(cutoff)s::timestamptz, 'infinity')
GROUP BY 1
"""
MOVED = f"""
SELECT count(*) FROM experiments_exposure AS exposure
WHERE live_test_id = %(test)s AND exposed_at <= coalesce(%(cutoff)s::timestamptz, 'infinity') AND {FORGETTABLE}
AND NOT {IN_BOTH}
"""  # noqa: S608 constants
SILENT = f"""
WITH {COMPARED}
SELECT treated, count(*) FROM compared WHERE NOT EXISTS (
    SELECT 1 FROM experiments_unitmetric AS sums
    WHERE sums.live_test_id = %(test)s AND sums.unit_id = compared.unit_id AND sums.n > 0
) GROUP BY 1
"""  # noqa: S608 constants
# By days since the exposure, since that is when a unit's events begin to count.
BOTS = f"""
WITH {COMPARED}
SELECT treated, count(DISTINCT compared.unit_id) FROM compared
JOIN experiments_unitmetric AS sums ON sums.live_test_id = %(test)s AND sums.unit_id = compared.unit_id
WHERE sums.n > %(most)s * greatest(1, ceil(extract(epoch FROM sums.last_at - compared.exposed_at) / 86400))
GROUP BY 1
"""  # noqa: S608 constants
DELAYS = """
SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - at)::float8)
FROM experiments_liveevent AS event WHERE live_test_id = %(test)s AND batch_id = ANY(%(batches)s)
"""
# What a unit did before it was exposed is sent with its exposure, however old: that is no delay. Each unit by the
# index, since a join would read all that are exposed.
SINCE_EXPOSED = """
AND at >= (
    SELECT exposed_at - %(skew)s * interval '1 minute' FROM experiments_exposure
    WHERE live_test_id = %(test)s AND unit_id = event.unit_id
)
"""


@dataclass(frozen=True)
class Traffic:
    """compared, silent, bots, conflicts: units per arm. moved: units of control left out since a client may have
    forgotten them over a ramp, those of conflicts not counted again. refused: how many events got which other answer.

    waiting: events in no sum yet, the first of them since waiting_since. delay: median and 95th percentile of seconds
    from an event to its arrival, of the latest batches.
    """

    compared: PerArm = NOBODY
    conflicts: PerArm = NOBODY
    moved: int = 0
    silent: PerArm = NOBODY
    bots: PerArm = NOBODY
    answers: dict[str, int] = field(default_factory=dict)
    events: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None
    delay: tuple[float, float] | None = None
    imported: bool = False
    first_at: datetime | None = None
    last_at: datetime | None = None


def read_traffic(scope: Scope, plan: Plan, compared: PerArm) -> Traffic:
    params = scope.params
    [(events, waiting, since)] = fetch(BATCHED, params)
    arms = dict(fetch(CONFLICTS, params))
    exposed = Exposure.objects.filter(live_test=scope.test_id).order_by("exposed_at")
    first = exposed.values("exposed_at", "source").first()
    last = exposed.reverse().values("exposed_at").first()
    return Traffic(
        compared=compared,
        conflicts=PerArm(control=arms.get("control", 0), treatment=arms.get("treatment", 0)),
        moved=fetch(MOVED, params)[0][0] if scope.ramps else 0,
        silent=per_arm(SILENT, params),
        bots=per_arm(BOTS, params | {"most": plan.bot_events_per_day}),
        answers={name: int(n) for name, n in fetch(COUNTS, params)},
        events=int(events),
        waiting=int(waiting),
        waiting_since=since,
        delay=read_delay(scope, plan),
        imported=bool(first and first["source"] == Exposure.Source.IMPORTED),
        first_at=first["exposed_at"] if first else None,
        last_at=last["exposed_at"] if last else None,
    )


def per_arm(sql: str, params: dict[str, Any]) -> PerArm:
    found = dict(fetch(sql, params))
    return PerArm(control=found.get(0, 0), treatment=found.get(1, 0))


def read_delay(scope: Scope, plan: Plan) -> tuple[float, float] | None:
    stored = EventBatch.objects.filter(live_test=scope.test_id, n__gt=0).order_by("-received_at")
    batches = list(stored.values_list("pk", flat=True)[:LATEST_BATCHES])
    if not batches:
        return None
    sql = DELAYS + (SINCE_EXPOSED if any(one.covariate for one in plan.metrics) else "")
    [(found,)] = fetch(sql, {"test": scope.test_id, "batches": batches, "skew": plan.early_minutes})
    return (found[0], found[1]) if found else None
