"""The cases behind a regression or an improvement: one at a time with all that was said, and its neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.http import urlencode

from experiments.models import CaseChange, EvalCase, Output, RunComparison, RunScorer, Score
from experiments.reports.scores import NO_CATEGORY, OTHER_CATEGORIES
from experiments.reports.word_diff import WordDiff, word_diff

AROUND = 25
# Longer answers are cut on the page; the whole of them is a link away.
SHOWN_CHARACTERS = 20_000
SIDES = {"regression": ("regression", "worse"), "improvement": ("improvement", "better")}


@dataclass(frozen=True)
class Wanted:
    """What the address asks for. `at` counts from 1."""

    kind: str = "regression"
    scorer: str = ""
    category: str = ""
    q: str = ""
    at: int = 1
    whole: bool = False
    rendered: bool = False

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Wanted":
        """Values that mean nothing are left out rather than refused."""
        at = query.get("at", "")
        kind = query.get("kind", "")
        return cls(
            kind=kind if kind in SIDES else "regression",
            scorer=query.get("scorer", ""),
            category=query.get("category", ""),
            q=query.get("q", "").replace("\x00", "").strip()[:200],
            at=int(at) if at.isascii() and at.isdigit() and len(at) < 10 and at != "0" else 1,
            whole=query.get("whole") == "yes",
            rendered=query.get("view") == "rendered",
        )


@dataclass(frozen=True)
class Arm:
    """What one model said to a case, and what the scorer made of it. `text` is cut where it is very long."""

    name: str
    output: Output | None
    score: Score | None
    text: str
    is_cut: bool

    @property
    def details(self) -> list[tuple[str, str]]:
        """What the scorer looked at, without the statistics only programs read."""
        entries = self.score.detail.items() if self.score else ()
        return [(name.replace("_", " "), readable(value)) for name, value in entries if not is_statistics(value)]


def readable(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def is_statistics(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 3 and all(isinstance(one, int | float) for one in value)


@dataclass(frozen=True)
class ChangedCase:
    change: CaseChange
    case: EvalCase
    baseline: Arm
    candidate: Arm

    @cached_property
    def diff(self) -> WordDiff:
        return word_diff(self.baseline.text, self.candidate.text)

    @property
    def is_cut(self) -> bool:
        return self.baseline.is_cut or self.candidate.is_cut


@dataclass(frozen=True)
class ChangePage:
    comparison: RunComparison
    wanted: Wanted
    metric: Mapping[str, Any]
    total: int
    at: int
    neighbours: list[tuple[int, CaseChange]]
    shown: ChangedCase | None

    @property
    def metrics(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = (self.comparison.payload or {})["metrics"]
        return found

    @property
    def categories(self) -> list[str]:
        return [row["name"] for row in self.metric["categories"]]

    @property
    def counts(self) -> dict[str, int]:
        return {"regression": self.metric["losses"], "improvement": self.metric["wins"]}

    @property
    def is_filtered(self) -> bool:
        return bool(self.wanted.category or self.wanted.q)

    def address(self, **changed: Any) -> str:
        """The same list elsewhere in it."""
        wanted = self.wanted
        asked = {
            "kind": wanted.kind,
            "scorer": self.metric["key"],
            "category": wanted.category,
            "q": wanted.q,
            "view": "rendered" if wanted.rendered else "",
            "at": self.at,
            **changed,
        }
        return "?" + urlencode({name: value for name, value in asked.items() if value})

    @property
    def next(self) -> str:
        return self.address(at=self.at + 1) if self.at < self.total else ""

    @property
    def previous(self) -> str:
        return self.address(at=self.at - 1) if self.at > 1 else ""

    @property
    def unfiltered(self) -> str:
        return self.address(category="", q="", at="")

    @property
    def checks(self) -> str:
        """What the case asks beyond its reference, as JSON."""
        asked = self.shown.case.checks if self.shown else {}
        return orjson.dumps(asked, option=orjson.OPT_INDENT_2).decode()

    @property
    def whole(self) -> str:
        return self.address(whole="yes")

    @property
    def other_view(self) -> str:
        return self.address(view="" if self.wanted.rendered else "rendered")

    @property
    def links(self) -> list[tuple[str, CaseChange, bool]]:
        return [(self.address(at=place), change, place == self.at) for place, change in self.neighbours]


def change_page(comparison: RunComparison, wanted: Wanted) -> ChangePage | None:
    """None where nothing was compared by any scorer. An unknown scorer is the first, a place past the end the last."""
    metrics: list[Mapping[str, Any]] = (comparison.payload or {})["metrics"]
    if not metrics:
        return None
    metric = next((one for one in metrics if one["key"] == wanted.scorer), metrics[0])
    found = chosen(comparison, metric, wanted).order_by("position", "pk")
    # Texts are searched once: where somebody searches, what was found is kept instead of being counted first.
    matching = list(found.values_list("pk", flat=True)) if wanted.q else None
    total = found.count() if matching is None else len(matching)
    at = max(1, min(wanted.at, total))
    first = (at - 1) // AROUND * AROUND
    if matching is not None:
        found = CaseChange.objects.filter(pk__in=matching[first : first + AROUND]).order_by("position", "pk")
        rows = list(found.select_related("case").defer(*HEAVY))
    else:
        rows = list(found.select_related("case").defer(*HEAVY)[first : first + AROUND])
    shown = changed_case(comparison, rows[at - 1 - first], whole=wanted.whole) if rows else None
    return ChangePage(
        comparison, wanted, metric, total, at, [(first + place + 1, row) for place, row in enumerate(rows)], shown
    )


HEAVY = ("case__system", "case__turns", "case__expected", "case__tags", "case__metadata", "case__checks")


def chosen(comparison: RunComparison, metric: Mapping[str, Any], wanted: Wanted) -> QuerySet[CaseChange]:
    kind = SIDES[wanted.kind][0 if metric["kind"] == "pass" else 1]
    found = CaseChange.objects.filter(comparison=comparison, scorer_key=metric["key"], kind=kind)
    if wanted.category == OTHER_CATEGORIES:
        found = found.exclude(category__in=[stored(row["name"]) for row in metric["categories"]])
    elif wanted.category:
        found = found.filter(category=stored(wanted.category))
    if wanted.q:
        said = Output.objects.filter(
            model_version__in=models_of(comparison), case=OuterRef("case"), text__icontains=wanted.q
        )
        asked = Q(case__external_id__icontains=wanted.q) | Q(case__prompt__icontains=wanted.q)
        found = found.filter(asked | Q(case__expected__icontains=wanted.q) | Exists(said))
    return found


def stored(category: str) -> str:
    return "" if category == NO_CATEGORY else category


def models_of(comparison: RunComparison) -> list[int]:
    return [comparison.baseline_run.model_version_id, comparison.candidate_run.model_version_id]


def changed_case(comparison: RunComparison, change: CaseChange, *, whole: bool) -> ChangedCase:
    before, after = models_of(comparison)
    outputs = {
        one.model_version_id: one
        for one in Output.objects.filter(case=change.case_id, model_version__in=[before, after])
    }
    runs = (comparison.baseline_run_id, comparison.candidate_run_id)
    scorers = RunScorer.objects.filter(run__in=runs, key=change.scorer_key, is_current=True)
    scores = {
        one.run_scorer.run_id: one
        for one in Score.objects.filter(run_scorer__in=scorers, case=change.case_id).select_related("run_scorer")
    }
    return ChangedCase(
        change=change,
        case=EvalCase.objects.get(pk=change.case_id),
        baseline=arm("baseline", outputs.get(before), scores.get(runs[0]), whole=whole),
        candidate=arm("candidate", outputs.get(after), scores.get(runs[1]), whole=whole),
    )


def arm(name: str, output: Output | None, score: Score | None, *, whole: bool) -> Arm:
    text = said(output)
    shown = text if whole else text[:SHOWN_CHARACTERS]
    return Arm(name, output, score, shown, is_cut=len(shown) < len(text))


def said(output: Output | None) -> str:
    """The text, and calls of tools as JSON with sorted keys, so that only what differs shows."""
    if output is None:
        return ""
    if not output.tool_calls:
        return output.text
    calls = orjson.dumps(output.tool_calls, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    return f"{output.text}\n{calls}" if output.text else calls
