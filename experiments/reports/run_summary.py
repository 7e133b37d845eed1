"""What one scorer says about one run: an estimate with its interval, overall and for each category."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db.models import Count
from django.db.models.fields.json import KeyTextTransform

from experiments.models import RunScorer, Score
from experiments.reports.scores import Ints, ScoreArrays
from experiments.scorers.base import Aggregate, Scorer, ScoreResult
from experiments.stats import quantiles
from experiments.stats.aggregates import bootstrapped_aggregate
from experiments.stats.means import clustered_mean
from experiments.stats.proportions import wilson_interval
from experiments.stats.result import Estimate

MOST_REASONS = 20
QUANTILES = (0.5, 0.95, 0.99)
SEED = 20_240_607
FEW_IN_CATEGORY = 30


def summary(run_scorer: RunScorer, scorer: Scorer, scores: ScoreArrays) -> dict[str, Any]:
    """To be kept as JSON. What has no value is left out of every figure and counted beside them."""
    has_value = np.isfinite(scores.values)
    results = read_results(run_scorer, scores.case_ids[has_value]) if scorer.aggregate else []
    sheet = Sheet(scorer, scores, has_value, results)
    everything = np.ones(sheet.n, dtype=bool)
    return {
        "unit": scorer.unit,
        "title": scorer.label(run_scorer.params),
        "has_pass_mark": scorer.has_pass_mark,
        "higher_is_better": scorer.higher_is_better,
        "n_scored": sheet.n,
        "n_unscored": scores.n - sheet.n,
        "n_passed": sheet.n_passed(everything),
        "overall": sheet.overall(everything).to_dict(),
        "mean": sheet.mean(everything).to_dict() if sheet.is_graded else None,
        "categories": sheet.categories(),
        "quantiles": sheet.quantiles() if scorer.unit == "ms" else [],
        "unscored": reasons(run_scorer),
    }


class Sheet:
    """The values of one scorer, and the figures of any part of them."""

    def __init__(self, scorer: Scorer, scores: ScoreArrays, kept: Any, results: Sequence[ScoreResult]) -> None:
        self.scorer, self.results = scorer, results
        self.values, self.passed = scores.values[kept], scores.passed[kept]
        self.category, self.names = scores.category[kept], scores.categories
        self.cluster: Ints | None = None if scores.cluster is None else scores.cluster[kept]
        self.n = self.values.size
        self.is_graded = scorer.has_pass_mark and bool(np.any((self.values != 0) & (self.values != 1)))

    def n_passed(self, part: Any) -> int | None:
        return int((self.passed[part] == 1).sum()) if self.scorer.has_pass_mark else None

    def overall(self, part: Any) -> Estimate:
        if self.scorer.aggregate:
            return self.aggregate(part, self.scorer.aggregate)
        return self.pass_rate(part) if self.scorer.has_pass_mark else self.mean(part)

    def pass_rate(self, part: Any) -> Estimate:
        """Wilson's interval; where cases share a cluster they are no independent trials, so then a clustered one."""
        passed = self.passed[part] == 1
        if self.is_clustered(part):
            return self.mean_of(passed.astype(float), part)
        return wilson_interval(int(passed.sum()), passed.size)

    def mean(self, part: Any) -> Estimate:
        return self.mean_of(self.values[part], part)

    def mean_of(self, values: Any, part: Any) -> Estimate:
        if not values.size:
            return wilson_interval(0, 0)
        clusters = [self.cluster[part]] if self.cluster is not None and self.is_clustered(part) else []
        result = clustered_mean(values, *clusters)
        names = ("estimate", "ci_low", "ci_high", "alpha", "n", "method", "warnings")
        return Estimate(**{name: getattr(result, name) for name in names})

    def is_clustered(self, part: Any) -> bool:
        return self.cluster is not None and np.unique(self.cluster[part]).size < int(np.count_nonzero(part))

    def aggregate(self, part: Any, aggregate: Aggregate) -> Estimate:
        chosen = [self.results[place] for place in np.flatnonzero(part).tolist()]
        clusters = self.cluster[part] if self.cluster is not None and self.is_clustered(part) else None
        return bootstrapped_aggregate(chosen, aggregate, clusters=clusters, seed=SEED)

    def categories(self) -> list[dict[str, Any]]:
        """Those that hold a case with a value, in the order of their names."""
        if len(self.names) < 2:
            return []
        parts = [(name, self.category == place) for place, name in enumerate(self.names)]
        return [self.of_category(name, part) for name, part in parts if part.any()]

    def of_category(self, name: str, part: Any) -> dict[str, Any]:
        n = int(np.count_nonzero(part))
        overall = self.overall(part).to_dict()
        small = n < FEW_IN_CATEGORY
        return {"name": name, "n": n, "n_passed": self.n_passed(part), "is_small": small, "overall": overall}

    def quantiles(self) -> list[Mapping[str, Any]]:
        return [self.quantile(q) for q in QUANTILES] if self.n else []

    def quantile(self, q: float) -> Mapping[str, Any]:
        ordered = np.sort(self.values)
        ends = quantiles.rank_interval(self.n, q)
        low, high = (
            None if place is None else float(ordered[place - 1]) for place in (ends.lower_rank, ends.upper_rank)
        )
        whole = low is not None and high is not None
        return {"q": q, "name": f"P{100 * q:g}"} | Estimate(
            estimate=quantiles.value(ordered, q),
            ci_low=low if whole else None,
            ci_high=high if whole else None,
            alpha=0.05,
            n=self.n,
            method="order statistics",
            warnings=() if whole else (f"{self.n} cases are too few to bound P{100 * q:g}.",),
        ).to_dict()


def read_results(run_scorer: RunScorer, case_ids: Ints) -> list[ScoreResult]:
    rows = Score.objects.filter(run_scorer=run_scorer, value__isnull=False)
    by_case = {
        case: ScoreResult(value, passed, detail)
        for case, value, passed, detail in rows.values_list("case_id", "value", "passed", "detail").iterator(2000)
    }
    return [by_case[case] for case in case_ids.tolist()]


def reasons(run_scorer: RunScorer) -> list[dict[str, Any]]:
    """Why cases have no value, the commonest first."""
    unscored = Score.objects.filter(run_scorer=run_scorer, value=None)
    counted = unscored.values(reason=KeyTextTransform("reason", "detail")).annotate(n=Count("pk"))
    return [dict(one) for one in counted.order_by("-n", "reason")[:MOST_REASONS]]
