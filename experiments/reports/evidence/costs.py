"""What an answer costs, case by case: from the tokens of each output and the prices of its endpoint."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from experiments.go_no_go import Observation
from experiments.models import BenchmarkRun
from experiments.policy import Criterion
from experiments.reports.binary_copy import fetch
from experiments.reports.comparisons import arms
from experiments.reports.evidence import observing
from experiments.reports.evidence.benchmarks import awaiting, nothing, run_links
from experiments.reports.evidence.suites import Suite, chosen
from experiments.reports.scores import Floats
from experiments.stats.paired import paired_difference

UNKNOWN = -1
COLUMNS = {
    "case": "item.case_id::bigint",
    "input": "coalesce(output.input_tokens, -1)::bigint",
    "output": "coalesce(output.output_tokens, -1)::bigint",
}
SOURCES = """
FROM experiments_runitem AS item JOIN experiments_output AS output ON output.id = item.output_id
WHERE item.run_id = %(run)s AND item.state = 'done'
"""


class NoCosts(Exception):
    """Says what is missing, and the way out."""


def observe(criterion: Criterion, suites: Sequence[Suite]) -> Observation:
    mine = chosen(suites, criterion.evidence)
    ready = [one for one in mine if one.missing is None]
    if not ready:
        return nothing(criterion, mine)
    sources = run_links(ready)
    try:
        before, after = both_arms(ready, is_money=criterion.evidence.metric == "per_case")
    except NoCosts as reason:
        return observing.none(str(reason), sources=sources)
    alpha = observing.alpha_of(criterion)
    if criterion.comparison == "absolute":
        found = observing.of_estimate(arms.mean(after, None, alpha=alpha), criterion)
    else:
        found = observing.of_comparison(paired_difference(before, after, alpha=alpha), criterion, n=before.size)
    return awaiting(replace(found, sources=sources), mine)


def both_arms(ready: Sequence[Suite], *, is_money: bool) -> tuple[Floats, Floats]:
    """One value per case whose tokens are known for both models."""
    currencies = {currency_of(run) for one in ready for run in one.runs} if is_money else {""}
    if len(currencies) > 1:
        raise NoCosts(f"The two models are priced in {' and '.join(sorted(currencies))}: give both one currency.")
    before, after = [], []
    for suite in ready:
        (left, first), (right, second) = (per_case(run, is_money=is_money) for run in suite.runs)
        shared, one, other = np.intersect1d(left, right, return_indices=True)
        if shared.size:
            before.append(first[one])
            after.append(second[other])
    if not before:
        raise NoCosts("No case has token counts of both models: run them over endpoints that tell them.")
    return np.concatenate(before), np.concatenate(after)


def currency_of(run: BenchmarkRun) -> str:
    endpoint = run.model_version.endpoint
    if endpoint is None or endpoint.price_per_million_input is None or endpoint.price_per_million_output is None:
        raise NoCosts(f"{run.model_version} has no prices: set those of its endpoint.")
    return endpoint.currency


def per_case(run: BenchmarkRun, *, is_money: bool) -> tuple[Floats, Floats]:
    """Ids of cases, and what each took."""
    rows = fetch(COLUMNS, SOURCES, {"run": run.pk})
    known = rows["output"] != UNKNOWN
    if not is_money:
        return rows["case"][known], rows["output"][known].astype(np.float64)
    known &= rows["input"] != UNKNOWN
    endpoint = run.model_version.endpoint
    prices = (endpoint.price_per_million_input, endpoint.price_per_million_output) if endpoint else (None, None)
    paid = sum(
        rows[name][known] * float((price or Decimal(0)) / 1_000_000)
        for name, price in zip(("input", "output"), prices, strict=True)
    )
    return rows["case"][known], np.asarray(paid, dtype=np.float64)
