"""Runs over the published solutions of grade-school maths, scored by numeric match."""

from functools import cache

import orjson

from experiments.models import BenchmarkRun, EvalCase, EvalSet, Output, RunItem
from experiments.scorers import registry
from experiments.scorers.base import Case, Response
from tests.factories.benchmarks_ import make_run, make_run_scorer, make_scores
from tests.factories.experiments_ import content_hash, make_model_version
from tests.factories.platform_ import NOW
from tests.real_data import real_data


@cache
def lines() -> list[dict[str, object]]:
    path = real_data("gsm8k") / "example_model_solutions.jsonl"
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def make_gsm8k() -> EvalSet:
    eval_set = EvalSet.objects.create(
        name="gsm8k", version=1, content_hash=content_hash(), n_cases=len(lines()), created_at=NOW
    )
    EvalCase.objects.bulk_create(
        EvalCase(
            eval_set=eval_set,
            external_id=str(place + 1),
            position=place,
            prompt=str(line["question"]),
            expected=str(line["ground_truth"]).rpartition("A: ")[2],
        )
        for place, line in enumerate(lines())
    )
    return eval_set


def make_gsm8k_run(eval_set: EvalSet, model: str) -> BenchmarkRun:
    version = make_model_version(name=model)
    cases = list(eval_set.cases.order_by("position"))
    texts = [str(line[model]["solution"]) for line in lines()]  # type: ignore[index]
    outputs = Output.objects.bulk_create(
        Output(model_version=version, case=case, text=text) for case, text in zip(cases, texts, strict=True)
    )
    run = make_run(eval_set=eval_set, model_version=version)
    RunItem.objects.bulk_create(
        RunItem(run=run, case=case, state=RunItem.State.DONE, output=output, finished_at=NOW)
        for case, output in zip(cases, outputs, strict=True)
    )
    judge = registry.get("numeric_match").bind({})
    values = [
        judge(Case(expected=case.expected), Response(text=text)).value for case, text in zip(cases, texts, strict=True)
    ]
    make_scores(make_run_scorer(run, scorer="numeric_match"), values)
    return run
