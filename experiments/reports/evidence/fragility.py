"""Would the verdict be another without any one reviewer, without one category, without a few cases?

Each part is left out by itself, its criterion is observed again, and the policy decides anew. Hidden directions are
left alone, and so is what no single part can move.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.urls import reverse
from django.utils.http import urlencode
from numpy.typing import NDArray

from annotations.models import Campaign
from experiments import go_no_go
from experiments.go_no_go import Evidence, Observation, Verdict
from experiments.policy import Criterion, Policy
from experiments.reports.evidence import benchmarks, reviews
from experiments.reports.evidence.benchmarks import of_sample, sample_of
from experiments.reports.evidence.page import Fragile
from experiments.reports.evidence.reviews import Reviews, models_only, of_votes
from experiments.reports.evidence.rows import unit_of
from experiments.reports.evidence.suites import Missing, Sample, Suite, chosen
from experiments.reports.human.votes import Votes

Flags = NDArray[np.bool_]
# Of very many reviewers or categories, those are left out by turns that move the estimate most.
MOST_PARTS = 25
MOST_SHOWN = 40
# The most cases that are left out together, as a share of all.
MOST_SHARE = 0.05
LEAST_CASES = 5
STURDY = "Leaving out the most influential cases of one criterion, up to a twentieth of them, does not change it."


@dataclass(frozen=True)
class Fragility:
    rows: tuple[Fragile, ...]
    sentence: str


@dataclass(frozen=True)
class Part:
    """What is left out; `keep` says what stays."""

    kind: str
    name: str
    keep: Flags
    url: str = ""


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


def fragility(
    policy: Policy, evidence: Evidence, verdict: Verdict, suites: Sequence[Suite], found: Reviews
) -> Fragility:
    rows: list[Fragile] = []
    told: list[str] = []
    n_looked_at = 0
    for criterion in policy.criteria:
        known = evidence.observations[criterion.key]
        material = material_of(criterion, known, suites, found)
        if material is None:
            continue
        judge = Judge(policy, evidence, verdict, material)
        rows += [judge.without(part) for part in material.parts]
        cases, words = judge.without_cases()
        rows += cases
        told += words
        n_looked_at += 1
    if n_looked_at and not told:
        told = [STURDY]
    ranked = sorted(rows, key=lambda one: (not one.changes_verdict, -abs(shift(one)), one.criterion, one.leave_out))
    return Fragility(tuple(ranked[:MOST_SHOWN]), sentence_of(ranked, told, verdict))


def shift(one: Fragile) -> float:
    return (one.estimate or 0.0) - (one.estimate_before or 0.0) if one.estimate is not None else 0.0


def sentence_of(rows: Sequence[Fragile], told: Sequence[str], verdict: Verdict) -> str:
    single = [one for one in rows if one.changes_verdict and one.kind != "cases"]
    if single:
        first = single[0]
        others = "" if len(single) == 1 else f", and {len(single) - 1:,} more such parts"
        return f"Without {first.leave_out} the verdict would be {first.verdict}{others}. {' '.join(told)}".strip()
    kinds = dict.fromkeys(f"{one.kind}" for one in rows if one.kind != "cases")
    alone = f"No single {' or '.join(kinds)} decides: without any of them it stays {verdict.verdict}." if kinds else ""
    return " ".join((alone, *told)).strip()


class Judge:
    """Decides again with one criterion observed anew."""

    def __init__(self, policy: Policy, evidence: Evidence, verdict: Verdict, material: Material) -> None:
        self.policy, self.evidence, self.verdict, self.material = policy, evidence, verdict, material
        self.whole = self.decided(material.whole)

    def decided(self, found: Observation) -> Verdict:
        key = self.material.criterion.key
        known = {**self.evidence.observations, key: found}
        return go_no_go.decide(self.policy, replace(self.evidence, observations=known))

    def without(self, part: Part) -> Fragile:
        found = self.material.again(part.keep)
        verdict = self.decided(found)
        criterion = self.material.criterion
        status = next(one.status for one in verdict.criteria if one.key == criterion.key)
        return Fragile(
            leave_out=part.name,
            kind=part.kind,
            criterion=criterion.key,
            criterion_title=criterion.title,
            estimate=found.estimate,
            estimate_before=self.material.whole.estimate,
            unit=unit_of(criterion),
            status=status,
            verdict=verdict.verdict,
            changes_verdict=verdict.verdict != self.whole.verdict,
            url=part.url,
        )

    def without_cases(self) -> tuple[list[Fragile], list[str]]:
        """The fewest cases whose loss would change the verdict, the most influential first, up to a twentieth."""
        material = self.material
        cases, total = np.unique(material.case, return_inverse=True)
        if cases.size <= LEAST_CASES:
            return [], []
        pull = np.bincount(total, weights=material.pull)
        most = min(cases.size - 1, max(LEAST_CASES, int(MOST_SHARE * cases.size)))
        best: tuple[int, Fragile] | None = None
        for direction in (1, -1):
            order = np.argsort(-direction * pull, kind="stable")
            found = self.fewest(order, total, most)
            if found and (best is None or found[0] < best[0]):
                best = found
        title = material.criterion.title
        if best is None:
            return [], []
        k, row = best
        which = "one case" if k == 1 else f"{k:,} cases"
        return [row], [f"{title}: without {which} of {cases.size:,} it would be {row.verdict}."]

    def fewest(self, order: NDArray[np.int64], total: NDArray[np.int64], most: int) -> tuple[int, Fragile] | None:
        """By halving: what leaving out more of the same side does, leaving out fewer of it may not yet do."""

        def tried(k: int) -> Fragile:
            gone = np.zeros(order.size, dtype=bool)
            gone[order[:k]] = True
            name = "the most influential case" if k == 1 else f"the {k:,} most influential cases"
            return self.without(Part("cases", name, ~gone[total], self.material.url))

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
    """None where there is nothing to leave out: no estimate, a quantile, a figure of a whole set, a live test."""
    if known.estimate is None or known.parts:
        return None
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

    def again(keep: Flags) -> Observation:
        part = sample.only(keep)
        if not part.n:
            return replace(known, estimate=None, ci_low=None, ci_high=None, state="none", n=0)
        return replace(of_sample(criterion, part, is_quick=True), state=known.state)

    return Material(
        criterion=criterion,
        whole=again(np.ones(sample.n, dtype=bool)),
        pull=pull_of(criterion, sample),
        case=sample.case_ids,
        parts=categories(criterion, sample, ready),
        again=again,
        url=known.sources[0].url if known.sources else "",
    )


def pull_of(criterion: Criterion, sample: Sample) -> NDArray[np.float64]:
    gaps = sample.candidate - (0.0 if criterion.comparison == "absolute" else sample.baseline)
    return np.asarray(gaps - gaps.mean())


def categories(criterion: Criterion, sample: Sample, ready: Sequence[Suite]) -> list[Part]:
    used = [place for place in range(len(sample.names)) if bool((sample.category == place).any())]
    if len(used) < 2:
        return []
    pull = pull_of(criterion, sample)
    weight = {place: abs(float(pull[sample.category == place].sum())) for place in used}
    first = sorted(used, key=lambda place: (-weight[place], place))[:MOST_PARTS]
    return [
        Part(
            "category", f"category {sample.names[place]}", sample.category != place, category_url(ready, sample, place)
        )
        for place in first
    ]


def category_url(ready: Sequence[Suite], sample: Sample, place: int) -> str:
    suite = ready[0]
    if len(ready) > 1 or not suite.pairs:
        return suite.url
    links = benchmarks.pair_links(suite, suite.pairs[0], sample.names[place])
    return links[0].url


def of_reviews(criterion: Criterion, known: Observation, found: Reviews) -> Material | None:
    told = found.told(found.chosen(criterion.evidence))
    votes = models_only(found.votes(told))
    votes = votes.where(reviews.in_category(votes, criterion.evidence.category))
    if not votes.n:
        return None

    def again(keep: Flags) -> Observation:
        part = of_votes(criterion, votes, keep)
        part = reviews.for_early_stops(part, criterion, found, told, votes.where(keep))
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
    judged = np.flatnonzero(np.bincount(votes.reviewer, minlength=len(votes.reviewers)))
    if judged.size < 2:
        return []
    pull = np.bincount(votes.reviewer, weights=votes.scores - votes.scores.mean(), minlength=len(votes.reviewers))
    first = sorted(judged.tolist(), key=lambda place: (-abs(float(pull[place])), place))[:MOST_PARTS]
    names = votes.reviewers
    return [
        Part("reviewer", names[place], votes.reviewer != place, pairs_url(told, reviewer=names[place]))
        for place in first
    ]


def review_categories(votes: Votes, told: Sequence[Campaign]) -> list[Part]:
    of_vote = votes.pairs.category[votes.task]
    used = np.unique(of_vote).tolist()
    if len(used) < 2:
        return []
    pull = votes.scores - votes.scores.mean()
    weight = {place: abs(float(pull[of_vote == place].sum())) for place in used}
    first = sorted(used, key=lambda place: (-weight[place], place))[:MOST_PARTS]
    return [
        Part(
            "category",
            f"category {votes.pairs.categories[place]}",
            of_vote != place,
            pairs_url(told, category=votes.pairs.categories[place]),
        )
        for place in first
    ]


def pairs_url(told: Sequence[Campaign], **chosen: str) -> str:
    """The pairs behind, where they are of one campaign."""
    return f"{reverse('campaign_pairs', args=[told[0].uuid])}?{urlencode(chosen)}" if len(told) == 1 else ""
