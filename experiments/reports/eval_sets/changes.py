"""What one version of a set has that another has not: cases added, removed and changed, matched by their ids."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connection

from experiments.models import EvalCase, EvalSet
from experiments.reports.eval_sets.cases import as_text
from experiments.reports.word_diff import WordDiff, word_diff

PAGE_LENGTH = 20
KINDS = ("changed", "added", "removed")
FIELDS = ("prompt", "expected", "system", "category", "cluster", "turns", "tags", "metadata", "checks")

COMPARED = """
FROM (SELECT * FROM experiments_evalcase WHERE eval_set_id = %(old)s) AS one
FULL JOIN (SELECT * FROM experiments_evalcase WHERE eval_set_id = %(new)s) AS two USING (external_id)
"""
KIND = """
CASE WHEN one.id IS NULL THEN 'added' WHEN two.id IS NULL THEN 'removed'
WHEN (one.prompt, one.expected, one.system, one.category, one.cluster, one.turns, one.tags, one.metadata, one.checks)
   IS DISTINCT FROM
     (two.prompt, two.expected, two.system, two.category, two.cluster, two.turns, two.tags, two.metadata, two.checks)
THEN 'changed' ELSE 'same' END
"""
COUNTS = "SELECT " + KIND + " AS kind, count(*) " + COMPARED + " GROUP BY 1"
TOLD = "SELECT one.id AS one_id, two.id AS two_id, coalesce(two.position, one.position) AS place, " + KIND + " AS kind "
PLACES = (
    "SELECT one_id, two_id FROM (" + TOLD + COMPARED + ") AS told "  # noqa: S608 - constants of this module
    "WHERE kind = %(kind)s ORDER BY place LIMIT %(limit)s OFFSET %(start)s"
)


@dataclass(frozen=True)
class FieldChange:
    name: str
    diff: WordDiff


@dataclass(frozen=True)
class CaseChanged:
    old: EvalCase | None
    new: EvalCase | None

    @property
    def external_id(self) -> str:
        case = self.new or self.old
        return case.external_id if case else ""

    @property
    def fields(self) -> list[FieldChange]:
        """The fields that differ, word by word."""
        if self.old is None or self.new is None:
            return []
        told = ((name, as_text(getattr(self.old, name)), as_text(getattr(self.new, name))) for name in FIELDS)
        return [FieldChange(name, word_diff(one, two)) for name, one, two in told if one != two]


@dataclass(frozen=True)
class Changes:
    old: EvalSet
    new: EvalSet
    counts: dict[str, int]
    shown: str
    page: Page[Any]
    cases: list[CaseChanged]

    @property
    def scorers_changed(self) -> bool:
        return bool(self.old.scorers != self.new.scorers)

    @property
    def tabs(self) -> list[tuple[str, int]]:
        return [(kind, self.counts.get(kind, 0)) for kind in KINDS]


def changes(old: EvalSet, new: EvalSet, *, shown: str = "", page: str | None = None) -> Changes:
    counts = counted(old, new)
    shown = shown if shown in KINDS else next((kind for kind in KINDS if counts.get(kind)), KINDS[0])
    places = Paginator(range(counts.get(shown, 0)), PAGE_LENGTH).get_page(page)
    start = max(places.start_index() - 1, 0)
    return Changes(old, new, counts, shown, places, cases_at(old, new, shown, start))


def counted(old: EvalSet, new: EvalSet) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"old": old.pk, "new": new.pk})
        return dict(cursor.fetchall())


def cases_at(old: EvalSet, new: EvalSet, kind: str, start: int) -> list[CaseChanged]:
    with connection.cursor() as cursor:
        told: dict[str, str | int] = {"old": old.pk, "new": new.pk, "kind": kind, "limit": PAGE_LENGTH, "start": start}
        cursor.execute(PLACES, told)
        pairs = cursor.fetchall()
    cases = EvalCase.objects.in_bulk([pk for pair in pairs for pk in pair if pk is not None])
    return [CaseChanged(cases.get(one), cases.get(two)) for one, two in pairs]
