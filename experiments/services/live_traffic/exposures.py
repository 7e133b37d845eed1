"""A unit's first arm, which it keeps: told by the rule of the plan or by the client, stored once, never changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from msgspec import Struct

from evalsite.platform import prepared
from experiments import routing
from experiments.live_plan import Plan
from experiments.models import Exposure

READ = """
SELECT unit_id, arm, exposed_at FROM experiments_exposure
WHERE live_test_id = %(test)s AND unit_id = ANY(%(units)s::text[])
"""
# The look and the write in one: what is asked for most are units that stand already, and they cost one look.
EXPOSE = """
WITH seen AS (
    SELECT * FROM unnest(
        %(units)s::text[], %(arms)s::text[], %(buckets)s::int[], %(ats)s::timestamptz[], %(segments)s::text[]
    ) AS seen (unit, arm, bucket, at, segment)
), stored AS (
    SELECT unit_id, arm, exposed_at FROM experiments_exposure
    WHERE live_test_id = %(test)s AND unit_id = ANY(%(units)s::text[])
), new AS (
    INSERT INTO experiments_exposure (live_test_id, unit_id, arm, bucket, source, exposed_at, segment)
    SELECT %(test)s, unit, arm, bucket, %(source)s, at, segment::jsonb FROM seen
    WHERE NOT EXISTS (SELECT FROM stored WHERE stored.unit_id = seen.unit)
    ON CONFLICT DO NOTHING RETURNING unit_id, arm, exposed_at
)
SELECT unit_id, arm, exposed_at, false FROM stored UNION ALL SELECT unit_id, arm, exposed_at, true FROM new
"""
CONFLICTS = """
INSERT INTO experiments_armconflict (live_test_id, unit_id, seen_arm, seen_at)
SELECT %(test)s, unit, arm, at FROM unnest(%(units)s::text[], %(arms)s::text[], %(ats)s::timestamptz[])
AS seen (unit, arm, at) ON CONFLICT DO NOTHING RETURNING unit_id
"""


@dataclass(frozen=True)
class Seen:
    """A unit that meets the test. `arm` is what its client says it showed; None asks the rule."""

    unit_id: str
    at: datetime
    arm: str | None = None
    segment: dict[str, Any] = field(default_factory=dict)


class Exposed(Struct, frozen=True, gc=False):
    arm: str
    exposed_at: datetime


def stored(test_id: int, unit_ids: Iterable[str]) -> dict[str, Exposed]:
    """Of those that were exposed, the arm and since when."""
    units = list(unit_ids)
    if not units:
        return {}
    rows = prepared.fetch(READ, {"test": test_id, "units": units})
    return {unit: Exposed(arm, at) for unit, arm, at in rows}


def expose(test_id: int, plan: Plan, split: float, seen: Sequence[Seen], source: str) -> dict[str, Exposed]:
    """Every unit's arm, now stored. The first one stored wins; a unit told to be in the other arm is noted as such.

    Part of the caller's transaction. Rows are written in the order of their unit, so that two calls never wait for
    each other; a caller that exposes to several tests does so in the order of their ids.
    """
    first = earliest(seen)
    found, new = looked_up_or_written(test_id, plan, split, [first[unit] for unit in sorted(first)], source)
    if lost := first.keys() - found.keys():
        # Others stored these while we did.
        found |= stored(test_id, lost)
    told = told_otherwise(seen, found)
    if source == Exposure.Source.EVENT:
        told += against_the_rule(plan, split, [first[unit] for unit in new])
    note_conflicts(test_id, told)
    return found


def earliest(seen: Sequence[Seen]) -> dict[str, Seen]:
    first: dict[str, Seen] = {}
    for one in seen:
        if one.unit_id not in first or one.at < first[one.unit_id].at:
            first[one.unit_id] = one
    return first


def looked_up_or_written(
    test_id: int, plan: Plan, split: float, seen: Sequence[Seen], source: str
) -> tuple[dict[str, Exposed], list[str]]:
    """The arms, and which units are new here. Missing are those that others store at the same moment."""
    if not seen:
        return {}, []
    places = [place_of(plan, one.unit_id) for one in seen]
    arms = [one.arm or arm_at(plan, split, place) for one, place in zip(seen, places, strict=True)]
    values = {
        "test": test_id,
        "source": source,
        "units": [one.unit_id for one in seen],
        "arms": arms,
        # Of an imported test nobody knows by which rule its units were put where they were.
        "buckets": [None] * len(seen) if source == Exposure.Source.IMPORTED else places,
        "ats": [one.at for one in seen],
        "segments": [orjson.dumps(segment_of(plan, one.segment)).decode() for one in seen],
    }
    rows = prepared.fetch(EXPOSE, values)
    return {unit: Exposed(arm, at) for unit, arm, at, _ in rows}, [unit for unit, _, _, is_new in rows if is_new]


def place_of(plan: Plan, unit: str) -> int:
    rule = plan.routing
    return routing.bucket(plan.key, unit, buckets=rule.buckets, salt=rule.salt, version=rule.version)


def rule(plan: Plan, split: float, unit: str) -> routing.Arm:
    return arm_at(plan, split, place_of(plan, unit))


def arm_at(plan: Plan, split: float, place: int) -> routing.Arm:
    return "treatment" if place / plan.routing.buckets < split else "control"


def segment_of(plan: Plan, attributes: dict[str, Any]) -> dict[str, Any]:
    """Only what the plan says it looks at."""
    return {name: attributes[name] for name in plan.segments if name in attributes}


def told_otherwise(seen: Sequence[Seen], found: dict[str, Exposed]) -> list[Seen]:
    return [one for one in seen if one.arm and one.arm != found[one.unit_id].arm]


def against_the_rule(plan: Plan, split: float, new: Sequence[Seen]) -> list[Seen]:
    """Arms that the rule gives at no split so far: of a client that computes it wrongly, or from another plan.

    A client that has not heard of a ramp yet still says control, and is right by the split it knows.
    """
    wrong = []
    for one in new:
        place = place_of(plan, one.unit_id) / plan.routing.buckets
        if one.arm == "treatment" and place >= split:
            wrong.append(Seen(one.unit_id, one.at, "control"))
        elif one.arm == "control" and place < plan.routing.split:
            wrong.append(Seen(one.unit_id, one.at, "treatment"))
    return wrong


def note_conflicts(test_id: int, told: Iterable[Seen]) -> None:
    rows = sorted(told, key=lambda one: one.unit_id)
    if rows:
        values = {
            "test": test_id,
            "units": [one.unit_id for one in rows],
            "arms": [one.arm for one in rows],
            "ats": [one.at for one in rows],
        }
        prepared.fetch(CONFLICTS, values)
