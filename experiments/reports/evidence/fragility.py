"""Would the verdict be another without any one reviewer, without one category, without a few cases?

A reviewer or a category is left out of every criterion at once, each is observed again, and the policy decides anew.
Cases are left out of one criterion. Hidden directions are left alone, and checks of the data are not made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from experiments import go_no_go
from experiments.deciding.judging import judge as judged
from experiments.go_no_go import Evidence, Verdict
from experiments.policy import Policy
from experiments.reports.evidence.leaving_out import Material, Part, material_of
from experiments.reports.evidence.page import Fragile
from experiments.reports.evidence.reviews import Reviews
from experiments.reports.evidence.rows import unit_of
from experiments.reports.evidence.suites import Suite

# Of very many reviewers or categories, those are left out by turns that move the estimate most.
MOST_PARTS = 25
MOST_SHOWN = 40
# The most cases that are left out together, as a share of all.
MOST_SHARE = 0.05
LEAST_CASES = 5
PLURAL = {"reviewer": "reviewers", "category": "categories"}
STURDY = "Leaving out the most influential cases of one criterion, up to a twentieth of them, does not change it."


@dataclass(frozen=True)
class Fragility:
    rows: tuple[Fragile, ...]
    sentence: str


@dataclass
class Tried:
    """Of each kind, how many there are and how many were left out by turns; and criteria that have no parts here."""

    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_alone: list[str] = field(default_factory=list)


def fragility(
    policy: Policy, evidence: Evidence, verdict: Verdict, suites: Sequence[Suite], found: Reviews
) -> Fragility:
    tried, materials = Tried(), []
    for criterion in policy.criteria:
        known = evidence.observations[criterion.key]
        if known.estimate is None:
            continue
        material = material_of(criterion, known, suites, found)
        # What is said to stay must be what the verdict says.
        if material and judged(criterion, material.whole).status == judged(criterion, known).status:
            materials.append(material)
        else:
            tried.left_alone.append(criterion.title)
    judge = Judge(policy, evidence, verdict)
    rows = [judge.without(group) for group in foremost(materials, tried)]
    told: list[str] = []
    for material in materials:
        cases, words = judge.without_cases(material)
        rows += cases
        told += words
    if materials and not told:
        told = [STURDY]
    ranked = sorted(rows, key=lambda one: (not one.changes_verdict, -abs(shift(one)), one.criterion, one.leave_out))
    return Fragility(tuple(ranked[:MOST_SHOWN]), sentence_of(ranked, told, verdict, tried))


Group = list[tuple[Material, Part]]


def foremost(materials: Sequence[Material], tried: Tried) -> list[Group]:
    """The same reviewer or category of all criteria together; of each kind those that move an estimate most."""
    groups: dict[tuple[str, str], Group] = {}
    for material in materials:
        for part in material.parts:
            groups.setdefault((part.kind, part.name), []).append((material, part))
    found: list[Group] = []
    for kind in dict.fromkeys(kind for kind, _ in groups):
        mine = [(name, group) for (of_kind, name), group in groups.items() if of_kind == kind]
        mine.sort(key=lambda one: (-max(part.weight for _, part in one[1]), one[0]))
        tried.parts[kind] = (len(mine), min(len(mine), MOST_PARTS))
        found += [group for _, group in mine[:MOST_PARTS]]
    return found


def shift(one: Fragile) -> float:
    return (one.estimate or 0.0) - (one.estimate_before or 0.0) if one.estimate is not None else 0.0


def sentence_of(rows: Sequence[Fragile], told: Sequence[str], verdict: Verdict, tried: Tried) -> str:
    single = [one for one in rows if one.changes_verdict and one.kind != "cases"]
    if single:
        first = single[0]
        others = "" if len(single) == 1 else f", and {len(single) - 1:,} more such parts"
        alone = f"Without {first.leave_out} the verdict would be {first.verdict}{others}."
    else:
        alone = f"{none_decides(tried)}: without any of them it stays {verdict.verdict}." if tried.parts else ""
    untried = f"Not tried: {', '.join(tried.left_alone)}." if tried.left_alone else ""
    return " ".join(part for part in (alone, *told, untried) if part)


def none_decides(tried: Tried) -> str:
    if all(n == looked_at for n, looked_at in tried.parts.values()):
        return f"No single {' or '.join(tried.parts)} decides"
    said = [f"{looked_at:,} of {n:,} {PLURAL[kind]}" for kind, (n, looked_at) in tried.parts.items()]
    return f"None of those that move it most decides ({' and '.join(said)})"


class Judge:
    """Decides again with some criteria observed anew."""

    def __init__(self, policy: Policy, evidence: Evidence, verdict: Verdict) -> None:
        self.policy, self.evidence, self.verdict = policy, evidence, verdict
        self.status = {one.key: one.status for one in verdict.criteria}

    def without(self, group: Group) -> Fragile:
        """The row tells of the criterion that it turns, else of the one that it moves most."""
        found = {material.criterion.key: material.without(part) for material, part in group}
        known = {**self.evidence.observations, **found}
        verdict = go_no_go.decide(self.policy, replace(self.evidence, observations=known))
        status = {one.key: one.status for one in verdict.criteria}

        def told(one: tuple[Material, Part]) -> tuple[bool, float]:
            key = one[0].criterion.key
            return (status[key] == self.status[key], -one[1].weight)

        material, part = min(group, key=told)
        criterion = material.criterion
        left = found[criterion.key]
        return Fragile(
            leave_out=part.name,
            kind=part.kind,
            criterion=criterion.key,
            criterion_title=criterion.title,
            estimate=left.estimate,
            ci_low=left.ci_low,
            ci_high=left.ci_high,
            n=left.n or None,
            estimate_before=material.whole.estimate,
            unit=unit_of(criterion),
            status=status[criterion.key],
            verdict=verdict.verdict,
            changes_verdict=verdict.verdict != self.verdict.verdict,
            url=part.url,
        )

    def without_cases(self, material: Material) -> tuple[list[Fragile], list[str]]:
        """The fewest cases whose loss would change the verdict, the most influential first, up to a twentieth."""
        cases, total = np.unique(material.case, return_inverse=True)
        if cases.size <= LEAST_CASES:
            return [], []
        pull = np.bincount(total, weights=material.pull)
        most = min(cases.size - 1, max(LEAST_CASES, int(MOST_SHARE * cases.size)))
        best: tuple[int, Fragile] | None = None
        for direction in (1, -1):
            order = np.argsort(-direction * pull, kind="stable")
            found = self.fewest(material, order, total, most)
            if found and (best is None or found[0] < best[0]):
                best = found
        title = material.criterion.title
        if best is None:
            return [], []
        k, row = best
        which = "one case" if k == 1 else f"{k:,} cases"
        return [row], [f"{title}: without {which} of {cases.size:,} it would be {row.verdict}."]

    def fewest(
        self, material: Material, order: NDArray[np.int64], total: NDArray[np.int64], most: int
    ) -> tuple[int, Fragile] | None:
        """By halving: what leaving out more of the same side does, leaving out fewer of it may not yet do."""

        def tried(k: int) -> Fragile:
            gone = np.zeros(order.size, dtype=bool)
            gone[order[:k]] = True
            name = "the most influential case" if k == 1 else f"the {k:,} most influential cases"
            return self.without([(material, Part("cases", name, lambda: ~gone[total], material.url))])

        last = tried(most)
        if not last.changes_verdict:
            return None
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            row = tried(middle)
            if row.changes_verdict:
                high, last = middle, row
            else:
                low = middle
        return high, last
