"""Remembers what a person saw of an experiment last, so that the next visit can say what is new."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from evalsite.platform.models import User
from experiments.models import DashboardVisit, Experiment

# Looks closer together than this are one visit: a page loaded again still tells what was new.
SITTING = timedelta(minutes=30)

REMEMBER = """
INSERT INTO experiments_dashboardvisit AS kept (user_id, experiment_id, seen, at)
VALUES (%(user)s, %(experiment)s, jsonb_build_object('now', %(state)s::jsonb), %(now)s)
ON CONFLICT ON CONSTRAINT one_last_visit DO UPDATE SET
    at = excluded.at,
    seen = CASE WHEN kept.at < %(now)s - %(sitting)s::interval
        THEN jsonb_build_object('now', excluded.seen -> 'now', 'before', kept.seen -> 'now', 'before_at', kept.at)
        ELSE kept.seen || excluded.seen
    END
RETURNING seen
"""


@dataclass(frozen=True)
class LastVisit:
    """What was remembered of the visit before this one, and when that was; empty at the first."""

    before: dict[str, Any]
    at: datetime | None


def remember(*, user: User, experiment: Experiment, state: dict[str, Any], now: datetime) -> LastVisit:
    """One statement, so that two tabs opened at once disturb nothing."""
    given: dict[str, Any] = {
        "user": user.pk,
        "experiment": experiment.pk,
        "state": orjson.dumps(state).decode(),
        "now": now,
        "sitting": SITTING,
    }
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER, given)
        seen = cursor.fetchone()[0]
    return last_visit(orjson.loads(seen) if isinstance(seen, str) else seen)


def recall(*, user: User, experiment: Experiment) -> LastVisit:
    """Without leaving a trace: for parts of a page that renew themselves."""
    found = DashboardVisit.objects.filter(user=user, experiment=experiment).values_list("seen", flat=True).first()
    return last_visit(found or {})


def mark_as_seen(*, user: User, experiment: Experiment, now: datetime) -> None:
    for visit in DashboardVisit.objects.filter(user=user, experiment=experiment):
        visit.seen = {"now": visit.seen.get("now", {})}
        visit.at = now
        visit.save(update_fields=["seen", "at"])


def last_visit(seen: dict[str, Any]) -> LastVisit:
    at = seen.get("before_at")
    return LastVisit(before=seen.get("before") or {}, at=datetime.fromisoformat(at) if at else None)
