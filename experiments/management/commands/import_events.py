"""Import traffic of a test that ran elsewhere, one event a row or one unit a row; all of the file or nothing."""

import hashlib
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.importers import check, past_events
from experiments.importers.limits import DEFAULT
from experiments.importers.past_events import ALIASES, Layout, PastEvent, Requirement
from experiments.importers.problems import Kind, Problem, Report, Severity, Unreadable
from experiments.importers.source import Source, open_source
from experiments.importers.tally import Tally
from experiments.live_events import ARMS, moment
from experiments.live_plan import Plan, PlanRefused, metrics_of
from experiments.models import LiveTest
from experiments.services.live_tests.drafting import TestRefused
from experiments.services.live_traffic import folding, past_tests
from experiments.services.live_traffic.past_tests import CannotImport, Described, Imported

PROBLEMS_PRINTED = 50
REQUIRE = "COLUMN=VALUE:COLUMN=VALUE"


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, TSV, JSONL, JSON array or Parquet")
        parser.add_argument("--test", required=True, metavar="KEY", help="of the live test")
        parser.add_argument(
            "--plan", type=Path, metavar="FILE", help="of a test that is not here yet; as create_live_test takes it"
        )
        parser.add_argument(
            "--metric", metavar="EVENT[=COLUMN]", action="append", default=[],
            help="each row is one unit, and this column says what became of it; may come often",
        )  # fmt: skip
        parser.add_argument(
            "--map", metavar="FIELD=COLUMN", action="append", default=[], help=f"FIELD is one of {', '.join(ALIASES)}"
        )
        parser.add_argument("--arm", metavar="WORD=control|treatment", action="append", default=[])
        parser.add_argument(
            "--require", metavar=REQUIRE, action="append", default=[], help="rows with the first must have the second"
        )
        parser.add_argument("--leave-out-mismatches", action="store_true", help="rows that break a --require")
        parser.add_argument("--at", metavar="TIME", help="when units were exposed, where no column tells")
        parser.add_argument("--zone", default="UTC", help="of times that name none, such as Europe/Berlin")
        parser.add_argument("--dry-run", action="store_true", help="check only; import nothing")

    def handle(self, *, file: Path, test: str, dry_run: bool, **given: Any) -> None:
        now = timezone.now()
        source, columns, digest = opened(file)
        described = read_plan(given["plan"], test) if given["plan"] else None
        layout = layout_from(given, test=test, columns=columns, digest=digest, now=now)
        tally = Tally(self.tell, kept=PROBLEMS_PRINTED)
        for problem in past_events.absent_columns(layout, columns):
            tally(problem)
        self.refuse(tally)

        def rows(plan: Plan, report: Report) -> Iterator[PastEvent]:
            known = with_zeros(layout, plan)
            yield from past_events.read(source.records(report), layout=known, limits=DEFAULT, report=report)

        try:
            found = past_tests.bring_in(
                key=test, described=described, rows=rows, report=tally, filename=file.name, is_rehearsal=dry_run,
                left_out=lambda: tally.kinds[Severity.WARNING][Kind.MISMATCH], now=now,
            )  # fmt: skip
        except Unreadable as problem:
            raise CommandError(line(problem.problem())) from None
        except PlanRefused as refusal:
            raise CommandError("\n".join(str(problem) for problem in refusal.problems)) from None
        except (CannotImport, TestRefused) as refusal:
            raise CommandError(str(refusal)) from None
        self.refuse(tally)
        self.tell_outcome(found, tally, test=test, dry_run=dry_run, now=now)

    def tell_outcome(self, found: Imported, tally: Tally, *, test: str, dry_run: bool, now: datetime) -> None:
        if found.test_id is None:
            raise CommandError("The file holds no events; nothing was imported.")
        for kind, n in sorted(tally.kinds[Severity.WARNING].items()):
            self.stdout.write(f"{n:,} rows left out [{kind}]")
        if found.conflicts:
            self.stdout.write(f"{found.conflicts:,} units were told in both arms: the health check counts them")
        told = f"{found.exposed:,} units and {found.events:,} events"
        if dry_run:
            self.stdout.write(f"{told}. Dry run: nothing was imported.")
        elif not found.exposed and not found.events:
            self.stdout.write("Imported before. Nothing new was stored.")
        else:
            folding.fold(found.test_id, now=now)
            self.stdout.write(self.style.SUCCESS(f"Imported {told} into {test}."))

    def tell(self, problem: Problem) -> None:
        self.stderr.write(line(problem))

    def refuse(self, tally: Tally) -> None:
        n = tally.totals[Severity.ERROR]
        if n > PROBLEMS_PRINTED:
            self.stderr.write(f"… and {n - PROBLEMS_PRINTED:,} more.")
        if n:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in tally.kinds[Severity.ERROR].most_common())
            mismatched = tally.kinds[Severity.ERROR][Kind.MISMATCH]
            way_out = " --leave-out-mismatches imports without those rows." if mismatched else ""
            raise CommandError(f"{n:,} problems ({kinds}); nothing was imported.{way_out}")


def line(problem: Problem) -> str:
    place = f"row {problem.row}" if problem.row else "file"
    column = f", {problem.column}" if problem.column else ""
    return f"{problem.severity}: {place}{column}: {problem.reason} [{problem.kind}]"


def opened(file: Path) -> tuple[Source, list[str], str]:
    try:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        source = open_source(file, filename=file.name)
        return source, check.read_columns([source], lambda _: None), digest
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None
    except Unreadable as problem:
        raise CommandError(line(problem.problem())) from None


def read_plan(file: Path, key: str) -> Described:
    try:
        said = orjson.loads(file.read_bytes())
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise CommandError(f"{file} is no JSON: {error}") from None
    texts = ("name", "control", "treatment")
    if not isinstance(said, dict) or not isinstance(said.get("plan"), dict):
        raise CommandError(f"{file} must hold an object with {', '.join(texts)} and plan; the plan is an object too.")
    if wrong := [name for name in texts if not isinstance(said.get(name), str) or not said[name].strip()]:
        raise CommandError(f"{file}: {wrong[0]} is missing, or is no text.")
    if said.get("key", key) != key:
        raise CommandError(f"{file} is the plan of {said['key']!r}, not of {key!r}.")
    return Described(**{name: said[name].strip() for name in texts}, plan=said["plan"])


def layout_from(given: dict[str, Any], *, test: str, columns: list[str], digest: str, now: datetime) -> Layout:
    metrics = {name: column or name for name, _, column in (said.partition("=") for said in given["metric"])}
    chosen = pairs(given["map"], "--map", "FIELD=COLUMN", ALIASES)
    return Layout(
        columns=past_events.columns(columns, chosen=chosen, is_wide=bool(metrics)),
        test=test,
        file_hash=digest,
        at=time_of(given["at"], test=test, now=now),
        arms={**{arm: arm for arm in ARMS}, **arms_from(given["arm"])},
        metrics=metrics,
        requirements=tuple(requirement(said) for said in given["require"]),
        leaves_out=given["leave_out_mismatches"],
        zone=zone_named(given["zone"]),
    )


def pairs(said: list[str], option: str, shape: str, known: Any = ()) -> dict[str, str]:
    chosen = dict(pair.partition("=")[::2] for pair in said)
    for name, value in chosen.items():
        if not value or (known and name not in known):
            of_these = f" with FIELD one of {', '.join(known)}" if known else ""
            raise CommandError(f"{option} {name}: it is {shape}{of_these}")
    return chosen


def arms_from(said: list[str]) -> dict[str, str]:
    """WORD may hold = itself."""
    chosen = dict(pair.rpartition("=")[::2] for pair in said)
    if wrong := [word for word, arm in chosen.items() if arm not in ARMS or not word]:
        raise CommandError(f"--arm {wrong[0]}: it is WORD=control or WORD=treatment")
    return chosen


def requirement(said: str) -> Requirement:
    try:
        return Requirement.read(said)
    except ValueError as error:
        raise CommandError(f"--require {said}: {error}") from None


def time_of(said: str | None, *, test: str, now: datetime) -> datetime:
    """Of an imported test its start, so that the same file twice is the same traffic."""
    if said is None:
        return LiveTest.objects.filter(key=test).values_list("started_at", flat=True).first() or now
    if found := moment(said):
        return found
    raise CommandError(f"--at {said}: a time with its zone is expected, such as 2026-03-02T09:00:00Z")


def zone_named(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CommandError(f"--zone {name}: no such time zone; one is Europe/Berlin") from None


def with_zeros(layout: Layout, plan: Plan) -> Layout:
    """A zero is an event where something else than a rate reads it: it belongs into a mean, and is no success."""
    zeros = frozenset(name for name in layout.metrics if any(one.kind != "rate" for one in metrics_of(plan, name)))
    return Layout(**{**vars(layout), "zeros": zeros})
