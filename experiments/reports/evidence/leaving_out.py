"""What of a criterion can be left out, part by part, and how it is observed without."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.urls import reverse
from django.utils.http import urlencode
from numpy.typing import NDArray

from annotations.models import Campaign
from experiments.deciding.catalogue import EACH_CATEGORY
from experiments.deciding.judging import judge as judged
from experiments.go_no_go import Observation
from experiments.policy import Criterion
from experiments.reports.evidence import benchmarks, reviews
from experiments.reports.evidence.benchmarks import each_category, of_sample, sample_of
from experiments.reports.evidence.reviews import Reviews, models_only, of_votes
from experiments.reports.evidence.suites import Missing, Sample, Suite, chosen
from experiments.reports.human.votes import Votes

Flags = NDArray[np.bool_]
# Resampling each part of more cases than these would keep the worker for minutes.
MOST_RESAMPLED = 20_000


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
