"""A run as lm-evaluation-harness writes its results: one file of figures, one line per sample."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from django.db import connection, transaction
from django.utils.text import slugify

from experiments.models import BenchmarkRun, RunScorer
from experiments.reports.exports.tables import decoded
from experiments.reports.scores import CaseArrays, read_cases, read_scores
from experiments.stats import aggregates
from experiments.stats.means import clustered_mean

FETCH = 500
FILTER = "none"
HEADER = """
SELECT evalcase.position, evalcase.external_id, evalcase.system, evalcase.turns, evalcase.prompt, evalcase.expected,
       evalcase.category, evalcase.checks, output.text, output.tool_calls, output.latency_ms, output.input_tokens,
       output.output_tokens, output.finish_reason, item.error_class
"""
SAMPLES = """
FROM experiments_runitem AS item
JOIN experiments_evalcase AS evalcase ON evalcase.id = item.case_id
LEFT JOIN experiments_output AS output ON output.id = item.output_id
"""
JSON_PLACES = (3, 7, 9)


def task_name(run: BenchmarkRun) -> str:
    return slugify(f"{run.eval_set.name} v{run.eval_set.version}").replace("-", "_") or f"set_{run.eval_set_id}"


def scorers_of(run: BenchmarkRun) -> list[RunScorer]:
    current = RunScorer.objects.filter(run=run, is_current=True, finished_at__isnull=False)
    return list(current.order_by("-is_primary", "pk"))


def results(run: BenchmarkRun) -> bytes:
    """Each metric as "name,filter" with its standard error."""
    task, scorers, cases = task_name(run), scorers_of(run), read_cases(run.eval_set_id)
    figures: dict[str, Any] = {"alias": task}
    for one in scorers:
        overall = one.summary.get("overall") or {}
        figures[f"{one.key},{FILTER}"] = overall.get("estimate")
        figures[f"{one.key}_stderr,{FILTER}"] = standard_error(one, cases)
    config = {
        "task": task,
        "dataset_name": run.eval_set.name,
        "metadata": {"version": run.eval_set.version},
        "metric_list": [{"metric": one.key, "scorer": one.scorer, **one.params} for one in scorers],
    }
    content = {
        "results": {task: figures},
        "configs": {task: config},
        "versions": {task: run.eval_set.version},
        "n-shot": {task: 0},
        "higher_is_better": {task: {one.key: one.summary.get("higher_is_better") for one in scorers}},
        "n-samples": {task: {"original": run.eval_set.n_cases, "effective": run.n_done}},
        "n_errors": {task: run.n_errors},
        "intervals": {task: {one.key: interval(one) for one in scorers}},
        "config": {"model": run.model_version.source, "model_args": f"model={run.model_version.model}"},
        "model_name": str(run.model_version),
        "date": run.created_at.timestamp(),
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def interval(one: RunScorer) -> dict[str, Any]:
    overall = one.summary.get("overall") or {}
    return {name: overall.get(name) for name in ("ci_low", "ci_high", "n", "method", "warnings")}


def standard_error(one: RunScorer, cases: CaseArrays) -> float | None:
    """Of the mean over the cases, clustered where they share a cluster; of a corpus figure by its interval's width."""
    overall = one.summary.get("overall") or {}
    scores = read_scores(one, cases=cases)
    kept = np.isfinite(scores.values)
    cluster = None if scores.cluster is None else scores.cluster[kept]
    if not kept.any():
        return None
    if "corpus aggregate" in overall.get("method", ""):
        return error_of_interval(overall, int(kept.sum()) if cluster is None else np.unique(cluster).size)
    is_rate = one.summary.get("has_pass_mark")
    values = (scores.passed[kept] == 1).astype(float) if is_rate else scores.values[kept]
    return clustered_mean(values, *([] if cluster is None else [cluster])).se


def error_of_interval(overall: Mapping[str, Any], units: int) -> float | None:
    low, high = overall["ci_low"], overall["ci_high"]
    if low is None or high is None:
        return None
    return float(high - low) / 2 / aggregates.errors_in_half(overall["method"], units=units, alpha=overall["alpha"])


def samples(run: BenchmarkRun) -> Iterator[bytes]:
    """One line per case, those that ended in an error too; nothing is held but the lines being sent."""
    scorers = scorers_of(run)
    values = "".join(f", score_{place}.value" for place in range(len(scorers)))
    joins = "".join(
        f" LEFT JOIN experiments_score AS score_{place} "
        f"ON score_{place}.run_scorer_id = {one.pk} AND score_{place}.case_id = item.case_id"
        for place, one in enumerate(scorers)
    )
    query = f"{HEADER}{values}{SAMPLES}{joins} WHERE item.run_id = %s ORDER BY evalcase.position"
    keys = [one.key for one in scorers]
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query, [run.pk])
        while rows := cursor.fetchmany(FETCH):
            yield b"".join(
                orjson.dumps(sample(decoded(row, JSON_PLACES), keys), option=orjson.OPT_APPEND_NEWLINE) for row in rows
            )


def sample(row: list[Any], keys: list[str]) -> dict[str, Any]:
    (position, external_id, system, turns, prompt, expected, category, checks, text, tool_calls, latency_ms,
     input_tokens, output_tokens, finish_reason, error, *values) = row  # fmt: skip
    messages = [*([{"role": "system", "content": system}] if system else []), *turns]
    asked = [*messages, {"role": "user", "content": prompt}]
    doc = {"id": external_id, "prompt": prompt, "expected": expected, "category": category, "checks": checks}
    text = "" if text is None else text
    return {
        "doc_id": position,
        "doc": doc,
        "target": expected,
        "arguments": {"gen_args_0": {"arg_0": asked, "arg_1": {}}},
        "resps": [[text]],
        "filtered_resps": [text],
        "filter": FILTER,
        "metrics": keys,
        **dict(zip(keys, values, strict=True)),
        "tool_calls": tool_calls,
        "latency_ms": latency_ms,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "finish_reason": finish_reason or "",
        "error": error,
        "doc_hash": digest(doc),
        "prompt_hash": digest(asked),
        "target_hash": digest(expected),
    }


def digest(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
