"""A live test as traffic meets it: its plan, its split of this moment, and whether it runs.

Asked for at every request, so a ramp or a stop counts from the next request on. Only the plan is kept in memory, by
its hash: it never changes.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from evalsite.platform import prepared
from experiments.live_plan import Plan
from experiments.models import LivePlan, LiveTest

PLANS_KEPT = 256
# A draft has no plan yet, so traffic does not know it.
FIND = """
SELECT t.id, t.status, t.split, t.started_at, t.stopped_at, p.sha256
FROM experiments_livetest t JOIN experiments_liveplan p ON p.live_test_id = t.id WHERE t.key = %(key)s
"""


@dataclass(frozen=True, kw_only=True)
class RunningTest:
    """`split` is the share of treatment now: the plan's, or what it was raised to."""

    test_id: int
    key: str
    plan: Plan
    plan_sha256: str
    status: str
    split: float
    started_at: datetime | None
    stopped_at: datetime | None

    @property
    def runs(self) -> bool:
        return self.status == LiveTest.Status.RUNNING


def running(key: str) -> RunningTest | None:
    """None where no registered test has this key; a test that is not started or is stopped is told as such."""
    rows = prepared.fetch(FIND, {"key": key})
    if not rows:
        return None
    [(test_id, status, split, started_at, stopped_at, sha256)] = rows
    return RunningTest(
        test_id=test_id,
        key=key,
        plan=plan_of(test_id, sha256),
        plan_sha256=sha256,
        status=status,
        split=split,
        started_at=started_at,
        stopped_at=stopped_at,
    )


@lru_cache(maxsize=PLANS_KEPT)
def plan_of(test_id: int, sha256: str) -> Plan:
    return Plan.from_dict(LivePlan.objects.get(live_test=test_id, sha256=sha256).body)
