"""Would the verdict be another without any one reviewer, without one category, without a few cases?

A reviewer or a category is left out of every criterion at once, each is observed again, and the policy decides anew.
Cases are left out of one criterion. Hidden directions are left alone, and checks of the data are not made again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from django.urls import reverse
from django.utils.http import urlencode
from numpy.typing import NDArray

from annotations.models import Campaign
from experiments import go_no_go
from experiments.deciding.catalogue import EACH_CATEGORY
from experiments.deciding.judging import judge as judged
from experiments.go_no_go import Evidence, Observation, Verdict
from experiments.policy import Criterion, Policy
from experiments.reports.evidence import benchmarks, reviews
from experiments.reports.evidence.benchmarks import each_category, of_sample, sample_of
from experiments.reports.evidence.page import Fragile
from experiments.reports.evidence.reviews import Reviews, models_only, of_votes
from experiments.reports.evidence.rows import unit_of
from experiments.reports.evidence.suites import Missing, Sample, Suite, chosen
from experiments.reports.human.votes import Votes

Flags = NDArray[np.bool_]
# Of very many reviewers or categories, those are left out by turns that move the estimate most.
MOST_PARTS = 25
# Resampling each part of more cases than these would keep the worker for minutes.
MOST_RESAMPLED = 20_000
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


@dataclass(frozen=True)
class Part:
    """What is left out; `keep` tells what stays. weight: its share of all that pulls. category: its name, of one."""

    kind: str
    name: str
    keep: Callable[[], Flags]
    url: str = ""
    weight: float = 0.0
    category: str = ""


@dataclass(frozen=True)
class Material:
    """A criterion's observations one by one: how much each pulls the estimate up, and how to observe some of them."""

    criterion: Criterion
    whole: Observation
    pull: NDArray[np.float64]
    case: NDArray[np.int64]
    parts: Sequence[Part]
    again: Callable[[Flags], Observation]
    url: str = ""

    def without(self, part: Part) -> Observation:
        found = self.again(part.keep())
        if not part.category:
            return found
        return replace(found, parts=tuple(one for one in found.parts if one.name != part.category))


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
        return Fragile(
            leave_out=part.name,
            kind=part.kind,
            criterion=criterion.key,
            criterion_title=criterion.title,
            estimate=found[criterion.key].estimate,
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


def material_of(criterion: Criterion, known: Observation, suites: Sequence[Suite], found: Reviews) -> Material | None:
    """None where there is nothing to leave out: a quantile, a figure of a whole set, a live test."""
    layer, metric = criterion.evidence.layer, criterion.evidence.metric
    if layer == "human" and metric == "win_rate":
        return of_reviews(criterion, known, found)
    if layer == "benchmark" and metric != "error_share" and criterion.metric.quantile is None:
        return of_benchmark(criterion, known, suites)
    return None


def of_benchmark(criterion: Criterion, known: Observation, suites: Sequence[Suite]) -> Material | None:
    ready = [one for one in chosen(suites, criterion.evidence) if one.missing is None]
    sample = sample_of(criterion, ready) if ready else Missing("")
    if isinstance(sample, Missing) or sample.kind == "corpus" or not sample.n:
        return None
    observe = observed_as(criterion, known, sample)

    def again(keep: Flags) -> Observation:
        part = sample.only(keep)
        if not part.n:
            return replace(known, estimate=None, ci_low=None, ci_high=None, state="none", n=0, parts=())
        return replace(observe(part), state=known.state)

    return Material(
        criterion=criterion,
        whole=again(np.ones(sample.n, dtype=bool)),
        pull=pull_of(criterion, sample),
        case=sample.case_ids,
        parts=categories(criterion, sample, ready),
        again=again,
        url=known.sources[0].url if known.sources else "",
    )


def observed_as(criterion: Criterion, known: Observation, sample: Sample) -> Callable[[Sample], Observation]:
    """Means by t, which is quick, where that says of all cases what resampling them said."""
    if criterion.evidence.category == EACH_CATEGORY:
        return lambda part: each_category(criterion, part)
    quick = replace(of_sample(criterion, sample, is_quick=True), state=known.state)
    is_quick = judged(criterion, quick).status == judged(criterion, known).status or sample.n > MOST_RESAMPLED
    return lambda part: of_sample(criterion, part, is_quick=is_quick)


def pull_of(criterion: Criterion, sample: Sample) -> NDArray[np.float64]:
    gaps = sample.candidate - (0.0 if criterion.comparison == "absolute" else sample.baseline)
    return np.asarray(gaps - gaps.mean())


def categories(criterion: Criterion, sample: Sample, ready: Sequence[Suite]) -> list[Part]:
    used = [place for place in range(len(sample.names)) if bool((sample.category == place).any())]
    if len(used) < 2:
        return []
    pull = pull_of(criterion, sample)
    return [
        Part(
            "category",
            f"category {sample.names[place]}",
            all_but(sample.category, place),
            category_url(ready, sample, place),
            weight=share(pull, sample.category == place),
            category=sample.names[place],
        )
        for place in used
    ]


def all_but(codes: NDArray[np.int64], place: int) -> Callable[[], Flags]:
    """Only when it is its turn: flags for each of very many reviewers would not fit."""
    return lambda: codes != place


def share(pull: NDArray[np.float64], mine: Flags) -> float:
    """How much of all that pulls a part has, so that parts of several criteria compare."""
    return abs(float(pull[mine].sum())) / (float(np.abs(pull).sum()) or 1.0)


def category_url(ready: Sequence[Suite], sample: Sample, place: int) -> str:
    suite = ready[0]
    if len(ready) > 1 or not suite.pairs:
        return suite.url
    links = benchmarks.pair_links(suite, suite.pairs[0], sample.names[place])
    return links[0].url


def of_reviews(criterion: Criterion, known: Observation, found: Reviews) -> Material | None:
    told = found.told(found.chosen(criterion.evidence))
    votes = models_only(found.votes(told))
    is_each = criterion.evidence.category == EACH_CATEGORY
    if not is_each:
        votes = votes.where(reviews.in_category(votes, criterion.evidence.category))
    if not votes.n:
        return None

    def again(keep: Flags) -> Observation:
        kept = votes.where(keep)

        def of_kept(some: Flags) -> Observation:
            return reviews.for_early_stops(of_votes(criterion, kept, some), criterion, found, told, kept.where(some))

        part = reviews.each_category(criterion, kept, of_kept) if is_each else of_kept(np.ones(kept.n, dtype=bool))
        return replace(part, state=known.state, anytime=known.anytime) if part.estimate is not None else part

    scores = votes.scores
    links = reviews.pair_links(told)
    return Material(
        criterion=criterion,
        whole=again(np.ones(votes.n, dtype=bool)),
        pull=np.asarray(scores - scores.mean()),
        case=votes.case,
        parts=[*reviewers(votes, told), *review_categories(votes, told)],
        again=again,
        url=links[0].url if links else "",
    )


def reviewers(votes: Votes, told: Sequence[Campaign]) -> list[Part]:
    judged_some = np.flatnonzero(np.bincount(votes.reviewer, minlength=len(votes.reviewers)))
    if judged_some.size < 2:
        return []
    pull = votes.scores - votes.scores.mean()
    sums = np.abs(np.bincount(votes.reviewer, weights=pull, minlength=len(votes.reviewers))) / (np.abs(pull).sum() or 1)
    return [
        Part(
            "reviewer",
            votes.reviewers[place],
            all_but(votes.reviewer, place),
            pairs_url(told, reviewer=votes.reviewers[place]),
            weight=float(sums[place]),
        )
        for place in judged_some.tolist()
    ]


def review_categories(votes: Votes, told: Sequence[Campaign]) -> list[Part]:
    of_vote = votes.pairs.category[votes.task]
    used = np.unique(of_vote).tolist()
    if len(used) < 2:
        return []
    pull = votes.scores - votes.scores.mean()
    names = votes.pairs.categories
    return [
        Part(
            "category",
            f"category {names[place]}",
            all_but(of_vote, place),
            pairs_url(told, category=names[place]),
            weight=share(pull, of_vote == place),
            category=names[place],
        )
        for place in used
    ]


def pairs_url(told: Sequence[Campaign], **chosen: str) -> str:
    """The pairs behind, where they are of one campaign."""
    return f"{reverse('campaign_pairs', args=[told[0].uuid])}?{urlencode(chosen)}" if len(told) == 1 else ""
