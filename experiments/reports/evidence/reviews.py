"""What human review says about a criterion. Gold pairs are left out, and a hidden direction is not computed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from django.urls import reverse
from numpy.typing import NDArray

from annotations.models import Campaign
from experiments.deciding.catalogue import EACH_CATEGORY
from experiments.go_no_go import Observation, Source
from experiments.models import CampaignPlan, CampaignResult, Experiment
from experiments.policy import Criterion, EvidenceRef
from experiments.reports.evidence import observing
from experiments.reports.human import stopping, tallies
from experiments.reports.human.agreement import mean_kappa, shared_judgments
from experiments.reports.human.votes import NOT_GOLD, UNKNOWN, Votes
from experiments.reports.progress import Progress, progress_of
from experiments.reports.votes import read_votes
from experiments.stats import preference, proportions
from experiments.stats.betting import bounded_mean_confidence_sequence
from experiments.stats.result import Estimate

Flags = NDArray[np.bool_]
OPEN = (Campaign.Status.OPEN, Campaign.Status.PAUSED)
JUDGED = (*OPEN, Campaign.Status.CLOSED)
EXACT = "win rate of independent judgments, exact binomial interval"
POOLED = (
    "A review among these could stop as soon as a difference was clear, and no interval of several rounds together "
    "allows for that: name one campaign in the criterion."
)
NO_SEQUENCE = (
    "This review could stop early, and too few of its pairs are complete for an interval that allows for that."
)
BOTH = "the wider of it and a confidence sequence, since the review could stop early"


class Reviews:
    """The campaigns of an experiment; votes are read once for each choice of them."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        plans = CampaignPlan.objects.filter(experiment=experiment, registered_at__isnull=False)
        self.plans = {plan.campaign_id: plan for plan in plans.select_related("campaign").order_by("campaign_id")}
        self.campaigns = [plan.campaign for plan in self.plans.values() if plan.campaign.status in JUDGED]
        self.read: dict[tuple[int, ...], Votes] = {}

    @cached_property
    def progress(self) -> dict[int, Progress]:
        return progress_of(self.campaigns)

    @cached_property
    def results(self) -> dict[int, CampaignResult]:
        found = CampaignResult.objects.filter(campaign__in=self.campaigns).defer("pairs")
        return {one.campaign_id: one for one in found}

    def votes(self, campaigns: Sequence[Campaign]) -> Votes:
        """Also those on gold pairs."""
        key = tuple(one.pk for one in campaigns)
        if key not in self.read:
            self.read[key] = read_votes(campaigns)
        return self.read[key]

    def chosen(self, about: EvidenceRef) -> list[Campaign]:
        return [one for one in self.campaigns if about.campaign in ("", str(one.uuid))]

    def told(self, campaigns: Sequence[Campaign]) -> list[Campaign]:
        """Those whose direction is known."""
        return [one for one in campaigns if self.progress[one.pk].revealed]

    def unfinished(self, campaigns: Sequence[Campaign]) -> list[Campaign]:
        """Those from which more is still to come."""
        return [
            one
            for one in campaigns
            if one.status in OPEN and not (self.progress[one.pk].is_complete or self.progress[one.pk].stopped)
        ]


def observe(criterion: Criterion, reviews: Reviews) -> Observation:
    campaigns = reviews.chosen(criterion.evidence)
    if not campaigns:
        which = "That campaign is not open" if criterion.evidence.campaign else "No campaign of human review is open"
        return observing.none(f"{which} yet: register one and open it.", n_unit="judgments")
    if criterion.evidence.metric == "win_rate":
        return of_direction(criterion, reviews, campaigns)
    found = of_work(criterion, reviews.votes(campaigns), campaigns)
    return settled(found, reviews, campaigns)


def of_direction(criterion: Criterion, reviews: Reviews, campaigns: Sequence[Campaign]) -> Observation:
    told = reviews.told(campaigns)
    if not told:
        return hidden(reviews, campaigns)
    votes = models_only(reviews.votes(told))

    def of_kept(kept: Flags) -> Observation:
        found = of_votes(criterion, votes, kept)
        return for_early_stops(found, criterion, reviews, told, votes.where(kept))

    if criterion.evidence.category == EACH_CATEGORY:
        found = each_category(criterion, votes, of_kept)
    else:
        found = of_kept(in_category(votes, criterion.evidence.category))
    found = unless_unmeasured(replace(found, sources=pair_links(told)), reviews, told)
    return settled(found, reviews, campaigns)


def hidden(reviews: Reviews, campaigns: Sequence[Campaign]) -> Observation:
    counted = sum(reviews.progress[one.pk].counted for one in campaigns)
    planned = sum(reviews.progress[one.pk].planned or 0 for one in campaigns)
    return Observation(
        state="hidden",
        n=counted,
        n_unit="judgments",
        why_none=f"Hidden until the registered number is in: {counted:,} of {planned:,} judgments.",
        sources=campaign_links(campaigns),
    )


def unless_unmeasured(found: Observation, reviews: Reviews, told: Sequence[Campaign]) -> Observation:
    """Where known answers were registered as the measure of reviewers, votes decide nothing before one was given."""
    asked = [one for one in told if reviews.plans[one.pk].gold_share]
    waiting = [one.title for one in asked if not reviews.votes([one]).on_gold.any()]
    if not waiting or found.state != "final":
        return replace(found, anytime=False) if waiting else found
    why = f"No pair with a known answer has been judged yet in {', '.join(waiting)}, though they were registered."
    return replace(found, state="growing", anytime=False, why_none=why)


def settled(found: Observation, reviews: Reviews, campaigns: Sequence[Campaign]) -> Observation:
    waiting = reviews.unfinished(campaigns)
    if found.state != "final" or not waiting:
        return found
    titles = ", ".join(one.title for one in waiting)
    return replace(found, state="growing", why_none=f"Still being judged: {titles}.")


# Direction


def models_only(votes: Votes) -> Votes:
    return votes.where(~votes.on_gold)


def in_category(votes: Votes, name: str) -> Flags:
    if not name:
        return np.ones(votes.n, dtype=bool)
    places = [place for place, one in enumerate(votes.pairs.categories) if one == name]
    found: Flags = np.isin(votes.pairs.category[votes.task], places)
    return found


def each_category(criterion: Criterion, votes: Votes, of_kept: Callable[[Flags], Observation]) -> Observation:
    """One that nobody has judged stays among them, so that it is not passed."""
    measures = votes.pairs.gold == NOT_GOLD
    asked = np.bincount(votes.pairs.category[measures], minlength=len(votes.pairs.categories))
    names = [name for name, n in zip(votes.pairs.categories, asked, strict=True) if n]
    parts = [(name, of_kept(in_category(votes, name))) for name in names]
    lowest = observing.worst(criterion, parts)
    if lowest is None:
        return observing.none("There are no judgments yet.", n_unit="judgments")
    return replace(
        lowest[1],
        method=f"{lowest[1].method}; the worst of {len(parts)} categories: {lowest[0]}",
        parts=tuple(observing.part(name, one) for name, one in parts),
    )


def of_votes(criterion: Criterion, votes: Votes, kept: Flags) -> Observation:
    """The candidate's win rate over the chosen votes; a tie and both bad count as half."""
    if not kept.any():
        return observing.none("There are no judgments yet.", n_unit="judgments")
    scores, cases, reviewers = votes.scores[kept], votes.case[kept], votes.reviewer[kept]
    alpha = observing.alpha_of(criterion)
    if are_independent(cases, reviewers):
        return of_independent(criterion, scores, alpha)
    found = preference.win_rate_clustered(scores, cases, reviewers, alpha=alpha)
    return observing.of_estimate(found, criterion, n_unit="judgments")


def are_independent(cases: NDArray[np.int64], reviewers: NDArray[np.int64]) -> bool:
    """Each pair was judged once, and each reviewer judged once."""
    return bool(np.bincount(reviewers).max() == 1) and np.unique(cases).size == cases.size


def of_independent(criterion: Criterion, scores: NDArray[np.float64], alpha: float) -> Observation:
    wins, losses = int((scores == 1).sum()), int((scores == 0).sum())
    ties = scores.size - wins - losses
    if ties:
        found: Estimate = preference.win_rate(wins, ties, losses, alpha=alpha)
        return observing.of_estimate(found, criterion, n_unit="judgments")
    exact = proportions.clopper_pearson_interval(wins, scores.size, confidence=criterion.level)
    found = replace(exact, method=EXACT)
    return observing.of_estimate(found, criterion, n_unit="judgments", successes=wins)


def for_early_stops(
    found: Observation, criterion: Criterion, reviews: Reviews, told: Sequence[Campaign], votes: Votes
) -> Observation:
    """Where the review could stop as soon as a difference was clear, the interval must hold at every look.

    votes: those the number is of, as of one category; they are looked at whenever the whole review is.
    """
    early = [one for one in told if reviews.plans[one.pk].stopping == CampaignPlan.Stopping.SEQUENTIAL]
    if not early or found.estimate is None:
        return found
    if len(told) > 1:
        return without_interval(found, POOLED)
    pairs = stopping.complete_pairs(votes, per_pair=told[0].reviewers_per_pair)
    sequence = bounded_mean_confidence_sequence(pairs, alpha=observing.alpha_of(criterion))
    if sequence.ci_low is None or sequence.ci_high is None or found.ci_low is None or found.ci_high is None:
        return without_interval(found, NO_SEQUENCE)
    low, high = min(found.ci_low, sequence.ci_low), max(found.ci_high, sequence.ci_high)
    return replace(
        found,
        ci_low=low,
        ci_high=high,
        spread=observing.spread_of(low, high, found.n, criterion.level),
        successes=None,
        method=f"{found.method}; {BOTH}",
        anytime=True,
    )


def without_interval(found: Observation, why: str) -> Observation:
    """An interval for a fixed number would promise what a review that could stop early does not keep."""
    return replace(found, ci_low=None, ci_high=None, spread=None, successes=None, warnings=(*found.warnings, why))


# The reviewers' work, which tells nothing about the direction


def of_work(criterion: Criterion, votes: Votes, campaigns: Sequence[Campaign]) -> Observation:
    match criterion.evidence.metric:
        case "kappa":
            found = of_kappa(models_only(votes))
        case "position_bias":
            found = of_sides(criterion, models_only(votes))
        case _:
            found = of_gold(criterion, votes)
    return replace(found, sources=campaign_links(campaigns))


def of_kappa(votes: Votes) -> Observation:
    """At 95%: the rule scales it where another level is asked for."""
    case = votes.pairs.first_of_case[votes.task]
    shared = shared_judgments(votes.task, votes.reviewer, votes.outcome, len(votes.reviewers), case)
    found = mean_kappa(shared, np.ones(shared.first.size, dtype=bool))
    if found.estimate is None:
        return observing.none(found.warnings[0], n=found.n, n_unit="pairs")
    return Observation(
        estimate=found.estimate,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        level=0.95,
        n=found.n,
        n_unit="pairs",
        method=found.method,
        spread=observing.spread_of(found.ci_low, found.ci_high, found.n, 0.95),
        candidate=found.estimate,
        warnings=found.warnings,
    )


def of_sides(criterion: Criterion, votes: Votes) -> Observation:
    """How far the share won by the left response lies from one half."""
    left, known = tallies.decided_wins(votes)
    if not known:
        return observing.none("No judgment tells which response stood on the left.", n_unit="judgments")
    share = proportions.wilson_interval(left, known, confidence=criterion.level)
    estimate, low, high = share.estimate, share.ci_low, share.ci_high
    if estimate is None or low is None or high is None:
        return observing.none(observing.undefined(share), n_unit="judgments")
    ends = sorted((abs(low - 0.5), abs(high - 0.5)))
    return Observation(
        estimate=abs(estimate - 0.5),
        ci_low=0.0 if low <= 0.5 <= high else ends[0],
        ci_high=ends[1],
        level=criterion.level,
        n=known,
        n_unit="judgments",
        method="distance of the left response's share of decided judgments from one half, Wilson's interval",
        spread=observing.spread_of(low, high, known, criterion.level),
        candidate=estimate,
    )


def of_gold(criterion: Criterion, votes: Votes) -> Observation:
    on_gold = votes.where(votes.on_gold & (votes.outcome != UNKNOWN))
    if not on_gold.n:
        return observing.none("No pair with a known answer has been judged: register a share of gold pairs.")
    right = int((on_gold.outcome == on_gold.pairs.gold[on_gold.task]).sum())
    found = proportions.wilson_interval(right, on_gold.n, confidence=criterion.level)
    return observing.of_estimate(found, criterion, n_unit="judgments", successes=right)


# Ways to the rows behind


def pair_links(campaigns: Sequence[Campaign]) -> tuple[Source, ...]:
    found = [Source(label=f"Pairs of {one.title}", url=reverse("campaign_pairs", args=[one.uuid])) for one in campaigns]
    return (*found, *campaign_links(campaigns))


def campaign_links(campaigns: Sequence[Campaign]) -> tuple[Source, ...]:
    return tuple(Source(label=f"Campaign {one.title}", url=reverse("campaign", args=[one.uuid])) for one in campaigns)
