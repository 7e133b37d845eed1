"""Tests that ran elsewhere: their plan, written down afterwards, and their traffic, in one transaction."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson
from django.db import transaction

from evalsite.platform import audit
from experiments.importers.past_events import PastEvent
from experiments.importers.problems import Problem, Report, Severity
from experiments.live_plan import Plan
from experiments.models import LiveTest, ModelVersion
from experiments.services.live_tests import amending, drafting, registering
from experiments.services.live_traffic import importing
from experiments.services.live_traffic.running_tests import running

Rows = Callable[[Plan, Report], Iterator[PastEvent]]


class CannotImport(Exception):
    """Why the file cannot go into this test, for a reader."""


@dataclass(frozen=True)
class Described:
    """A test as its file tells it: what it is called, its arms by name, and its plan."""

    name: str
    control: str
    treatment: str
    plan: dict[str, Any]


@dataclass(frozen=True)
class Imported:
    """`counts` tells of events that were not taken, and why. Where anything is wrong, or nothing was meant to be
    kept, none of it stands."""

    test_id: int | None
    n_errors: int
    exposed: int
    conflicts: int
    events: int
    counts: dict[str, int]


@transaction.atomic
def bring_in(
    *,
    key: str,
    described: Described | None,
    rows: Rows,
    report: Report,
    left_out: Callable[[], int],
    filename: str,
    is_rehearsal: bool,
    now: datetime,
) -> Imported:
    """Everything, or nothing. `rows` reads the file for a plan; `left_out` tells then how many of it were left out.

    Raises CannotImport, PlanRefused and TestRefused.
    """
    errors = 0

    def counted(problem: Problem) -> None:
        nonlocal errors
        errors += problem.severity == Severity.ERROR
        report(problem)

    plan = plan_of(key, described, now)
    importing.stage(rows(plan, counted))
    span = importing.span()
    if span is None:
        transaction.set_rollback(True)
        return Imported(None, errors, 0, 0, 0, {})
    test = test_of(key, described, span, now)
    exposed, conflicts = importing.expose(test)
    for problem in importing.problems(test, plan, now=now):
        counted(problem)
    if errors:
        transaction.set_rollback(True)
        return Imported(None, errors, exposed, conflicts, 0, {})
    events, counts = importing.move(test, plan, left_out=left_out(), now=now)
    importing.forget()
    if is_rehearsal:
        transaction.set_rollback(True)
    elif events or exposed:
        note(test, filename, exposed=exposed, events=events, conflicts=conflicts, now=now, **counts)
    return Imported(test.pk, 0, exposed, conflicts, events, counts)


def plan_of(key: str, described: Described | None, now: datetime) -> Plan:
    if found := running(key):
        return found.plan
    if LiveTest.objects.filter(key=key).exists():
        raise CannotImport(f"“{key}” is a draft: register its plan first.")
    if described is None:
        raise CannotImport(f"There is no live test “{key}” yet: give its plan with --plan.")
    control, treatment = arms_of(described, now)
    unsaved = LiveTest(key=key, name=described.name, control=control, treatment=treatment, draft=described.plan)
    return drafting.plan_of_draft(unsaved)


def test_of(key: str, described: Described | None, span: tuple[datetime, datetime], now: datetime) -> LiveTest:
    if found := LiveTest.objects.filter(key=key).first():
        return found
    assert described is not None  # noqa: S101 plan_of has refused that
    control, treatment = arms_of(described, now)
    return registering.register_past(
        name=described.name,
        key=key,
        control=control,
        treatment=treatment,
        draft=described.plan,
        token=uuid5(NAMESPACE_URL, orjson.dumps([key, described]).decode()),
        started_at=span[0],
        stopped_at=span[1],
        created_by=None,
        now=now,
    )


def arms_of(described: Described, now: datetime) -> tuple[ModelVersion, ModelVersion]:
    return version_named(described.control, now), version_named(described.treatment, now)


def version_named(said: str, now: datetime) -> ModelVersion:
    """NAME or NAME:VERSION; one that only ever stood for an arm elsewhere is made."""
    name, _, version = said.rpartition(":")
    found = ModelVersion.objects.filter(name=name, version=version).first() if name else None
    if found := found or ModelVersion.objects.filter(name=said).order_by("-created_at").first():
        return found
    digest = hashlib.sha256(f"arm of a past test: {said}".encode()).hexdigest()
    return ModelVersion.objects.create(name=said, version="1", content_hash=digest, created_at=now)


def note(test: LiveTest, filename: str, *, now: datetime, **counts: int) -> None:
    """Who reads the result must know what is not in it."""
    told = {name: n for name, n in counts.items() if n}
    audit.record(
        actor=None, action="live_test.events_imported", subject=test.key, details={"file": filename, **told}, now=now
    )
    if n := counts["left_out"]:
        text = f"{n:,} rows of {filename} were left out of the import: their columns contradict each other."
        amending.add_note(live_test=test, text=text, token=uuid4(), actor=None, now=now)
