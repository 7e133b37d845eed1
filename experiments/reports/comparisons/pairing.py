"""One scorer's values of both runs, side by side in the order of the cases."""

from dataclasses import dataclass

import numpy as np

from experiments.models import RunScorer
from experiments.reports.comparisons.coverage import Flags
from experiments.reports.scores import NOT_SAID, CaseArrays, Floats, Ints, Small, read_scores


@dataclass(frozen=True)
class ArmScores:
    """For every case of the set: the value (NaN where there is none) and whether it passed (-1 where not said)."""

    values: Floats
    passed: Small


@dataclass(frozen=True)
class Paired:
    """Only cases on which both models were scored; `place` is where each stands among the cases of the set."""

    place: Ints
    baseline: Floats
    candidate: Floats
    clusters: Ints | None
    category: Ints

    @property
    def n(self) -> int:
        return self.place.size

    def only(self, keep: Flags) -> "Paired":
        return Paired(
            self.place[keep],
            self.baseline[keep],
            self.candidate[keep],
            None if self.clusters is None else self.clusters[keep],
            self.category[keep],
        )


@dataclass(frozen=True)
class ScorerPair:
    """The same scorer, in the same version with the same parameters, over both runs."""

    baseline: RunScorer
    candidate: RunScorer

    @property
    def key(self) -> str:
        return self.baseline.key

    @property
    def is_primary(self) -> bool:
        return self.baseline.is_primary or self.candidate.is_primary


def read_arm(run_scorer: RunScorer, cases: CaseArrays) -> ArmScores:
    found = read_scores(run_scorer, cases=cases)
    place = cases.place_of(found.case_ids)
    values, passed = np.full(cases.n, np.nan), np.full(cases.n, NOT_SAID, dtype=np.int8)
    values[place], passed[place] = found.values, found.passed
    return ArmScores(values, passed)


def paired_passes(before: ArmScores, after: ArmScores, usable: Flags, cases: CaseArrays) -> Paired:
    """1 where it passed, 0 where it did not."""
    keep = usable & (before.passed != NOT_SAID) & (after.passed != NOT_SAID)
    return on_cases(before.passed.astype(np.float64), after.passed.astype(np.float64), keep, cases)


def paired_values(before: ArmScores, after: ArmScores, usable: Flags, cases: CaseArrays) -> Paired:
    keep = usable & ~np.isnan(before.values) & ~np.isnan(after.values)
    return on_cases(before.values, after.values, keep, cases)


def on_cases(before: Floats, after: Floats, keep: Flags, cases: CaseArrays) -> Paired:
    return Paired(
        place=np.flatnonzero(keep),
        baseline=before[keep],
        candidate=after[keep],
        clusters=None if cases.cluster is None else cases.cluster[keep],
        category=cases.category[keep],
    )
