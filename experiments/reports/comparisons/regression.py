"""Has the candidate lost more than the margin? As a non-inferiority test and as the plain point rule, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.models import ExperimentSuite, SuiteRole
from experiments.reports.comparisons import arms
from experiments.reports.comparisons.metrics import About, Kind, changed_alike, table_of
from experiments.reports.comparisons.pairing import Paired
from experiments.stats.non_inferiority import NonInferiority, non_inferior_means, non_inferior_rates

DEFAULT_MARGIN = 0.05
TESTED_ROLES = (SuiteRole.TARGET, SuiteRole.GENERAL)
SCALES = {"share": 1.0, "points": 100.0}
INVALID = "invalid"
KEPT = ("estimate", "ci_low", "ci_high", "p_value", "n", "verdict", "point_holds", "needed", "more", "method")


@dataclass(frozen=True)
class Margin:
    """How much may be lost: points of the rate, or a share of the baseline's; and whether it is tested here at all."""

    size: float = DEFAULT_MARGIN
    is_relative: bool = False
    role: str = ""

    @classmethod
    def of(cls, suite: ExperimentSuite | None) -> "Margin":
        return cls(suite.margin, suite.margin_is_relative, suite.role) if suite else cls()

    @property
    def is_tested(self) -> bool:
        return not self.role or self.role in TESTED_ROLES

    @property
    def words(self) -> str:
        return f"{100 * self.size:g}% of the baseline" if self.is_relative else f"{100 * self.size:g} points"

    def to_dict(self) -> dict[str, Any]:
        return {"margin": self.size, "margin_is_relative": self.is_relative, "words": self.words, "role": self.role}


def not_tested(about: About, kind: Kind) -> str:
    """Why a margin says nothing about this metric; empty where it does."""
    if kind == "corpus" or about.unit not in SCALES:
        return f"A margin in points is for rates; {about.title} is not one."
    return "" if about.higher_is_better else f"More of {about.title} is not better, so a loss has no meaning."


def regression_test(
    about: About, kind: Kind, paired: Paired, names: Sequence[str], margin: Margin
) -> dict[str, Any] | None:
    """None where there is no case at all."""
    if not paired.n:
        return None
    parts = [(name, paired.only(paired.category == place)) for place, name in enumerate(names)]
    return {
        "metric": about.key,
        "title": about.title,
        "unit": about.unit,
        "suite": verdict(about, kind, paired, margin),
        "categories": [{"name": name, **verdict(about, kind, part, margin)} for name, part in parts if part.n]
        if len(names) > 1
        else [],
    }


def invalid(test: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that prove nothing prove neither a regression nor that there is none."""
    return {**test, "suite": unproven(test["suite"]), "categories": [unproven(row) for row in test["categories"]]}


def unproven(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "verdict": INVALID, "for_orientation": row["verdict"], "more": None}


def verdict(about: About, kind: Kind, part: Paired, margin: Margin) -> dict[str, Any]:
    found = tested(about, kind, part, margin)
    return {name: getattr(found, name) for name in KEPT} | {"warnings": list(found.warnings)}


def tested(about: About, kind: Kind, part: Paired, margin: Margin) -> NonInferiority:
    clusters = part.clusters if arms.are_clusters(part.clusters) else None
    if kind == "pass" and clusters is None:
        return rates(table_of(part.baseline, part.candidate), margin)
    if kind == "pass" and clusters is not None and (alike := changed_alike(part.baseline, part.candidate, clusters)):
        table, note = alike
        found = rates(table, margin)
        return replace(found, n=part.n, warnings=(*found.warnings, note))
    size = margin.size if margin.is_relative else margin.size * SCALES[about.unit]
    return non_inferior_means(
        part.baseline, part.candidate, margin=size, relative=margin.is_relative, clusters=clusters
    )


def rates(table: Mapping[str, int], margin: Margin) -> NonInferiority:
    return non_inferior_rates(**table, margin=margin.size, relative=margin.is_relative)
