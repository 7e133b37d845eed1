"""The cases of an eval set and one scorer's values over them, as arrays: 100,000 in a fraction of a second."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Count
from numpy.typing import NDArray

from experiments.models import EvalCase, RunScorer
from experiments.reports.binary_copy import fetch, floats

NO_CATEGORY = "(none)"
OTHER_CATEGORIES = "(others)"
MOST_CATEGORIES = 200
NOT_SAID = -1

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Small = NDArray[np.int8]

CASE_COLUMNS = {
    "case": "id::bigint",
    "position": "position::integer",
    "category": "(coalesce(array_position(%(categories)s::varchar[], category), %(others)s) - 1)::smallint",
    # Equal texts, equal numbers; a case without a cluster stands alone. Two texts of a million share one by 3e-8.
    "cluster": "(CASE cluster WHEN '' THEN id ELSE hashtextextended(cluster, 7) END)::bigint",
    "clustered": "(cluster <> '')::int::smallint",
}
SCORE_COLUMNS = {
    "case": "case_id::bigint",
    "value": "coalesce(value, 'NaN'::float8)::double precision",
    "passed": "coalesce(passed::int, %(not_said)s)::smallint",
}


@dataclass(frozen=True)
class CaseArrays:
    """The cases of one set in their order; `category` are places in `categories`."""

    case_ids: Ints
    positions: Ints
    category: Ints
    categories: tuple[str, ...]
    cluster: Ints | None

    @property
    def n(self) -> int:
        return self.case_ids.size

    def place_of(self, case_ids: Ints) -> Ints:
        """Where each of these cases stands; all of them must be of this set."""
        order = np.argsort(self.case_ids)
        found: Ints = order[np.searchsorted(self.case_ids, case_ids, sorter=order)]
        return found


@dataclass(frozen=True)
class ScoreArrays:
    """One scorer over one run, in the order of the cases: `values` NaN where it gave none, `passed` -1, 0 or 1.

    `cluster` is None where no case of the set names one.
    """

    case_ids: Ints
    positions: Ints
    values: Floats
    passed: Small
    category: Ints
    categories: tuple[str, ...]
    cluster: Ints | None

    @property
    def n(self) -> int:
        return self.case_ids.size


def read_cases(eval_set_id: int) -> CaseArrays:
    categories, are_more = largest_categories(eval_set_id)
    rows = fetch(
        CASE_COLUMNS,
        "FROM experiments_evalcase WHERE eval_set_id = %(eval_set)s",
        {"eval_set": eval_set_id, "categories": categories, "others": len(categories) + 1},
    )
    order = np.lexsort((rows["case"], rows["position"]))
    names = tuple(name or NO_CATEGORY for name in categories)
    return CaseArrays(
        case_ids=rows["case"][order],
        positions=rows["position"][order],
        category=rows["category"][order],
        categories=(*names, OTHER_CATEGORIES) if are_more else names,
        cluster=cluster_codes(rows["cluster"][order]) if rows["clustered"].any() else None,
    )


def cluster_codes(hashes: Ints) -> Ints:
    return np.unique(hashes, return_inverse=True)[1].astype(np.int64, copy=False)


def largest_categories(eval_set_id: int) -> tuple[list[str], bool]:
    """By name; and whether there are more: a column that differs in every row makes no result for each of them."""
    by_size = EvalCase.objects.filter(eval_set=eval_set_id).values("category").annotate(n=Count("pk"))
    names: Sequence[str] = list(
        by_size.order_by("-n", "category").values_list("category", flat=True)[: MOST_CATEGORIES + 1]
    )
    return sorted(names[:MOST_CATEGORIES]), len(names) > MOST_CATEGORIES


def read_scores(run_scorer: RunScorer, *, cases: CaseArrays | None = None) -> ScoreArrays:
    """cases: those of the run's set, where they were read already."""
    cases = cases or read_cases(run_scorer.run.eval_set_id)
    rows = fetch(
        SCORE_COLUMNS,
        "FROM experiments_score WHERE run_scorer_id = %(run_scorer)s",
        {"run_scorer": run_scorer.pk, "not_said": NOT_SAID},
    )
    place = cases.place_of(rows["case"])
    order = np.argsort(place)
    place = place[order]
    return ScoreArrays(
        case_ids=cases.case_ids[place],
        positions=cases.positions[place],
        values=floats(rows["value"])[order],
        passed=rows["passed"][order].astype(np.int8),
        category=cases.category[place],
        categories=cases.categories,
        cluster=None if cases.cluster is None else cases.cluster[place],
    )
