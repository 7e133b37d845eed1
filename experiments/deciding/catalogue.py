"""What a criterion can ask about: layers, their metrics, and how each is compared and written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Layer = Literal["benchmark", "human", "live", "cost"]
Comparison = Literal["absolute", "points", "relative", "ratio"]
Bound = Literal["at_least", "at_most"]
Rule = Literal["shown", "observed"]
# As figures are written on pages, and `ms`, `cost`, `tokens`: a number and its word.
Unit = Literal["share", "coefficient", "number", "ms", "cost", "tokens"]

LAYERS: Mapping[Layer, str] = {
    "benchmark": "Benchmarks",
    "human": "Human review",
    "live": "Live test",
    "cost": "Cost",
}
COMPARISONS: Mapping[Comparison, str] = {
    "absolute": "the candidate's own figure",
    "points": "candidate minus baseline",
    "relative": "change as a share of the baseline",
    "ratio": "candidate divided by baseline",
}
BOUNDS: Mapping[Bound, str] = {"at_least": "at least", "at_most": "at most"}
RULES: Mapping[Rule, str] = {
    "shown": "shown: the interval must lie beyond it",
    "observed": "observed: the estimate decides",
}
ROLES = ("target", "general", "adversarial", "structured")
UNITS: tuple[Unit, ...] = ("share", "coefficient", "number", "ms", "cost", "tokens")

EACH_CATEGORY = "*"
PRIMARY, GUARDRAILS = "primary", "guardrails"


@dataclass(frozen=True)
class Metric:
    """`quantile` where the metric is one of single values; `of_baseline` whether the baseline has such a figure too."""

    title: str
    unit: Unit
    of_baseline: bool = True
    quantile: float | None = None


METRICS: Mapping[Layer, Mapping[str, Metric]] = {
    "benchmark": {
        "value": Metric("score of the suite", "share"),
        "exact_match": Metric("exact match", "share"),
        "schema_compliance": Metric("schema compliance", "share"),
        "error_share": Metric("share of cases that ended in an error", "share"),
        "latency_p50": Metric("p50 latency", "ms", quantile=0.5),
        "latency_p95": Metric("p95 latency", "ms", quantile=0.95),
        "latency_p99": Metric("p99 latency", "ms", quantile=0.99),
    },
    "human": {
        "win_rate": Metric("share of judgments for the candidate", "share", of_baseline=False),
        "kappa": Metric("agreement of reviewers, mean kappa", "coefficient", of_baseline=False),
        "position_bias": Metric("distance of the left response's share from one half", "share", of_baseline=False),
        "gold_accuracy": Metric("share of known answers given rightly", "share", of_baseline=False),
    },
    "live": {
        PRIMARY: Metric("primary metric of the live test", "share"),
        GUARDRAILS: Metric("guardrails of the live test, each within its margin", "number", of_baseline=False),
    },
    "cost": {
        "per_case": Metric("cost of a case", "cost"),
        "output_tokens": Metric("output tokens of a case", "tokens"),
    },
}


def metric_of(layer: Layer, key: str) -> Metric | None:
    """None where the layer has no such metric; a live test may have any of its own."""
    found = METRICS[layer].get(key)
    if found is None and layer == "live" and key:
        return Metric(key, "share")
    return found
