"""Whether comparisons still say what stands now: the hash of what each was computed from, for many in three queries."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from experiments.models import BenchmarkRun, ExperimentSuite, RunComparison, RunScorer
from experiments.reports.comparisons.regression import Margin

VERSION = 2  # of what is computed and how: another one makes every stored comparison stale


def source_of(scorers: Sequence[RunScorer], runs: Sequence[BenchmarkRun], margin: Margin) -> str:
    """Changes when anything changes that the comparison was computed from."""
    seen = [
        VERSION,
        [[str(run.pk), run.n_done, run.n_errors, str(run.cost)] for run in runs],
        sorted([str(one.run_id), one.key, one.fingerprint, one.is_primary, one.n_scored] for one in scorers),
        [margin.size, margin.is_relative, margin.role],
    ]
    return hashlib.sha256(json.dumps(seen, separators=(",", ":")).encode()).hexdigest()


def stale(comparisons: Iterable[RunComparison]) -> list[RunComparison]:
    """Those that were computed from something else than stands now. comparisons: with both runs."""
    computed = [one for one in comparisons if one.computed_at is not None]
    now = present_sources(computed)
    return [one for one in computed if one.source != now[one.pk]]


def present_sources(comparisons: Sequence[RunComparison]) -> dict[UUID, str]:
    runs = {run for one in comparisons for run in (one.baseline_run_id, one.candidate_run_id)}
    current = RunScorer.objects.filter(run__in=runs, is_current=True, finished_at__isnull=False)
    by_run = defaultdict(list)
    for scorer in current.only("run", "key", "fingerprint", "is_primary", "n_scored"):
        by_run[scorer.run_id].append(scorer)
    margins = margins_of(comparisons)
    return {
        one.pk: source_of(
            [*by_run[one.baseline_run_id], *by_run[one.candidate_run_id]],
            (one.baseline_run, one.candidate_run),
            margins[one.pk],
        )
        for one in comparisons
    }


def margins_of(comparisons: Sequence[RunComparison]) -> dict[UUID, Margin]:
    """Of the suite in whose experiment two runs are compared; without one, the default."""
    experiments = {one.experiment_id for one in comparisons if one.experiment_id is not None}
    suites: dict[tuple[int | None, int], ExperimentSuite] = {
        (suite.experiment_id, suite.eval_set_id): suite
        for suite in (ExperimentSuite.objects.filter(experiment__in=experiments) if experiments else ())
    }
    return {one.pk: Margin.of(suites.get((one.experiment_id, one.baseline_run.eval_set_id))) for one in comparisons}
