"""The list of eval sets: the newest version of each, and what it is used for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, QuerySet

from experiments.models import BenchmarkRun, EvalCase, EvalSet, ExperimentSuite

PAGE_LENGTH = 25


@dataclass(frozen=True)
class SetRow:
    newest: EvalSet
    n_versions: int
    n_categories: int
    n_runs: int
    suites: Sequence[ExperimentSuite]

    @property
    def roles(self) -> list[str]:
        return sorted({suite.role for suite in self.suites})


def list_sets(*, search: str = "", page: str | None = None) -> tuple[Page[EvalSet], list[SetRow]]:
    newest = EvalSet.objects.filter(pk__in=EvalSet.objects.values("name").annotate(last=Max("pk")).values("last"))
    if search:
        newest = newest.filter(name__icontains=search)
    found = Paginator(newest.order_by("-created_at", "-pk"), PAGE_LENGTH).get_page(page)
    return found, rows(list(found.object_list))


def rows(newest: Sequence[EvalSet]) -> list[SetRow]:
    """Used by any version, told at the name."""
    names = [each.name for each in newest]
    versions = dict(
        EvalSet.objects.filter(name__in=names).values("name").annotate(n=Count("pk")).values_list("name", "n")
    )
    runs = dict(
        BenchmarkRun.objects.filter(eval_set__name__in=names)
        .values("eval_set__name")
        .annotate(n=Count("pk"))
        .values_list("eval_set__name", "n")
    )
    suites: dict[str, list[ExperimentSuite]] = defaultdict(list)
    for suite in ExperimentSuite.objects.filter(eval_set__name__in=names).select_related("experiment", "eval_set"):
        suites[suite.eval_set.name].append(suite)
    return [
        SetRow(
            newest=each,
            n_versions=versions[each.name],
            n_categories=sum(1 for name, _ in categories_of(each) if name),
            n_runs=runs.get(each.name, 0),
            suites=suites[each.name],
        )
        for each in newest
    ]


def categories_of(eval_set: EvalSet) -> list[tuple[str, int]]:
    """Each with its number of cases, the largest first. Sets that came with pairs have them counted here."""
    if eval_set.categories is not None:
        return [(name, n) for name, n in eval_set.categories]
    counted: QuerySet[EvalCase, tuple[str, int]] = (
        EvalCase.objects.filter(eval_set=eval_set)
        .values("category")
        .annotate(n=Count("pk"))
        .order_by("-n", "category")
        .values_list("category", "n")
    )
    return list(counted)
