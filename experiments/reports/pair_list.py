"""The pairs behind a number: filtered in memory from small records, only the page shown is read from the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from numpy.typing import NDArray

from annotations.models import Assignment, Flag
from experiments.models import BlindedPair, CampaignResult
from experiments.reports.common_answers import judged_by
from experiments.reports.human.votes import OUTCOMES
from experiments.reports.pair_index import GOLD, HIDDEN, IDENTICAL, PairFilter, Records, as_row, chosen, load

PAGE_LENGTH = 25
AGREED = {"yes": True, "no": False}


@dataclass(frozen=True)
class Wanted:
    """What the address asks for, in words."""

    majority: str = ""
    vote: str = ""
    category: str = ""
    agreed: str = ""
    identical: str = ""
    flagged: str = ""
    reviewer: str = ""
    other: str = ""
    criterion: str = ""
    gold: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Wanted":
        """Values that mean nothing are left out rather than refused."""
        return cls(
            majority=query.get("majority", "") if query.get("majority") in OUTCOMES else "",
            vote=query.get("vote", "") if query.get("vote") in OUTCOMES else "",
            category=query.get("category", ""),
            agreed=query.get("agreed", "") if query.get("agreed") in ("yes", "no") else "",
            identical="yes" if query.get("identical") == "yes" else "",
            flagged="yes" if query.get("flagged") == "yes" else "",
            reviewer=query.get("reviewer", ""),
            other=query.get("other", ""),
            criterion=query.get("criterion", ""),
            gold=query.get("gold", "") if query.get("gold") in ("only", "with") else "",
        )

    @property
    def tells_direction(self) -> bool:
        return bool(self.majority or self.vote)

    @property
    def among(self) -> tuple[str, ...]:
        """Those whose agreement is asked for; nobody in particular means everybody."""
        return tuple(name for name in (self.reviewer, self.other) if name)

    @property
    def narrows_agreement(self) -> bool:
        """To two reviewers, or to one criterion: the records know only all reviewers' verdicts."""
        return bool(self.criterion) or len(self.among) == 2

    def filter(self, categories: Sequence[str]) -> PairFilter:
        """Gold pairs are left out unless asked for, as they are from the figures that lead here."""
        return PairFilter(
            majority=OUTCOMES.index(self.majority) if self.majority else None,
            vote=self.vote,
            category=(categories.index(self.category) if self.category in categories else -1)
            if self.category
            else None,
            agreed=None if self.narrows_agreement else AGREED.get(self.agreed),
            kind=IDENTICAL if self.identical else None,
            gold={"": False, "only": True}.get(self.gold),
        )


@dataclass(frozen=True)
class PairRow:
    pair: BlindedPair
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def majority(self) -> str:
        place = self.counts["majority"]
        return OUTCOMES[place] if 0 <= place < len(OUTCOMES) else ""

    @property
    def is_hidden(self) -> bool:
        return self.counts["majority"] == HIDDEN

    @property
    def votes(self) -> list[tuple[str, int]]:
        return [(name, self.counts[name]) for name in OUTCOMES if self.counts[name]]


@dataclass(frozen=True)
class PairList:
    page: Page[Any]
    rows: list[PairRow]
    categories: list[str]
    n_gold: int


def pair_list(campaigns: Sequence[int], *, wanted: Wanted, may_tell: set[int], page: str | None) -> PairList:
    """may_tell: those campaigns whose direction is told; the others' pairs never match a filter that tells it."""
    records, categories = read_records(campaigns, may_tell)
    found = chosen(records, wanted.filter(categories))
    for tasks in narrowing(campaigns, wanted):
        found = found[np.isin(found["task"], tasks)]
    shown: Page[Any] = Paginator(found, PAGE_LENGTH).get_page(page)
    n_gold = int(np.count_nonzero(records["kind"] == GOLD))
    return PairList(shown, rows_of(np.asarray(shown.object_list)), categories, n_gold)


def read_records(campaigns: Sequence[int], may_tell: set[int]) -> tuple[Records, list[str]]:
    """The records of all campaigns with their categories numbered together."""
    results = CampaignResult.objects.filter(campaign__in=campaigns)
    shown = [(load(result.pairs), result.payload["categories"]) for result in results if can_show(result, may_tell)]
    everything = sorted({name for _, names in shown for name in names})
    if len(shown) == 1:
        return shown[0][0], everything
    parts = [renumbered(records, names, everything) for records, names in shown]
    return np.concatenate([load(b""), *parts]), everything


def can_show(result: CampaignResult, may_tell: set[int]) -> bool:
    return not result.revealed or result.campaign_id in may_tell


def renumbered(records: Records, names: Sequence[str], everything: Sequence[str]) -> Records:
    places = np.array([everything.index(name) for name in names], dtype=np.int16)
    result = records.copy()
    if places.size:
        result["category"] = places[records["category"]]
    return result


def narrowing(campaigns: Sequence[int], wanted: Wanted) -> list[NDArray[np.int64]]:
    """Tasks that reviewers have judged, or agreed on, or that were flagged."""
    lists: list[NDArray[np.int64]] = []
    if wanted.narrows_agreement:
        agreed = AGREED.get(wanted.agreed)
        lists.append(judged_by(campaigns, among=wanted.among, criterion=wanted.criterion, agreed=agreed))
    elif wanted.among:
        judged = Assignment.objects.counted().filter(campaign__in=campaigns, reviewer__username=wanted.among[0])
        lists.append(numbers(judged.values_list("task_id", flat=True)))
    if wanted.flagged:
        flags = Flag.objects.filter(assignment__campaign__in=campaigns)
        lists.append(numbers(flags.values_list("assignment__task_id", flat=True)))
    return lists


def numbers(tasks: QuerySet[Any, int]) -> NDArray[np.int64]:
    return np.fromiter(tasks.iterator(chunk_size=10_000), dtype=np.int64)


def rows_of(records: Records) -> list[PairRow]:
    rows = [as_row(record) for record in records]
    tasks = [row["task"] for row in rows]
    pairs = BlindedPair.objects.filter(pk__in=tasks).select_related("task", "case", "campaign").in_bulk()
    return [PairRow(pairs[row["task"]], row) for row in rows]
