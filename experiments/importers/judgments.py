"""Judgments collected elsewhere: records of a file, read by arm."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from experiments.importers import values
from experiments.importers.limits import Limits
from experiments.importers.mapping import first
from experiments.importers.problems import Kind, Problem, Report, Unfit

ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "item_id", "question_id", "prompt_id", "uid", "task"),
    "reviewer": ("reviewer", "worker", "annotator", "judge", "rater"),
    "choice": ("choice", "winner", "verdict", "label"),
    "left_arm": ("left_arm",),
    "comment": ("comment", "note"),
    "time": ("time", "judged_at", "timestamp", "created_at", "tstamp"),
    "active_ms": ("active_ms",),
    "seconds": ("seconds", "active_seconds"),
}
REQUIRED = ("id", "reviewer", "choice")
ARMS = {"baseline": "baseline", "candidate": "candidate"}
NEITHER = {
    "tie": "tie",
    "equal": "tie",
    "both_bad": "both_bad",
    "both bad": "both_bad",
    "bothbad": "both_bad",
    "tie (bothbad)": "both_bad",
}
OTHER_ARM = {"baseline": "candidate", "candidate": "baseline"}
NAME_LENGTH = 100
COMMENT_LENGTH = 4000
LONGEST_MS = 24 * 3600 * 1000
KEY = re.compile(r"[a-z0-9_-]{1,40}")
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class JudgmentRow(NamedTuple):
    """`choice` and the values of `criteria` are baseline, candidate, tie or both_bad; left_arm is an arm or ""."""

    row: int
    id: str
    reviewer: str
    choice: str
    left_arm: str
    criteria: dict[str, str]
    comment: str
    active_ms: int
    time: datetime | None


@dataclass(frozen=True)
class Columns:
    by_field: dict[str, str]
    criteria: dict[str, str]

    def missing(self) -> list[str]:
        return [name for name in REQUIRED if name not in self.by_field]


def columns(names: Sequence[str], *, chosen: dict[str, str] | None = None) -> Columns:
    """Which column holds what. `criteria.x` columns, or one `criteria` object, hold the criteria.

    chosen: field -> column by hand, "" for none.
    """
    found = {name: column for name, aliases in ALIASES.items() if (column := first(names, aliases))}
    found |= chosen or {}
    criteria = {name.removeprefix("criteria."): name for name in names if name.startswith("criteria.")}
    return Columns({name: column for name, column in found.items() if column}, criteria)


def read(
    records: Iterable[tuple[int, dict[str, Any]]], *, mapping: Columns, limits: Limits, report: Report
) -> Iterator[JudgmentRow]:
    """A judgment for each record with nothing wrong; the first thing wrong in each other row is reported."""
    sides_told: bool | None = None
    for row, record in records:
        try:
            judgment = one(row, record, mapping, limits)
            sides_told = bool(judgment.left_arm) if sides_told is None else sides_told
            if bool(judgment.left_arm) != sides_told:
                reason = "say which arm stood on the left in all rows or in none"
                raise Unfit(Kind.BLANK, reason, mapping.by_field.get("left_arm", "left_arm"))
        except Unfit as problem:
            report(problem.at(row))
            continue
        yield judgment


def one(row: int, record: dict[str, Any], mapping: Columns, limits: Limits) -> JudgmentRow:
    def field(name: str) -> tuple[Any, str]:
        column = mapping.by_field.get(name, "")
        return record.get(column), column or name

    left_arm = arm(*field("left_arm"))
    return JudgmentRow(
        row=row,
        id=values.identifier(*field("id"), limits.label),
        reviewer=values.identifier(*field("reviewer"), NAME_LENGTH),
        choice=choice(*field("choice"), left_arm),
        left_arm=left_arm,
        criteria=criteria(record, mapping, left_arm),
        comment=values.text(*field("comment"), COMMENT_LENGTH),
        active_ms=active_ms(field("active_ms"), field("seconds")),
        time=moment(*field("time")),
    )


def word(value: Any, column: str) -> str:
    return values.text(value, column, NAME_LENGTH).strip().casefold()


def arm(value: Any, column: str) -> str:
    said = word(value, column)
    if said and said not in ARMS:
        raise Unfit(Kind.UNKNOWN_VALUE, f"{said!r} is no arm: say baseline or candidate", column)
    return said


def choice(value: Any, column: str, left_arm: str) -> str:
    said = word(value, column)
    if not said:
        raise Unfit(Kind.BLANK, "the choice is blank", column)
    if said in ("left", "right"):
        if not left_arm:
            raise Unfit(Kind.MISSING, f"{said!r} means nothing without left_arm: which arm stood on the left?", column)
        return left_arm if said == "left" else OTHER_ARM[left_arm]
    if said in ARMS:
        return said
    if said in NEITHER:
        return NEITHER[said]
    known = "baseline, candidate, left, right, tie or both_bad"
    raise Unfit(Kind.UNKNOWN_VALUE, f"{said[:40]!r} is no choice: say {known}", column)


def criteria(record: dict[str, Any], mapping: Columns, left_arm: str) -> dict[str, str]:
    given = {key: (record.get(column), column) for key, column in mapping.criteria.items()}
    whole = record.get("criteria")
    if isinstance(whole, dict):
        given |= {str(key): (value, "criteria") for key, value in whole.items()}
    elif whole not in (None, ""):
        raise Unfit(Kind.WRONG_TYPE, "an object of criterion and answer is expected here", "criteria")
    found = {}
    for key, (value, column) in given.items():
        if value in (None, ""):
            continue
        if not KEY.fullmatch(key):
            raise Unfit(Kind.UNKNOWN_VALUE, f"{key[:40]!r} is no key: small letters, digits, - and _ only", column)
        answer = choice(value, column, left_arm)
        if answer == "both_bad":
            raise Unfit(Kind.UNKNOWN_VALUE, "a criterion is answered by an arm or a tie", column)
        found[key] = answer
    return found


def active_ms(milliseconds: tuple[Any, str], seconds: tuple[Any, str]) -> int:
    for (value, column), factor in ((milliseconds, 1), (seconds, 1000)):
        if value in (None, ""):
            continue
        try:
            found = float(value) * factor
        except (TypeError, ValueError):
            raise Unfit(Kind.WRONG_TYPE, "a number is expected here", column) from None
        if not 0 <= found <= LONGEST_MS:
            raise Unfit(Kind.UNKNOWN_VALUE, "a time between 0 and 24 hours is expected here", column)
        return round(found)
    return 0


def moment(value: Any, column: str) -> datetime | None:
    """ISO 8601 with a zone, or seconds since 1970."""
    if value in (None, ""):
        return None
    try:
        if isinstance(value, (int, float)) or value.replace(".", "", 1).isdigit():
            found = datetime.fromtimestamp(float(value), tz=UTC)
        else:
            found = datetime.fromisoformat(value)
    except (AttributeError, TypeError, ValueError, OverflowError, OSError):
        raise Unfit(Kind.WRONG_TYPE, "a time like 2026-03-02T09:00:00Z is expected here", column) from None
    if found.tzinfo is None:
        raise Unfit(Kind.WRONG_TYPE, "the time has no zone: add Z or an offset such as +01:00", column)
    if not EARLIEST <= found <= LATEST:
        raise Unfit(Kind.UNKNOWN_VALUE, "this is no time between the years 2000 and 2100", column)
    return found


def absent_columns(mapping: Columns, names: Sequence[str]) -> Iterator[Problem]:
    for name in mapping.missing():
        reason = f"no column holds the {name}; known names are {', '.join(ALIASES[name])}"
        yield Problem(0, name, Kind.MISSING_COLUMN, reason)
    for column in mapping.by_field.values():
        if column not in names:
            yield Problem(0, column, Kind.MISSING_COLUMN, "no row has this column")
