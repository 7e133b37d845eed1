"""Computes what a live test says and keeps it beside what it was computed from; stops a test at its guardrails."""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson
from django.db import OperationalError, connection, transaction
from django.db.models import Max
from psycopg.errors import SerializationFailure

from experiments.live_plan import in_force
from experiments.models import LiveAmendment, LiveLook, LiveResult, LiveTest
from experiments.reports.live.known import Known
from experiments.reports.live.payload import Guardrail, LivePayload
from experiments.reports.live.results import Computed, NewLook, compute
from experiments.services.live_tests import running
from experiments.services.live_tests.drafting import TestRefused
from experiments.services.live_traffic import folding
from experiments.services.live_traffic.running_tests import plan_of

LIVE_RESULT_LOCK = 0x45565203
SHORTEST_PAUSE = timedelta(seconds=4)
PAUSE_PER_COST = 20
# What is told in days moves without any traffic.
LONGEST_PAUSE = timedelta(hours=1)
WORK_MEMORY = "64MB"
STARTED = (LiveTest.Status.RUNNING, LiveTest.Status.STOPPED)
# All that moves a result, by indexes alone. A batch may commit after a later one: that it was folded tells of it.
SOURCES = """
SELECT test.id, jsonb_build_object(
    'status', test.status,
    'split', test.split,
    'exposed', (SELECT max(exposed_at) FROM experiments_exposure WHERE live_test_id = test.id),
    'received', (SELECT max(received_at) FROM experiments_eventbatch WHERE live_test_id = test.id),
    'waiting', (SELECT count(*) FROM experiments_eventbatch WHERE live_test_id = test.id AND folded_at IS NULL),
    'folded', (SELECT max(folded_at) FROM (
        SELECT folded_at FROM experiments_eventbatch WHERE live_test_id = test.id ORDER BY received_at DESC LIMIT 1000
    ) AS latest),
    'conflicts', (SELECT count(*) FROM experiments_armconflict WHERE live_test_id = test.id),
    'amendments', (SELECT count(*) FROM experiments_liveamendment WHERE live_test_id = test.id)
)::text
FROM experiments_livetest AS test WHERE test.id = ANY(%s)
"""


class NotStarted(Exception):
    """There is no result yet, for a reason a user can read."""


def refresh(*, live_test: LiveTest, now: datetime) -> LiveResult | None:
    """Compute if something has moved since and the last time is long enough ago: several messages may ask."""
    kept = LiveResult.objects.filter(live_test=live_test).only("source", "computed_at", "compute_ms").first()
    if kept and (not rested(kept, now=now) or not moved(kept, sources([live_test.pk])[live_test.pk], live_test, now)):
        return kept
    return calculate(live_test=live_test, now=now)


def calculate(*, live_test: LiveTest, now: datetime) -> LiveResult | None:
    """None when another worker is computing the same test right now, or it has not started."""
    found = once(live_test, now=now)
    if found is None:
        return None
    result, breached = found
    if breached and stop_at(live_test, breached, now=now):
        again = once(live_test, now=now)
        return again[0] if again else result
    return result


def once(live_test: LiveTest, *, now: datetime) -> tuple[LiveResult, tuple[Guardrail, ...]] | None:
    """Anew where the test was changed while it was read."""
    try:
        return at_one_moment(live_test, now=now)
    except OperationalError as problem:
        if not isinstance(problem.__cause__, SerializationFailure):
            raise
        return at_one_moment(live_test, now=now)


def at_one_moment(live_test: LiveTest, *, now: datetime) -> tuple[LiveResult, tuple[Guardrail, ...]] | None:
    """Units, sums and amendments as they stood together: what is committed meanwhile is for the next result."""
    started = time.monotonic()
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if not lock(live_test.pk):
            return None
        held = LiveTest.objects.select_related("plan").get(pk=live_test.pk)
        if held.status not in STARTED:
            return None
        # Read first: what arrives while the rest is read makes this result stale, never wrong.
        source = sources([held.pk])[held.pk]
        computed = compute(known_of(held, now=now))
        if computed.look is not None:
            remember(held, computed.look, now=now)
        result, _ = LiveResult.objects.update_or_create(
            live_test=held,
            defaults={
                "payload": computed.payload.to_dict(),
                "source": source,
                "computed_at": now,
                "compute_ms": int((time.monotonic() - started) * 1000),
            },
        )
    return result, stopping(computed, held)


def known_of(live_test: LiveTest, *, now: datetime) -> Known:
    found = LiveAmendment.objects.filter(live_test=live_test).select_related("made_by")
    amendments = list(found.order_by("made_at", "pk"))
    changes = [one.change for one in amendments if one.kind in LiveAmendment.TO_THE_PLAN]
    return Known(
        live_test=live_test,
        plan=in_force(plan_of(live_test.pk, live_test.plan.sha256), changes),
        plan_sha256=live_test.plan.sha256,
        amendments=amendments,
        looks=list(LiveLook.objects.filter(live_test=live_test).order_by("number")),
        now=now,
        due_since=due_since(live_test),
    )


def due_since(live_test: LiveTest) -> datetime | None:
    """Since when the last result says that a look waits."""
    kept = LiveResult.objects.filter(live_test=live_test).values_list("payload__look_due_since", flat=True).first()
    return datetime.fromisoformat(kept) if kept else None


def remember(live_test: LiveTest, look: NewLook, *, now: datetime) -> None:
    """Refused by the database, and then computed anew, where the planned size was changed since it was read."""
    if look.planned:
        LiveTest.objects.select_for_update(of=("self",), no_key=True).get(pk=live_test.pk)
    last = LiveLook.objects.filter(live_test=live_test).aggregate(last=Max("number"))["last"] or 0
    LiveLook.objects.create(live_test=live_test, number=last + 1, planned=look.planned, at=now, figures=look.figures)


def stopping(computed: Computed, live_test: LiveTest) -> tuple[Guardrail, ...]:
    """The breached guardrails that end this test."""
    if live_test.status != LiveTest.Status.RUNNING:
        return ()
    return tuple(one for one in computed.breached if one.stops)


def stop_at(live_test: LiveTest, breached: Iterable[Guardrail], *, now: datetime) -> bool:
    """By nobody: the plan said so beforehand. A test is stopped at its guardrails once, whoever computes."""
    found = list(breached)
    try:
        running.stop(
            live_test=live_test,
            reason=" ".join(one.sentence for one in found),
            token=uuid5(NAMESPACE_URL, f"guardrail of live test {live_test.pk}"),
            actor=None,
            now=now,
            kind=LiveAmendment.Kind.GUARDRAIL,
            change={"guardrails": [one.metric for one in found]},
        )
    except TestRefused:  # somebody else has stopped it meanwhile
        return False
    return True


def lock(test_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LIVE_RESULT_LOCK, test_id])
        held = bool(cursor.fetchone()[0])
        # A million units are joined to their sums in memory rather than on disk.
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
        # Of a test that began after the last ANALYZE the planner expects one unit, and would read all for each.
        cursor.execute("SET LOCAL enable_nestloop = off")
    return held


def sources(test_ids: list[int]) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(SOURCES, [test_ids])
        return {test_id: orjson.loads(source) for test_id, source in cursor.fetchall()}


def stale(*, now: datetime) -> list[LiveTest]:
    """Started tests whose traffic has moved since their result, the costly ones less often."""
    tests = {
        one.pk: one for one in LiveTest.objects.filter(status__in=STARTED, plan__isnull=False).select_related("plan")
    }
    results = LiveResult.objects.filter(live_test__in=tests).only("source", "computed_at", "compute_ms")
    kept = {result.live_test_id: result for result in results}
    waiting = [pk for pk in tests if pk not in kept or rested(kept[pk], now=now)]
    found = sources(waiting) if waiting else {}
    return [tests[pk] for pk, source in found.items() if pk not in kept or moved(kept[pk], source, tests[pk], now)]


def moved(result: LiveResult, source: Mapping[str, Any], live_test: LiveTest, now: datetime) -> bool:
    if result.source != source:
        return True
    return now - result.computed_at >= LONGEST_PAUSE and goes_on(live_test, now)


def goes_on(live_test: LiveTest, now: datetime) -> bool:
    """Days go by while it runs; and a fixed horizon is closed when the last event can have come in."""
    if live_test.status == LiveTest.Status.RUNNING or live_test.stopped_at is None:
        return live_test.status == LiveTest.Status.RUNNING
    plan = plan_of(live_test.pk, live_test.plan.sha256)
    return now < live_test.stopped_at + timedelta(hours=plan.late_hours) + 2 * LONGEST_PAUSE


def rested(result: LiveResult, *, now: datetime) -> bool:
    cost = timedelta(milliseconds=result.compute_ms)
    return now - result.computed_at >= max(SHORTEST_PAUSE, cost * PAUSE_PER_COST)


def is_stale(result: LiveResult) -> bool:
    """Something has come in that the result does not hold yet."""
    return bool(result.source != sources([result.live_test_id])[result.live_test_id])


def payload_of(live_test: LiveTest, *, now: datetime) -> LivePayload:
    """Of all that is in by now: computed anew where something has moved. Raises NotStarted."""
    if live_test.status not in STARTED:
        raise NotStarted(f"This live test is {live_test.get_status_display()}: it has no result before it starts.")
    kept = LiveResult.objects.filter(live_test=live_test).first()
    if kept is None or is_stale(kept):
        folding.fold(live_test.pk, now=now)
        kept = calculate(live_test=live_test, now=now) or kept
    if kept is None:
        raise NotStarted("Its first result is being computed right now: ask again in a few seconds.")
    return LivePayload.from_dict(kept.payload)
