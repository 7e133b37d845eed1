"""What the scorers say about a run, as its page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count

from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, ErrorClass, RunItem, RunScorer
from experiments.scorers.registry import SCORERS

SCORE_RUN = "experiments.score_run"
FIGURES = {"share": "percent", "points": "number", "perplexity": "number"}
UNIT_WORDS = {"points": "points of 100", "ms": "milliseconds", "tokens": "tokens", "characters": "characters"}
TOPS = {"share": 1.0, "points": 100.0}


@dataclass(frozen=True)
class ScorerRow:
    """One scorer of the run. `figure` is how its numbers are written; the bar runs from `low` to `high`."""

    scorer: RunScorer
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        return bool(self.summary)

    @property
    def title(self) -> str:
        return str(self.summary.get("title") or self.scorer.scorer)

    @property
    def is_rate(self) -> bool:
        return bool(self.summary.get("has_pass_mark"))

    @property
    def figure(self) -> str:
        return "percent" if self.is_rate else FIGURES.get(self.summary.get("unit", ""), "count")

    @property
    def mean_figure(self) -> str:
        """Of the graded values behind a pass rate."""
        return FIGURES.get(self.summary.get("unit", ""), "count")

    @property
    def unit_words(self) -> str:
        return "" if self.is_rate else UNIT_WORDS.get(self.summary.get("unit", ""), "")

    @property
    def low(self) -> float:
        return 0.0

    @property
    def high(self) -> float:
        if self.is_rate:
            return 1.0
        parts = [self.summary.get("overall") or {}, *(entry["overall"] for entry in self.summary.get("categories", []))]
        ends = [float(part.get("ci_high") or part.get("estimate") or 0) for part in parts]
        return TOPS.get(self.summary.get("unit", ""), max([*ends, 0.0]) * 1.05 or 1.0)

    @property
    def settings(self) -> list[tuple[str, Any]]:
        """The parameters that differ from their defaults."""
        known = SCORERS.get(self.scorer.scorer)
        defaults = {param.name: param.default for param in known.params} if known else {}
        params = self.scorer.params.items()
        return sorted((name.replace("_", " "), value) for name, value in params if value != defaults.get(name))


@dataclass(frozen=True)
class ErrorCount:
    name: str
    words: str
    n: int


@dataclass(frozen=True)
class RunScores:
    run: BenchmarkRun
    rows: list[ScorerRow]
    earlier: list[ScorerRow]
    errors: list[ErrorCount]
    is_stuck: bool = False
    """Being scored, it says, but by no job that is still at work."""

    @property
    def is_scoring(self) -> bool:
        return self.run.status == BenchmarkRun.Status.SCORING

    @property
    def n_errors(self) -> int:
        return sum(one.n for one in self.errors)

    @property
    def error_share(self) -> float:
        return self.n_errors / self.run.n_cases if self.run.n_cases else 0.0

    @property
    def shown(self) -> ScorerRow | None:
        """The first primary one whose figures are known."""
        known = [row for row in self.rows if row.is_known]
        return next((row for row in known if row.scorer.is_primary), known[0] if known else None)


def run_scores(run: BenchmarkRun) -> RunScores:
    """Three queries at most, whatever the number of cases."""
    scorers = RunScorer.objects.filter(run=run).order_by("-is_primary", "pk")
    rows = [ScorerRow(one, one.summary if one.finished_at else {}) for one in scorers]
    return RunScores(
        run=run,
        rows=[row for row in rows if row.scorer.is_current],
        earlier=[row for row in rows if not row.scorer.is_current],
        errors=error_counts(run),
        is_stuck=run.status == BenchmarkRun.Status.SCORING and not is_at_work(run),
    )


def is_at_work(run: BenchmarkRun) -> bool:
    return Job.objects.live().filter(kind=SCORE_RUN, args__run_id=str(run.pk)).exists()


def error_counts(run: BenchmarkRun) -> list[ErrorCount]:
    """By class, the commonest first."""
    in_error = RunItem.objects.filter(run=run, state=RunItem.State.ERROR)
    counted = in_error.values_list("error_class").annotate(n=Count("pk")).order_by("-n", "error_class")
    words = dict(ErrorClass.choices)
    return [ErrorCount(name, str(words.get(name, name)), n) for name, n in counted]
