"""Results are computed from the counted judgments, by arm, and kept beside the count they came from."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.db.models import F

from annotations.models import Assignment, Campaign, Seat
from experiments.models import CampaignResult, ExperimentResult
from experiments.reports import pair_index, progress, votes
from experiments.reports.human import HumanReport
from experiments.services import results
from experiments.services.campaigns import running, unblinding
from tests.factories.annotations_ import claim_some, judge, make_reviewer
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW
from tests.factories.results_ import (
    judge_arms,
    make_judged_campaign,
    make_lead,
    make_open_campaign,
    make_paired_experiment,
)

pytestmark = pytest.mark.django_db


def computed(campaign: Campaign) -> CampaignResult:
    result = results.compute(campaign=campaign, now=NOW)
    assert result is not None
    return result


def test_a_win_of_the_candidate_is_counted_as_one_whatever_side_it_stood_on() -> None:
    campaign = make_judged_campaign(experiment=make_experiment(n_cases=10), winners=["candidate"])

    human = computed(campaign).payload["human"]

    sides = Assignment.objects.filter(campaign=campaign).values_list("first_option", flat=True)
    assert set(sides) == {1, 2}
    assert human["outcomes"] == {"baseline": 0, "candidate": 20, "tie": 0, "both_bad": 0}
    assert human["majority"] == {"baseline": 0, "candidate": 10, "tie": 0, "both_bad": 0}
    assert human["win_rate"]["estimate"] == 1.0


def test_criteria_are_read_by_arm_too() -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=4))
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0]
    for _ in range(4):
        judge(seat, claim_some(seat), choice="tie", criteria={"correctness": "a"})
    unblinding.unblind(campaign=campaign, by=make_lead(), reason="Trying it out.", now=NOW)

    criteria = {one["key"]: one for one in computed(campaign).payload["human"]["criteria"]}
    outcomes = criteria["correctness"]["direction"]["outcomes"]
    assert outcomes["baseline"] + outcomes["candidate"] == 4
    assert criteria["safety"]["n"] == 0
    assert criteria["safety"]["direction"]["win_rate"]["estimate"] is None


def test_the_direction_is_not_even_computed_before_the_registered_number_is_in() -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=4))
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0]
    judge_arms(seat, ["candidate"])

    result = computed(campaign)

    assert not result.revealed
    assert result.payload["human"]["direction_hidden"]
    forbidden = {"outcomes", "majority", "win_rate", "sign_test", "length_bias", "categories"}
    assert not forbidden & result.payload["human"].keys()
    assert "direction" not in result.payload["human"]["criteria"][0]
    records = pair_index.load(result.pairs)
    assert set(records["majority"].tolist()) == {pair_index.HIDDEN}
    assert records["candidate"].sum() == records["baseline"].sum() == 0
    assert result.payload["human"]["agreement"]["percent"]["n"] == 0


def test_an_unblinding_reveals_the_direction_and_makes_the_result_stale() -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=4))
    judge_arms(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0], ["baseline"])
    computed(campaign)
    later = NOW + timedelta(minutes=1)
    assert results.stale(now=later) == []

    unblinding.unblind(campaign=campaign, by=make_lead(), reason="The release is tomorrow.", now=NOW)

    assert results.stale(now=later) == [campaign]
    assert computed(campaign).payload["human"]["outcomes"]["baseline"] == 4


def test_surplus_judgments_are_kept_out_and_counted_apart() -> None:
    campaign = make_judged_campaign(experiment=make_experiment(n_cases=3))
    late = Assignment.objects.filter(campaign=campaign).first()
    assert late is not None
    Assignment.objects.filter(pk=late.pk).update(surplus=True)
    Seat.objects.filter(campaign=campaign, reviewer=late.reviewer).update(surplus=F("surplus") + 1)

    result = results.compute(campaign=campaign, now=NOW)
    assert result is not None
    assert result.n_judgments == 5
    assert not result.revealed


def test_identical_pairs_are_counted_apart_and_pull_the_second_win_rate_to_one_half() -> None:
    experiment = make_paired_experiment(("a", "b"), ("c", "d"), ("same", "same"))
    campaign = make_judged_campaign(experiment=experiment)

    human = computed(campaign).payload["human"]

    assert human["identical"] == 1
    assert human["outcomes"]["tie"] == 0
    assert human["win_rate"]["estimate"] == 1.0
    assert human["win_rate_with_identical"]["estimate"] == pytest.approx(5 / 6)
    assert human["win_rate_with_identical"]["n"] == 6
    low, high = (human["win_rate_with_identical"][name] for name in ("same_reviewers_low", "same_reviewers_high"))
    assert low is None or low <= human["win_rate_with_identical"]["estimate"] <= high


def test_a_revised_judgment_replaces_the_first_one_and_makes_the_result_stale() -> None:
    campaign = make_open_campaign(
        experiment=make_experiment(n_cases=1), reviewers=[make_reviewer()], reviewers_per_pair=1
    )
    seat = Seat.objects.select_related("campaign", "reviewer").get(campaign=campaign)
    assignment = claim_some(seat)
    first = judge(seat, assignment, choice="tie")
    assert computed(campaign).payload["human"]["outcomes"]["tie"] == 1

    judge(seat, assignment, choice="both_bad", supersedes=first.pk, now=NOW + timedelta(minutes=1))

    assert results.stale(now=NOW + timedelta(minutes=2)) == [campaign]
    assert computed(campaign).payload["human"]["outcomes"] == {"baseline": 0, "candidate": 0, "tie": 0, "both_bad": 1}


def test_a_costly_result_is_computed_less_often() -> None:
    campaign = make_judged_campaign()
    computed(campaign)
    CampaignResult.objects.update(source="moved", compute_ms=6000)

    assert results.stale(now=NOW + timedelta(seconds=60)) == []
    assert results.stale(now=NOW + timedelta(seconds=121)) == [campaign]


def test_a_result_computed_in_an_older_way_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make_judged_campaign()
    computed(campaign)
    assert results.stale(now=NOW + timedelta(minutes=1)) == []
    monkeypatch.setattr(progress, "WAY", progress.WAY + 1)
    assert results.stale(now=NOW + timedelta(minutes=1)) == [campaign]


def test_refreshing_what_has_not_moved_computes_nothing() -> None:
    campaign = make_judged_campaign()
    computed(campaign)
    kept = results.refresh(campaign=campaign, now=NOW + timedelta(hours=1))
    assert kept is not None
    assert kept.computed_at == NOW


def test_an_experiment_takes_its_revealed_campaigns_together() -> None:
    experiment = make_experiment(n_cases=3)
    first = make_judged_campaign(experiment=experiment, winners=["candidate"])
    second = make_judged_campaign(experiment=experiment, winners=["baseline"], entropy_seed=2)
    hidden = make_open_campaign(experiment=experiment, entropy_seed=3)
    judge_arms(Seat.objects.filter(campaign=hidden).select_related("campaign", "reviewer")[0], ["candidate"])

    for campaign in (first, second, hidden):
        computed(campaign)

    pooled = ExperimentResult.objects.get(experiment=experiment)
    assert pooled.revealed
    assert pooled.n_judgments == 12
    assert pooled.payload["human"]["outcomes"] == {"baseline": 6, "candidate": 6, "tie": 0, "both_bad": 0}
    assert pooled.payload["human"]["win_rate"]["estimate"] == 0.5
    assert pooled.payload["human"]["win_rate"]["items"] == 3
    assert pooled.payload["human"]["majority"] == {"baseline": 0, "candidate": 0, "tie": 3, "both_bad": 0}
    assert pooled.payload["human"]["repeated_cases"] == 3


def test_a_campaign_without_votes_has_a_result_that_says_so() -> None:
    campaign = make_open_campaign()
    running.step(campaign=campaign, name="close", actor=make_lead(), now=NOW)
    human = computed(campaign).payload["human"]
    assert human["n"] == 0
    assert human["position_bias"]["estimate"] is None
    assert human["agreement"]["krippendorff_alpha"]["estimate"] is None


def test_small_categories_are_taken_together_where_there_are_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "MOST_CATEGORIES", 2)
    pairs = [(f"b{number}", f"c{number}") for number in range(8)]
    experiment = make_paired_experiment(*pairs, categories=["code", "", "code", "mail", "", "chat", "code", ""])
    human = computed(make_judged_campaign(experiment=experiment)).payload["human"]
    found = {category["name"]: category["n_pairs"] for category in human["categories"]}
    assert found == {"(none)": 3, "code": 3, "(others)": 2}


@pytest.mark.django_db(transaction=True)
def test_of_two_campaigns_computed_at_once_the_later_reading_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = make_experiment(n_cases=2)
    early, late = make_judged_campaign(experiment=experiment), make_open_campaign(experiment=experiment)
    unblinding.unblind(campaign=late, by=make_lead(), reason="Trying it out.", now=NOW)
    true_report = results.pooled_report
    others: list[Thread] = []

    def judged_and_computed_meanwhile() -> None:
        try:
            seat = Seat.objects.filter(campaign=late).select_related("campaign", "reviewer")[0]
            judge_arms(seat, ["tie"])
            results.compute(campaign=late, now=NOW)
        finally:
            connection.close()

    def slow_report(campaigns: Sequence[Campaign]) -> tuple[HumanReport, bool]:
        found = true_report(campaigns)
        monkeypatch.setattr(results, "pooled_report", true_report)
        others.append(Thread(target=judged_and_computed_meanwhile))
        others[0].start()
        others[0].join(timeout=2)
        return found

    monkeypatch.setattr(results, "pooled_report", slow_report)
    computed(early)
    others[0].join()
    assert ExperimentResult.objects.get().n_judgments == 4 + 2
