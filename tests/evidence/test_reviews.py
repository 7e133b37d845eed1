"""Criteria about human review: gold left out, hidden directions left alone, clusters and early stops counted."""

from dataclasses import replace

import numpy as np
import pytest

from annotations.models import Campaign, Seat
from experiments.deciding.presets import GOLD, KAPPA, POSITION_BIAS
from experiments.go_no_go import Evidence, Observation, decide
from experiments.models import EvalCase, Experiment, GoldAnswer
from experiments.policy import Criterion
from experiments.reports.evidence import reviews
from experiments.reports.evidence.reviews import Reviews
from experiments.reports.human.votes import BASELINE, CANDIDATE, TIE
from experiments.services.campaigns import unblinding
from tests.deciding.deciding import judged
from tests.factories.evidence_ import PREFERRED, make_policy
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW
from tests.factories.results_ import (
    judge_arms,
    make_judged_campaign,
    make_lead,
    make_open_campaign,
    make_paired_experiment,
    make_votes,
)


def one_each(wins: int, n: int, *, ties: int = 0) -> Observation:
    """n pairs, each judged once, by as many reviewers."""
    outcome = [CANDIDATE] * wins + [TIE] * ties + [BASELINE] * (n - wins - ties)
    votes = make_votes(task=range(n), reviewer=range(n), outcome=outcome)
    return reviews.of_votes(PREFERRED, votes, np.ones(n, dtype=bool))


def test_sixty_of_a_hundred_is_undecided_when_shown_and_met_when_observed() -> None:
    found = one_each(60, 100)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.4972, 0.6967), abs=1e-4)
    assert found.method == "win rate of independent judgments, exact binomial interval"
    shown = judged(PREFERRED, found)
    assert shown.status == "undecided"
    assert judged(replace(PREFERRED, rule="observed", shown_beyond=None), found).status == "met"
    verdict = decide(make_policy(PREFERRED), Evidence(observations={PREFERRED.key: found}))
    assert verdict.verdict == "INCONCLUSIVE"


def test_a_hundred_and_twenty_of_two_hundred_is_shown() -> None:
    assert judged(PREFERRED, one_each(120, 200)).status == "met"


def test_ties_count_as_half_and_take_the_trinomial_interval() -> None:
    found = one_each(50, 100, ties=20)
    assert found.estimate == 0.6
    assert found.successes is None
    assert found.method.startswith("win rate of independent votes, trinomial")


def test_judgments_that_share_a_reviewer_are_clustered() -> None:
    outcome = [CANDIDATE] * 60 + [BASELINE] * 40
    votes = make_votes(task=range(100), reviewer=[place % 5 for place in range(100)], outcome=outcome)
    found = reviews.of_votes(PREFERRED, votes, np.ones(100, dtype=bool))
    assert found.method == "win rate, clustered by task and reviewer"
    assert found.successes is None


def test_position_bias_is_the_distance_from_one_half() -> None:
    votes = make_votes(task=range(100), reviewer=[0] * 100, outcome=[CANDIDATE] * 100, side=[1] * 40 + [0] * 60)
    found = reviews.of_sides(POSITION_BIAS, votes)
    assert found.estimate == pytest.approx(0.1)
    assert found.ci_low == pytest.approx(0.0020, abs=1e-4)
    assert found.ci_high == pytest.approx(0.1906, abs=1e-4)
    middle = make_votes(task=range(10), reviewer=[0] * 10, outcome=[CANDIDATE] * 10, side=[1, 0] * 5)
    assert reviews.of_sides(POSITION_BIAS, middle).ci_low == 0.0


def observed(experiment: Experiment, criterion: Criterion = PREFERRED) -> Observation:
    return reviews.observe(criterion, Reviews(experiment))


@pytest.mark.django_db
def test_without_a_campaign_the_way_out_is_told() -> None:
    assert observed(make_experiment()).why_none == (
        "No campaign of human review is open yet: register one and open it."
    )


@pytest.mark.django_db
def test_a_finished_campaign_gives_its_two_way_clustered_win_rate() -> None:
    experiment = make_experiment(n_cases=8)
    campaign = make_judged_campaign(experiment=experiment, winners=["candidate", "candidate", "baseline"])
    found = observed(experiment)
    assert found.state == "final"
    assert found.n == 16
    assert found.method == "win rate, clustered by task and reviewer"
    assert found.sources[0].url == f"/campaigns/{campaign.uuid}/pairs/"


@pytest.mark.django_db
def test_a_hidden_direction_is_not_computed() -> None:
    experiment = make_experiment(n_cases=4)
    campaign = make_open_campaign(experiment=experiment)
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer").first()
    assert seat is not None
    judge_arms(seat, ["candidate"])
    sources = Reviews(experiment)
    found = reviews.observe(PREFERRED, sources)
    assert (found.state, found.estimate, found.n) == ("hidden", None, 4)
    assert found.why_none == "Hidden until the registered number is in: 4 of 8 judgments."
    assert sources.read == {}


@pytest.mark.django_db
def test_an_opened_campaign_that_goes_on_is_still_growing() -> None:
    experiment = make_experiment(n_cases=4)
    campaign = make_open_campaign(experiment=experiment)
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer").first()
    assert seat is not None
    judge_arms(seat, ["candidate"])
    unblinding.unblind(campaign=campaign, by=make_lead(), reason="Curious.", now=NOW)
    found = observed(experiment)
    assert (found.state, found.estimate) == ("growing", 1.0)
    assert found.why_none == f"Still being judged: {campaign.title}."


@pytest.mark.django_db
def test_a_campaign_that_may_stop_early_has_an_interval_for_every_look() -> None:
    experiment = make_experiment(n_cases=12)
    make_judged_campaign(experiment=experiment, winners=["candidate"], stopping="sequential")
    found = observed(experiment)
    assert found.anytime
    assert "a confidence sequence" in found.method
    assert found.successes is None


@pytest.mark.django_db
def test_of_one_category_and_of_each_the_interval_holds_for_every_look_too() -> None:
    experiment = make_experiment(n_cases=12)
    make_judged_campaign(experiment=experiment, winners=["candidate"], stopping="sequential")
    each = observed(experiment, replace(PREFERRED, evidence=replace(PREFERRED.evidence, category="*")))
    one = each.parts[0].name
    alone = observed(experiment, replace(PREFERRED, evidence=replace(PREFERRED.evidence, category=one)))
    assert "a confidence sequence" in alone.method
    assert (alone.anytime, alone.ci_low) == (True, each.parts[0].ci_low)


@pytest.mark.django_db
def test_several_rounds_of_which_one_could_stop_early_have_no_interval() -> None:
    experiment = make_experiment(n_cases=12)
    make_judged_campaign(experiment=experiment, winners=["candidate"], stopping="sequential")
    make_judged_campaign(experiment=experiment, winners=["candidate"], title="Second round")
    found = observed(experiment)
    assert (found.estimate, found.ci_low, found.ci_high) == (1.0, None, None)
    assert judged(PREFERRED, found).status == "undecided"
    assert "name one campaign" in found.warnings[-1]


def test_a_category_that_nobody_judged_stays_among_the_others() -> None:
    votes = make_votes(task=range(40), reviewer=range(40), outcome=[CANDIDATE] * 40, n_pairs=43, gold=[-1] * 42 + [1])
    category = np.array([0] * 40 + [1, 1, 2])
    votes = replace(votes, pairs=replace(votes.pairs, category=category, categories=("judged", "not yet", "gold only")))
    found = reviews.each_category(PREFERRED, votes, lambda kept: reviews.of_votes(PREFERRED, votes, kept))
    assert {part.name: part.n for part in found.parts} == {"judged": 40, "not yet": 0}
    assert judged(PREFERRED, found).status == "undecided"


@pytest.mark.django_db
def test_one_campaign_can_be_asked_for() -> None:
    experiment = make_experiment(n_cases=3)
    first: Campaign = make_judged_campaign(experiment=experiment, winners=["candidate"])
    make_judged_campaign(experiment=experiment, winners=["baseline"], title="Second round")
    alone = replace(PREFERRED, evidence=replace(PREFERRED.evidence, campaign=str(first.uuid)))
    assert observed(experiment, alone).estimate == 1.0
    assert observed(experiment).estimate == 0.5


@pytest.mark.django_db
def test_the_reviewers_work_is_told_apart_from_the_direction() -> None:
    experiment = make_experiment(n_cases=6)
    campaign = make_open_campaign(experiment=experiment)
    for seat in Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer"):
        judge_arms(seat, ["candidate", "baseline"], limit=5)
    kappa = observed(experiment, KAPPA)
    assert (kappa.state, kappa.n_unit) == ("growing", "pairs")
    assert kappa.estimate is not None
    assert observed(experiment, GOLD).why_none == (
        "No pair with a known answer has been judged: register a share of gold pairs."
    )


@pytest.mark.django_db
def test_votes_decide_nothing_before_a_registered_known_answer_was_given() -> None:
    experiment = make_paired_experiment(*[(f"base {n}", f"cand {n}") for n in range(10)])
    case = EvalCase.objects.get(eval_set__suites__experiment=experiment, external_id="1")
    GoldAnswer.objects.create(
        experiment=experiment, case=case, answer="candidate", source=GoldAnswer.Source.IMPORT, created_at=NOW
    )
    campaign = make_judged_campaign(experiment=experiment, gold_share=0.1)
    assert observed(experiment).state == "final"
    found = Reviews(experiment)
    found.read[campaign.pk,] = reviews.models_only(found.votes([campaign]))
    unmeasured = reviews.observe(PREFERRED, found)
    assert (unmeasured.state, unmeasured.anytime) == ("growing", False)
    assert unmeasured.why_none.startswith("No pair with a known answer has been judged yet in First round")
