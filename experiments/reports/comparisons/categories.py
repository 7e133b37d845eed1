"""One scorer's figures of both runs for each category of the set."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.reports.comparisons import arms
from experiments.reports.comparisons.metrics import Kind, bare, rate_difference, table_of
from experiments.reports.comparisons.pairing import Paired
from experiments.stats.multiplicity import adjust_p_values
from experiments.stats.paired import paired_difference
from experiments.stats.result import Estimate

FEW = 30
QUALITY = ("share", "points")
SHORT = ("estimate", "ci_low", "ci_high", "n")


def by_category(paired: Paired, names: Sequence[str], kind: Kind, unit: str) -> list[dict[str, Any]]:
    """p by Benjamini-Hochberg.

    Nothing where there is one category only, where the figure is of the whole set, and for latency and lengths.
    """
    if len(names) < 2 or kind == "corpus" or unit not in QUALITY:
        return []
    parts = [(name, paired.only(paired.category == place)) for place, name in enumerate(names)]
    rows = [of_category(name, part, kind) for name, part in parts if part.n]
    if not rows:
        return []
    for row, p in zip(rows, adjust_p_values([row["p_value"] for row in rows], method="bh"), strict=True):
        row["p_adjusted"] = p
    return rows


def of_category(name: str, part: Paired, kind: Kind) -> dict[str, Any]:
    clusters = part.clusters if arms.are_clusters(part.clusters) else None
    figure = arms.rate if kind == "pass" else arms.mean
    if kind == "pass":
        difference = rate_difference(part.baseline, part.candidate, clusters)
    else:
        difference = bare(paired_difference(part.baseline, part.candidate, clusters=clusters))
    changed: dict[str, int] = table_of(part.baseline, part.candidate) if kind == "pass" else worse_and_better(part)
    return {
        "name": name,
        "n": part.n,
        "is_small": part.n < FEW,
        "baseline": short(figure(part.baseline, clusters)),
        "candidate": short(figure(part.candidate, clusters)),
        "difference": short(difference),
        "only_baseline": changed["only_baseline"],
        "only_candidate": changed["only_candidate"],
        "p_value": difference.p_value,
    }


def worse_and_better(part: Paired) -> dict[str, int]:
    gaps = part.candidate - part.baseline
    return {"only_baseline": int(np.sum(gaps < 0)), "only_candidate": int(np.sum(gaps > 0))}


def short(result: Estimate) -> dict[str, Any]:
    """Two hundred categories of ten metrics are read with every page: no method, no warnings."""
    return {name: getattr(result, name) for name in SHORT}
