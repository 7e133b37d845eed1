"""How long, how many tokens and how much money the outputs of two runs took."""

from typing import Any

import numpy as np

from experiments.models import BenchmarkRun
from experiments.reports.binary_copy import fetch, floats
from experiments.reports.comparisons import arms
from experiments.reports.comparisons.metrics import SEED
from experiments.reports.scores import Floats
from experiments.stats import quantiles
from experiments.stats.means import quantile_difference

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
UNKNOWN = -1
COLUMNS = {
    "latency": "coalesce(output.latency_ms, 'NaN'::float8)::double precision",
    "input": "coalesce(output.input_tokens, -1)::bigint",
    "output": "coalesce(output.output_tokens, -1)::bigint",
    "concurrency": "coalesce(output.concurrency, -1)::integer",
}
SOURCES = """
FROM experiments_runitem AS item JOIN experiments_output AS output ON output.id = item.output_id
WHERE item.run_id = %(run)s AND item.state = 'done'
"""


def compared_speed(baseline: BenchmarkRun, candidate: BenchmarkRun) -> dict[str, Any]:
    before, after = read_speed(baseline), read_speed(candidate)
    return {
        "latency": latency(before, after),
        "tokens": {
            name: {"baseline": tokens(before[name]), "candidate": tokens(after[name])} for name in ("input", "output")
        },
        "cost": {"baseline": cost(baseline), "candidate": cost(candidate)},
    }


def read_speed(run: BenchmarkRun) -> dict[str, Floats]:
    """Only what was recorded: an imported output may have none of these."""
    rows = fetch(COLUMNS, SOURCES, {"run": run.pk})
    latencies = floats(rows.pop("latency"))
    known = {name: column[column != UNKNOWN].astype(np.float64) for name, column in rows.items()}
    return {"latency": latencies[np.isfinite(latencies)], **known}


def latency(before: dict[str, Floats], after: dict[str, Floats]) -> dict[str, Any] | None:
    """In milliseconds, of the successful call alone. None where neither run has any."""
    sides = {"baseline": before, "candidate": after}
    if not any(side["latency"].size for side in sides.values()):
        return None
    return {
        **{name: quantiles_of(side["latency"]) for name, side in sides.items()},
        "difference": differences(before["latency"], after["latency"]),
        "concurrency": {name: typical(side["concurrency"]) for name, side in sides.items()},
        "warnings": latency_warnings(before, after),
    }


def quantiles_of(values: Floats) -> dict[str, Any] | None:
    if not values.size:
        return None
    return {name: quantiles.quantile_interval(values, q).to_dict() for name, q in QUANTILES.items()}


def differences(before: Floats, after: Floats) -> dict[str, Any] | None:
    if not before.size or not after.size:
        return None
    return {name: quantile_difference(before, after, q, seed=SEED).to_dict() for name, q in QUANTILES.items()}


def typical(values: Floats) -> float | None:
    return float(np.median(values)) if values.size else None


def latency_warnings(before: dict[str, Floats], after: dict[str, Floats]) -> list[str]:
    notes = []
    first, second = typical(before["concurrency"]), typical(after["concurrency"])
    if first is not None and second is not None and max(first, second) > 1.5 * max(min(first, second), 1):
        notes.append(
            f"The baseline was mostly called {first:g} at a time and the candidate {second:g} at a time: "
            "these latencies are not of the same load."
        )
    if not before["latency"].size or not after["latency"].size:
        notes.append("Only one of the runs has latencies, so there is nothing to compare.")
    return notes


def tokens(values: Floats) -> dict[str, Any] | None:
    return {"total": int(values.sum()), "mean": arms.mean(values, None).to_dict()} if values.size else None


def cost(run: BenchmarkRun) -> dict[str, Any]:
    """None where the run was imported: nothing was called. Outputs that stood already were paid for before."""
    endpoint = run.model_version.endpoint
    return {
        "total": float(run.cost) if endpoint else None,
        "currency": endpoint.currency if endpoint else "",
        "n_reused": run.n_reused,
    }
