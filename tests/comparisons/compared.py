"""A comparison as a lead finds it: computed, with categories, texts and details."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.models import BenchmarkRun, RunComparison
from experiments.services import comparisons
from tests.factories.benchmarks_ import make_items, make_run, make_run_scorer, make_scores
from tests.factories.experiments_ import make_case, make_eval_set, make_model_version, make_output
from tests.factories.platform_ import NOW


def compute(before: BenchmarkRun, after: BenchmarkRun, **fields: Any) -> RunComparison:
    values = {"created_by": None, "now": NOW, **fields}
    asked = comparisons.get_or_start(baseline_run=before, candidate_run=after, **values)
    return comparisons.compute(comparison_id=asked.pk, now=NOW, guard=lambda: None)


def make_comparison(
    before: Sequence[float] = (1, 1, 1, 0, 0, 1),
    after: Sequence[float] = (1, 0, 0, 1, 0, 1),
    *,
    categories: Sequence[str] = ("easy", "hard"),
    texts: tuple[str, str] = ("The answer is 7.", "The answer is 8."),
    details: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    prompt: str = "What is {}?",
) -> RunComparison:
    eval_set = make_eval_set(n_cases=0)
    for position in range(len(before)):
        category = categories[position % len(categories)] if categories else ""
        make_case(eval_set=eval_set, position=position, category=category, prompt=prompt.format(position), expected="7")
    runs = []
    for values, text, arm_errors in ((before, texts[0], None), (after, texts[1], errors)):
        model = make_model_version()
        for case in eval_set.cases.order_by("position"):
            if not (arm_errors and case.external_id in arm_errors):
                make_output(model_version=model, case=case, text=text, latency_ms=100.0, output_tokens=5)
        run = make_run(eval_set=eval_set, model_version=model)
        make_items(run, errors=arm_errors)
        make_scores(make_run_scorer(run), values, details=[details or {}] * len(values))
        runs.append(run)
    return compute(*runs)
