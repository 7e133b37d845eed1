"""What a comparison of two runs computes, without its row."""

from collections.abc import Sequence
from typing import Any

from experiments.models import BenchmarkRun, EvalSet
from experiments.reports.comparisons.comparing import compare
from experiments.reports.comparisons.regression import Margin
from tests.factories.benchmarks_ import make_scored_run


def payload_of(runs: Sequence[BenchmarkRun], margin: Margin | None = None) -> dict[str, Any]:
    return compare(runs[0], runs[1], margin=margin or Margin()).payload


def runs_of(eval_set: EvalSet, before: Sequence[float], after: Sequence[float], **fields: Any) -> Any:
    return tuple(make_scored_run(eval_set=eval_set, values=values, **fields) for values in (before, after))
