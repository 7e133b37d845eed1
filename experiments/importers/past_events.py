"""Traffic of tests that ran elsewhere: one event a row, or one unit a row with what became of it in columns."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

import orjson

from experiments.importers import values
from experiments.importers.limits import Limits
from experiments.importers.mapping import first
from experiments.importers.problems import Kind, Problem, Report, Severity, Unfit
from experiments.live_events import (
    ARMS,
    EXPOSURE,
    ID_LENGTH,
    LARGEST,
    NAME_LENGTH,
    PROPERTIES_BYTES,
    SCALARS,
    SMALLEST,
    UNIT_LENGTH,
)

ALIASES: dict[str, tuple[str, ...]] = {
    "unit_id": ("unit_id", "user_id", "userid", "unit", "user", "id"),
    "arm": ("arm", "variant", "version", "group", "variation"),
    "timestamp": ("timestamp", "time", "at", "created_at"),
    "event_id": ("event_id",),
    "event": ("event", "event_name", "name"),
    "value": ("value",),
    "conversation_id": ("conversation_id",),
    "experiment": ("experiment",),
    "properties": ("properties",),
}
WIDE_FIELDS, LONG_FIELDS = ("unit_id", "arm", "timestamp"), tuple(ALIASES)
WIDE_NEEDS, LONG_NEEDS = ("unit_id", "arm"), ("unit_id", "event", "timestamp")
PROPERTY = "properties."
TRUTHS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}


@dataclass(frozen=True)
class Requirement:
    """Rows with one value in one column must have another value in another column."""

    when: tuple[str, str]
    then: tuple[str, str]

    @classmethod
    def read(cls, said: str) -> "Requirement":
        """From COLUMN=VALUE:COLUMN=VALUE. Raises ValueError."""
        when, colon, then = said.partition(":")
        pairs = [tuple(part.partition("=")[::2]) for part in (when, then)]
        if not colon or not all(column and value for column, value in pairs):
            raise ValueError("it is COLUMN=VALUE:COLUMN=VALUE")
        return cls((pairs[0][0], pairs[0][1]), (pairs[1][0], pairs[1][1]))

    def is_broken_by(self, record: Mapping[str, Any]) -> bool:
        return word(record.get(self.when[0])) == self.when[1] and word(record.get(self.then[0])) != self.then[1]

    def __str__(self) -> str:
        return f"{self.when[0]} {self.when[1]} without {self.then[0]} {self.then[1]}"


@dataclass(frozen=True)
class Layout:
    """How a file is read. columns: column by field. arms: arm by the file's word for it. metrics: column by event, of
    a file with one unit a row. zeros: those of them of which a zero is an event too. zone: of times that name none.
    at: where no column holds the time."""

    columns: dict[str, str]
    test: str
    file_hash: str
    at: datetime
    arms: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    zeros: frozenset[str] = frozenset()
    requirements: tuple[Requirement, ...] = ()
    leaves_out: bool = False
    zone: tzinfo = UTC

    @property
    def is_wide(self) -> bool:
        return bool(self.metrics)

    def missing(self) -> list[str]:
        return [name for name in (WIDE_NEEDS if self.is_wide else LONG_NEEDS) if name not in self.columns]

    def all_columns(self) -> list[str]:
        required = [column for one in self.requirements for column in (one.when[0], one.then[0])]
        return list(dict.fromkeys([*self.columns.values(), *self.metrics.values(), *required]))


class PastEvent(NamedTuple):
    """`arm` where the row tells it; an event without a name only tells that its unit was exposed."""

    row: int
    event_id: str
    name: str
    unit_id: str
    conversation_id: str
    at: datetime
    value: float | None
    properties: bytes
    arm: str


def columns(names: Sequence[str], *, chosen: Mapping[str, str], is_wide: bool) -> dict[str, str]:
    """Column by field; `chosen` by hand, "" for none."""
    fields = WIDE_FIELDS if is_wide else LONG_FIELDS
    found = {name: column for name in fields if (column := first(names, ALIASES[name]))}
    return {name: column for name, column in {**found, **chosen}.items() if column}


def absent_columns(layout: Layout, names: Sequence[str]) -> Iterator[Problem]:
    for name in layout.missing():
        reason = f"no column holds the {name}; known names are {', '.join(ALIASES[name])}, or say it with --map"
        yield Problem(0, name, Kind.MISSING_COLUMN, reason)
    for column in layout.all_columns():
        if column not in names:
            yield Problem(0, column, Kind.MISSING_COLUMN, "no row has this column")


def read(
    records: Iterable[tuple[int, dict[str, Any]]], *, layout: Layout, limits: Limits, report: Report
) -> Iterator[PastEvent]:
    """The events of each row with nothing wrong; what is wrong with the others is reported, once a row."""
    events_of = of_unit if layout.is_wide else of_event
    for row, record in records:
        if broken := next((one for one in layout.requirements if one.is_broken_by(record)), None):
            severity = Severity.WARNING if layout.leaves_out else Severity.ERROR
            report(Problem(row, broken.then[0], Kind.MISMATCH, str(broken), 1, severity))
            continue
        try:
            found = events_of(row, record, layout, limits)
        except Unfit as problem:
            report(problem.at(row))
            continue
        yield from found


def of_unit(row: int, record: dict[str, Any], layout: Layout, limits: Limits) -> list[PastEvent]:
    """Its exposure, and an event for each column with something in it."""
    unit = values.identifier(*cell(record, layout, "unit_id"), UNIT_LENGTH)
    arm = arm_of(*cell(record, layout, "arm"), layout.arms)
    if not arm:
        raise Unfit(Kind.BLANK, "the arm is blank", layout.columns["arm"])
    at = moment(*cell(record, layout, "timestamp"), layout)
    found = [PastEvent(row, "", "", unit, "", at, None, b"{}", arm)]
    for name, column in layout.metrics.items():
        value = number(record.get(column), column)
        if value is not None and (value or name in layout.zeros):
            found.append(PastEvent(row, made_up_id(unit, name), name, unit, "", at, value, b"{}", ""))
    return found


def of_event(row: int, record: dict[str, Any], layout: Layout, limits: Limits) -> list[PastEvent]:
    test, column = cell(record, layout, "experiment")
    if test not in (None, "", layout.test):
        raise Unfit(Kind.UNKNOWN_VALUE, f"an event of {str(test)[:60]!r}, not of {layout.test!r}", column)
    event_id = values.text(*cell(record, layout, "event_id"), ID_LENGTH) or made_up_id(layout.file_hash, str(row))
    name = values.identifier(*cell(record, layout, "event"), NAME_LENGTH)
    properties = properties_of(record, layout)
    arm = arm_of(*cell(record, layout, "arm"), layout.arms)
    if name == EXPOSURE and not arm:
        arm = arm_of(properties.get("arm"), "properties", layout.arms)
        if not arm:
            raise Unfit(Kind.BLANK, "an exposure says which arm its unit saw", layout.columns.get("arm", "properties"))
    return [
        PastEvent(
            row=row,
            event_id=event_id,
            name=name,
            unit_id=values.identifier(*cell(record, layout, "unit_id"), UNIT_LENGTH),
            conversation_id=values.text(*cell(record, layout, "conversation_id"), UNIT_LENGTH),
            at=moment(*cell(record, layout, "timestamp"), layout),
            value=number(*cell(record, layout, "value")),
            properties=as_json(properties, layout),
            arm=arm,
        )
    ]


def cell(record: dict[str, Any], layout: Layout, name: str) -> tuple[Any, str]:
    column = layout.columns.get(name, "")
    return record.get(column), column or name


def word(value: Any) -> str:
    return "" if value is None else str(value).strip()


def arm_of(value: Any, column: str, arms: Mapping[str, str]) -> str:
    said = values.text(value, column, NAME_LENGTH).strip()
    found = arms.get(said, said.casefold())
    if found and found not in ARMS:
        raise Unfit(Kind.UNKNOWN_VALUE, f"{said[:40]!r} is no arm: say --arm {said[:40]}=control or =treatment", column)
    return found


def moment(value: Any, column: str, layout: Layout) -> datetime:
    if value in (None, ""):
        if column in layout.columns.values():
            raise Unfit(Kind.BLANK, "the time is blank", column)
        return layout.at
    try:
        found = datetime.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        raise Unfit(Kind.WRONG_TYPE, "a time like 2026-03-02T09:00:00Z is expected here", column) from None
    found = found if found.tzinfo else found.replace(tzinfo=layout.zone)
    if not 1970 <= found.year <= 2100:
        raise Unfit(Kind.UNKNOWN_VALUE, "this is no time between the years 1970 and 2100", column)
    return found


def number(value: Any, column: str) -> float | None:
    """true and false count as 1 and 0; nothing is no number."""
    if isinstance(value, str):
        said = value.strip().casefold()
        if not said:
            return None
        value = TRUTHS.get(said, said)
    if value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise Unfit(Kind.WRONG_TYPE, "a number, or true or false, is expected here", column) from None
    if not -LARGEST <= found <= LARGEST or (found and abs(found) < SMALLEST):
        raise Unfit(Kind.NAN, "a number between -1e15 and 1e15 is expected here", column)
    return found


def properties_of(record: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """The `properties` object, as JSON where it is text, and columns named properties.x."""
    whole, column = cell(record, layout, "properties")
    if isinstance(whole, str) and whole.strip():
        try:
            whole = orjson.loads(whole)
        except orjson.JSONDecodeError:
            raise Unfit(Kind.BAD_JSON, "a JSON object is expected here", column) from None
    if whole not in (None, "") and not isinstance(whole, dict):
        raise Unfit(Kind.WRONG_TYPE, "a JSON object is expected here", column)
    single = {
        name.removeprefix(PROPERTY): value
        for name, value in record.items()
        if name.startswith(PROPERTY) and value not in (None, "")
    }
    return {**(whole or {}), **{name: as_number(value) for name, value in single.items()}}


def as_number(value: Any) -> Any:
    """CSV knows only text, and metrics want numbers."""
    if isinstance(value, str):
        try:
            return orjson.loads(value.strip().casefold()) if value.strip()[:1] in "-0123456789tTfF" else value
        except orjson.JSONDecodeError:
            return value
    return value


def as_json(properties: dict[str, Any], layout: Layout) -> bytes:
    column = layout.columns.get("properties", "properties")
    if not SCALARS.issuperset(map(type, properties.values())):
        raise Unfit(Kind.TOO_DEEP, "properties are flat: texts, numbers, true, false, null", column)
    try:
        body = orjson.dumps(properties)
    except TypeError:
        raise Unfit(Kind.WRONG_TYPE, "this cannot be kept as JSON", column) from None
    if len(body) > PROPERTIES_BYTES or b"\\u0000" in body:
        raise Unfit(Kind.TOO_LONG, f"at most {PROPERTIES_BYTES:,} bytes of JSON without NUL fit here", column)
    return body


def made_up_id(*parts: str) -> str:
    """The same for the same file, so that importing it twice counts once."""
    return "import-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]
