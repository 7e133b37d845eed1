"""The cases behind a score: filtered and paged by the database, read in full only for the page shown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.core.paginator import Page, Paginator
from django.db import connection, transaction

from experiments.models import EvalCase, Output, RunItem, RunScorer, Score
from experiments.reports.exports.tables import decoded
from experiments.reports.scores import NO_CATEGORY, largest_categories

PAGE_LENGTH = 25
LONGEST_SHOWN = 20_000
FETCH = 500
RESULTS = {"passed": "passed", "failed": "failed", "unscored": "no value", "error": "error"}
ORDERS = {"position": "evalcase.position", "low": "score.value, evalcase.position",
          "high": "score.value DESC NULLS LAST, evalcase.position"}  # fmt: skip
CONDITIONS = {
    "passed": "score.passed",
    "failed": "NOT score.passed",
    "unscored": "score.id IS NOT NULL AND score.value IS NULL",
    "error": "item.state = 'error'",
}
SOURCES = """
FROM experiments_runitem AS item
JOIN experiments_evalcase AS evalcase ON evalcase.id = item.case_id
LEFT JOIN experiments_score AS score ON score.run_scorer_id = %(run_scorer)s AND score.case_id = item.case_id
LEFT JOIN experiments_output AS output ON output.id = item.output_id
WHERE item.run_id = %(run)s
"""
EXPORTED = """
SELECT evalcase.external_id, evalcase.category, evalcase.prompt, evalcase.expected, output.text, output.tool_calls,
       item.state, item.error_class, score.value, score.passed, score.detail
"""
EXPORT_COLUMNS = ("id", "category", "prompt", "expected", "text", "tool_calls", "state", "error", "value", "passed",
                  "detail")  # fmt: skip
JSON_PLACES = (5, 10)


@dataclass(frozen=True)
class Wanted:
    """What the address asks for. Values that mean nothing are left out rather than refused."""

    result: str = ""
    category: str = ""
    error: str = ""
    search: str = ""
    order: str = "position"

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Wanted":
        return cls(
            result=query.get("result", "") if query.get("result") in RESULTS else "",
            category=query.get("category", ""),
            error=query.get("error", ""),
            search=query.get("search", "").replace("\0", "").strip()[:200],
            order=query.get("order", "") if query.get("order") in ORDERS else "position",
        )

    @property
    def is_narrowed(self) -> bool:
        return bool(self.result or self.category or self.error or self.search)

    def where(self) -> tuple[str, dict[str, str]]:
        """Conditions of this file's making only; what the user typed goes as parameters."""
        conditions, params = [], {}
        if self.result:
            conditions.append(CONDITIONS[self.result])
        if self.error:
            conditions.append("item.error_class = %(error)s")
            params["error"] = self.error.replace("\0", "")
        if self.category:
            conditions.append("evalcase.category = %(category)s")
            params["category"] = "" if self.category == NO_CATEGORY else self.category.replace("\0", "")
        if self.search:
            names = ("evalcase.external_id", "evalcase.prompt", "evalcase.expected", "output.text")
            # position() rather than LIKE: nothing in the text is a pattern.
            found = " OR ".join(f"position(lower(%(search)s) IN lower({name})) > 0" for name in names)
            conditions.append(f"({found})")
            params["search"] = self.search
        return "".join(f" AND {condition}" for condition in conditions), params


@dataclass(frozen=True)
class CaseRow:
    item: RunItem
    case: EvalCase
    output: Output | None
    score: Score | None

    @property
    def result(self) -> str:
        if self.item.state == RunItem.State.ERROR:
            return "error"
        if self.score is None:
            return "waiting"
        if self.score.passed is None:
            return "unscored" if self.score.value is None else ""
        return "passed" if self.score.passed else "failed"

    @property
    def is_graded(self) -> bool:
        """Whether the value says more than passed or failed does."""
        return self.score is not None and (self.score.passed is None or self.score.value not in (0.0, 1.0))

    @property
    def reason(self) -> str:
        return str(self.score.detail.get("reason", "")) if self.score else ""

    @property
    def details(self) -> list[tuple[str, Any]]:
        if self.score is None:
            return []
        return [(name.replace("_", " "), value) for name, value in self.score.detail.items() if name != "reason"]

    @property
    def text(self) -> str:
        return self.output.text[:LONGEST_SHOWN] if self.output else ""

    @property
    def calls(self) -> str:
        """One line per tool call: name and arguments."""
        calls = (self.output.tool_calls if self.output else None) or []
        return "\n".join(call_in_words(call) for call in calls)

    @property
    def is_cut(self) -> bool:
        return self.output is not None and len(self.output.text) > LONGEST_SHOWN


def call_in_words(call: Any) -> str:
    """As the chat protocol gives it, with its arguments as text, or plainly; whatever else, as it stands."""
    inner = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(inner, Mapping) or "name" not in inner:
        return orjson.dumps(call).decode()
    arguments = inner.get("arguments", {})
    return f"{inner['name']}({arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()})"


@dataclass(frozen=True)
class CaseList:
    page: Page[Any]
    rows: list[CaseRow]
    categories: list[str] = field(default_factory=list)


class Ids(Sequence[int]):
    """Ids of items, counted and sliced by the database."""

    def __init__(self, run_scorer: RunScorer, wanted: Wanted) -> None:
        conditions, typed = wanted.where()
        self.sql, self.order = SOURCES + conditions, ORDERS[wanted.order]
        self.params: dict[str, Any] = {"run": run_scorer.run_id, "run_scorer": run_scorer.pk, **typed}

    def __len__(self) -> int:
        return int(self.ask(f"SELECT count(*) {self.sql}")[0][0])

    def __getitem__(self, wanted: Any) -> Any:
        self.params |= {"limit": wanted.stop - wanted.start, "offset": wanted.start}
        page = f"SELECT item.id {self.sql} ORDER BY {self.order} LIMIT %(limit)s OFFSET %(offset)s"
        return [row[0] for row in self.ask(page)]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query, self.params)
            return list(cursor.fetchall())


def case_list(run_scorer: RunScorer, *, wanted: Wanted, page: str | None) -> CaseList:
    shown: Page[Any] = Paginator(Ids(run_scorer, wanted), PAGE_LENGTH).get_page(page)
    names, _ = largest_categories(run_scorer.run.eval_set_id)
    return CaseList(shown, rows(run_scorer, list(shown.object_list)), [name or NO_CATEGORY for name in names])


def rows(run_scorer: RunScorer, ids: Sequence[int]) -> list[CaseRow]:
    items = RunItem.objects.select_related("case", "output").in_bulk(list(ids))
    cases = [item.case_id for item in items.values()]
    scores = {score.case_id: score for score in Score.objects.filter(run_scorer=run_scorer, case__in=cases)}
    found = [items[pk] for pk in ids]
    return [CaseRow(item, item.case, item.output, scores.get(item.case_id)) for item in found]


def exported(run_scorer: RunScorer) -> Iterator[list[Any]]:
    """Every case of the run with its score, in the order of the set; nothing is held but the rows being sent."""
    query = f"{EXPORTED} {SOURCES} ORDER BY evalcase.position"
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query, {"run": run_scorer.run_id, "run_scorer": run_scorer.pk})
        while some := cursor.fetchmany(FETCH):
            for row in some:
                yield decoded(row, JSON_PLACES)
