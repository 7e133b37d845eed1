"""Events that were not taken, newest first, with their reasons and what to do about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet

from experiments.models import LiveTest, RefusedEvent
from experiments.reports.live_page.units import letters

PAGE_LENGTH = 50
Reason = RefusedEvent.Reason
WAYS_OUT = {
    Reason.MALFORMED: "Correct the client: the detail says which field was not understood. Send the event again.",
    Reason.UNKNOWN_TEST: "No registered test has this key. Correct `experiment` in the client, then send them again.",
    Reason.NOT_RUNNING: "The test was not started yet, or it was stopped. Clients should stop sending when it is.",
    Reason.LATE: "The event is older than the plan allows. Let clients send soon, and try again for less long.",
    Reason.EARLY: "The client’s clock is ahead. Set it by a time server, or send the time of the server.",
    Reason.BEFORE_EXPOSURE: "It was before the unit met the test, by more than clocks may be apart: no arm caused it.",
    Reason.NOT_EXPOSED: "Ask for the unit’s arm, or send its exposure, before its events. They may be sent again.",
    Reason.CONFLICT: "The id was used for another event. Make a new event_id for each event, and keep it on retries.",
}


@dataclass(frozen=True)
class Wanted:
    reason: str = ""
    search: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Wanted":
        """Values that mean nothing are left out rather than refused."""
        reason = query.get("reason", "")
        return cls(reason=reason if reason in Reason.values else "", search=letters(query.get("search", "")).rstrip())

    @property
    def narrows(self) -> bool:
        return bool(self.reason or self.search)


@dataclass(frozen=True)
class ReasonCount:
    reason: str
    words: str
    n: int
    way_out: str


@dataclass(frozen=True)
class RefusedList:
    page: Page[Any]
    reasons: list[ReasonCount]
    wanted: Wanted

    @property
    def n(self) -> int:
        return sum(one.n for one in self.reasons)

    @property
    def chosen(self) -> ReasonCount | None:
        return next((one for one in self.reasons if one.reason == self.wanted.reason), None)


def refused_list(live_test: LiveTest | None, *, wanted: Wanted, page: str | None) -> RefusedList:
    """Of one test; without one, of those that named no test we know."""
    kept = RefusedEvent.objects.filter(live_test=live_test)
    shown = narrowed(kept, wanted).order_by("-received_at", "-pk")
    return RefusedList(Paginator(shown, PAGE_LENGTH).get_page(page), counted(kept), wanted)


def narrowed(kept: QuerySet[RefusedEvent], wanted: Wanted) -> QuerySet[RefusedEvent]:
    if wanted.reason:
        kept = kept.filter(reason=wanted.reason)
    if wanted.search:
        kept = kept.filter(Q(unit_id__startswith=wanted.search) | Q(event_id__startswith=wanted.search))
    return kept


def counted(kept: QuerySet[RefusedEvent]) -> list[ReasonCount]:
    rows = kept.values_list("reason").annotate(n=Count("pk")).order_by("-n", "reason")
    return [ReasonCount(reason, Reason(reason).label, n, WAYS_OUT[Reason(reason)]) for reason, n in rows]
