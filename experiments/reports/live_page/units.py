"""The units behind a live test's numbers: a page of them with their sums, and one with all that it did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from experiments.models import ArmConflict, Exposure, LiveEvent, LiveTest, UnitMetric

PAGE_LENGTH = 50
EVENTS_SHOWN = 200
# Events are found by their id and by their batch. No index knows their unit: each event that comes in would pay for a
# page that few open. So the batches that can hold a unit's events are looked through, the newest first, a window of so
# many events at a time (0.2 seconds a million), and the page goes on where the last one has ended.
MOST_BATCHES, MOST_LOOKED_THROUGH = 100_000, 4_000_000
# Windows in which the unit has sent nothing, before the reader is asked whether to look on.
MOST_WINDOWS = 3
NEWEST = """
SELECT id, received_at, sum(n) OVER (ORDER BY received_at DESC, id DESC) - n >= %(most)s AS is_too_many FROM (
    SELECT id, n, received_at FROM experiments_eventbatch
    WHERE live_test_id = %(test)s AND n > 0 AND received_at >= %(since)s
      AND received_at <= %(upto)s AND id < %(before)s
    ORDER BY received_at DESC, id DESC LIMIT %(batches)s
) AS newest
"""
LOOKED_THROUGH = f"""
SELECT min(id) FILTER (WHERE NOT is_too_many), min(received_at) FILTER (WHERE NOT is_too_many),
       bool_or(is_too_many) OR count(*) = %(batches)s
FROM ({NEWEST}) AS window_of
"""  # noqa: S608 constants of this module
# Nothing of a unit came in before it was exposed; an exposure may be dated by a clock that is at most a day ahead.
MARGIN = timedelta(days=1)
LATEST, ANY_BATCH = datetime.max.replace(tzinfo=UTC), 2**63 - 1
LONGEST_ID = 200
ARMS = ("control", "treatment")


@dataclass(frozen=True)
class Wanted:
    """`before` is where the page begins: the exposure time and id of the last unit of the page before it."""

    arm: str = ""
    unit: str = ""
    before: tuple[datetime, str] | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Wanted":
        """Values that mean nothing are left out rather than refused."""
        arm = query.get("arm", "")
        return cls(
            arm=arm if arm in ARMS else "",
            unit=letters(query.get("unit", "")).rstrip(),
            before=place_in(query.get("before", "")),
        )

    @property
    def narrows(self) -> bool:
        return bool(self.arm or self.unit)


def letters(words: str) -> str:
    """Without what no text in the database can hold. Blanks stay: a unit's id may begin or end with them."""
    return words.replace("\0", "").encode("utf-8", "ignore").decode()[:LONGEST_ID]


def place_in(words: str) -> tuple[datetime, str] | None:
    at, _, unit = words.partition("|")
    try:
        found = parse_datetime(at)
    except ValueError:
        return None
    return (found, letters(unit)) if found and found.tzinfo else None


@dataclass(frozen=True)
class UnitRow:
    exposure: Exposure
    sums: dict[str, UnitMetric] = field(default_factory=dict)
    other_arm: ArmConflict | None = None

    @property
    def place(self) -> str:
        return f"{self.exposure.exposed_at.isoformat()}|{self.exposure.unit_id}"


@dataclass(frozen=True)
class UnitList:
    rows: list[UnitRow]
    wanted: Wanted
    next: str


def unit_list(live_test: LiveTest, *, wanted: Wanted) -> UnitList:
    """Newest first, found by their place and not by their number: the last page costs what the first does."""
    found = chosen(Exposure.objects.filter(live_test=live_test), wanted)
    exposures = list(found.order_by("-exposed_at", "-unit_id")[: PAGE_LENGTH + 1])
    rows = with_sums(live_test, exposures[:PAGE_LENGTH])
    return UnitList(rows, wanted, rows[-1].place if len(exposures) > PAGE_LENGTH else "")


def chosen(exposures: QuerySet[Exposure], wanted: Wanted) -> QuerySet[Exposure]:
    if wanted.arm:
        exposures = exposures.filter(arm=wanted.arm)
    if wanted.unit:
        exposures = exposures.filter(unit_id__startswith=wanted.unit)
    if wanted.before:
        at, unit = wanted.before
        exposures = exposures.filter(exposed_at__lte=at).exclude(exposed_at=at, unit_id__gte=unit)
    return exposures


def with_sums(live_test: LiveTest, exposures: Sequence[Exposure]) -> list[UnitRow]:
    units = [exposure.unit_id for exposure in exposures]
    sums: dict[str, dict[str, UnitMetric]] = {}
    for one in UnitMetric.objects.filter(live_test=live_test, unit_id__in=units):
        sums.setdefault(one.unit_id, {})[one.metric] = one
    others = {one.unit_id: one for one in ArmConflict.objects.filter(live_test=live_test, unit_id__in=units)}
    return [UnitRow(one, sums.get(one.unit_id, {}), others.get(one.unit_id)) for one in exposures]


@dataclass(frozen=True)
class Place:
    """Where a page of a unit's events begins: in batches before that one, received by then, after that event."""

    before: int = ANY_BATCH
    upto: datetime = LATEST
    after: tuple[datetime, str] | None = None

    def __str__(self) -> str:
        at, event = self.after or ("", "")
        told = at.isoformat() if isinstance(at, datetime) else ""
        return f"{self.before}|{self.upto.isoformat()}|{told}|{event}"

    @classmethod
    def from_query(cls, words: str) -> "Place":
        """What means nothing begins with the newest."""
        before, _, rest = words.partition("|")
        upto, _, after = rest.partition("|")
        limit = place_in(f"{upto}|")
        if limit is None or not (before.isascii() and before.isdigit()):
            return cls()
        return cls(min(int(before), ANY_BATCH), limit[0], place_in(after))


@dataclass(frozen=True)
class Window:
    """Batches from `first` on, received since then; is_cut: older ones of the test may hold events of the unit."""

    first: int
    since: datetime | None
    is_cut: bool


@dataclass(frozen=True)
class UnitPage:
    """since: where older events of the test were not looked through, when the oldest of those that were came in.

    next: the place of more events, or of those older ones; empty where all have been shown.
    """

    row: UnitRow
    events: list[LiveEvent]
    has_more: bool
    since: datetime | None
    next: str = ""
    is_first: bool = True


def unit_page(live_test: LiveTest, unit_id: str, *, place: Place = Place()) -> UnitPage | None:
    exposure = Exposure.objects.filter(live_test=live_test, unit_id=letters(unit_id)).first()
    if exposure is None:
        return None
    [row] = with_sums(live_test, [exposure])
    at = place
    for _ in range(MOST_WINDOWS):
        window = looked_through(live_test, exposure, at)
        found = events_in(live_test, exposure, at, window)
        older = Place(window.first, window.since or LATEST) if window.is_cut else None
        if found or older is None:
            break
        at = older
    shown, has_more = found[:EVENTS_SHOWN], len(found) > EVENTS_SHOWN
    further = replace(at, after=(shown[-1].at, shown[-1].event_id)) if has_more else older
    return UnitPage(
        row=row,
        events=shown,
        has_more=has_more,
        since=window.since if window.is_cut else None,
        next=str(further) if further else "",
        is_first=place == Place(),
    )


def events_in(live_test: LiveTest, exposure: Exposure, place: Place, window: Window) -> list[LiveEvent]:
    """One more than a page shows, the newest first."""
    found = LiveEvent.objects.filter(
        live_test_id=live_test.pk, unit_id=exposure.unit_id, batch_id__gte=window.first, batch_id__lt=place.before
    )
    if place.after:
        at, event = place.after
        found = found.filter(at__lte=at).exclude(at=at, event_id__gte=event)
    return list(found.order_by("-at", "-event_id")[: EVENTS_SHOWN + 1])


def looked_through(live_test: LiveTest, exposure: Exposure, place: Place) -> Window:
    values: dict[str, Any] = {
        "test": live_test.pk,
        "since": exposure.exposed_at - MARGIN,
        "upto": place.upto,
        "before": place.before,
        "batches": MOST_BATCHES,
        "most": MOST_LOOKED_THROUGH,
    }
    with connection.cursor() as cursor:
        cursor.execute(LOOKED_THROUGH, values)
        first, since, is_cut = cursor.fetchone()
    return Window(first or 0, since, bool(is_cut))


def conflict_page(live_test: LiveTest, page: str | None) -> tuple[Page[Any], list[tuple[ArmConflict, Exposure | None]]]:
    """Units seen in both arms, newest first, with the arm they were given."""
    found = ArmConflict.objects.filter(live_test=live_test).order_by("-seen_at", "-pk")
    shown = Paginator(found, PAGE_LENGTH).get_page(page)
    return shown, list(beside_their_arm(live_test, list(shown.object_list)))


def beside_their_arm(
    live_test: LiveTest, conflicts: Sequence[ArmConflict]
) -> Iterable[tuple[ArmConflict, Exposure | None]]:
    units = [one.unit_id for one in conflicts]
    given = {one.unit_id: one for one in Exposure.objects.filter(live_test=live_test, unit_id__in=units)}
    return ((one, given.get(one.unit_id)) for one in conflicts)
