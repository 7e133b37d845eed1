"""The pairs behind a number, at most two clicks away."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from annotations.models import Campaign, Seat
from annotations.services import flags
from experiments.models import BlindedPair
from experiments.reports.pair_index import LAYOUT, PairFilter, chosen, load
from experiments.services import results
from tests.factories.annotations_ import claim_some, judge, make_reviewer
from tests.factories.platform_ import NOW
from tests.factories.results_ import (
    judge_arms,
    make_judged_campaign,
    make_lead,
    make_open_campaign,
    make_paired_experiment,
)

pytestmark = pytest.mark.django_db

TEXTS = [(f"base {number}", f"cand {number}") for number in range(6)]


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def listed(client: Client, campaign: Campaign, **query: str) -> set[str]:
    """External ids on the page."""
    response = client.get(f"/campaigns/{campaign.uuid}/pairs/", query)
    assert response.status_code == 200
    return {row.pair.case.external_id for row in response.context["found"].rows}


def judged_by_case(winners: dict[str, list[str]], **fields: Any) -> Campaign:
    """A campaign whose reviewers, in order, gave these answers to these cases."""
    first = max(len(answers) for answers in winners.values())
    experiment = make_paired_experiment(*TEXTS[: len(winners)], categories=["api", "billing"])
    reviewers = [make_reviewer(username=f"reviewer-{place}") for place in range(first)]
    campaign = make_open_campaign(experiment=experiment, reviewers=reviewers, reviewers_per_pair=first, **fields)
    for place, reviewer in enumerate(reviewers):
        seat = Seat.objects.select_related("campaign", "reviewer").get(campaign=campaign, reviewer=reviewer)
        for _ in winners:
            assignment = claim_some(seat)
            pair = BlindedPair.objects.select_related("case").get(task_id=assignment.task_id)
            left = "candidate" if assignment.first_option == pair.candidate_option else "baseline"
            answer = winners[pair.case.external_id][place]
            choice = {"candidate": "a" if left == "candidate" else "b", "baseline": "a" if left == "baseline" else "b"}
            judge(seat, assignment, choice=choice.get(answer, answer))
    results.compute(campaign=campaign, now=NOW)
    return campaign


MIXED = {
    "1": ["candidate", "candidate", "candidate"],
    "2": ["candidate", "candidate", "baseline"],
    "3": ["baseline", "tie", "baseline"],
    "4": ["tie", "candidate", "baseline"],
    "5": ["both_bad", "both_bad", "tie"],
}


def test_the_list_is_narrowed_by_majority_vote_category_and_agreement(lead: Client) -> None:
    campaign = judged_by_case(MIXED)
    assert listed(lead, campaign) == {"1", "2", "3", "4", "5"}
    assert listed(lead, campaign, majority="candidate") == {"1", "2"}
    assert listed(lead, campaign, majority="tie") == {"4"}
    assert listed(lead, campaign, majority="both_bad") == {"5"}
    assert listed(lead, campaign, vote="baseline") == {"2", "3", "4"}
    assert listed(lead, campaign, agreed="yes") == {"1"}
    assert listed(lead, campaign, agreed="no") == {"2", "3", "4", "5"}
    assert listed(lead, campaign, category="api") == {"1", "3", "5"}
    assert listed(lead, campaign, category="api", majority="baseline") == {"3"}
    assert listed(lead, campaign, category="no such") == set()


def test_two_reviewers_lead_to_the_pairs_on_which_just_they_differ(lead: Client) -> None:
    campaign = judged_by_case(MIXED)
    first_two = {"reviewer": "reviewer-0", "other": "reviewer-1"}
    assert listed(lead, campaign, **first_two) == {"1", "2", "3", "4", "5"}
    assert listed(lead, campaign, **first_two, agreed="no") == {"3", "4"}
    assert listed(lead, campaign, **first_two, agreed="yes") == {"1", "2", "5"}


def test_a_criterion_leads_to_the_pairs_it_was_answered_for_and_where_answers_differ(lead: Client) -> None:
    experiment = make_paired_experiment(*TEXTS[:4])
    campaign = make_open_campaign(experiment=experiment, reviewers_per_pair=2)
    said = {"1": ("baseline", "baseline"), "2": ("baseline", "candidate"), "3": ("tie", "")}
    for place, seat in enumerate(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")):
        for _ in range(4):
            assignment = claim_some(seat)
            pair = BlindedPair.objects.select_related("case").get(task_id=assignment.task_id)
            wanted = said.get(pair.case.external_id, ("", ""))[place]
            left = "candidate" if assignment.first_option == pair.candidate_option else "baseline"
            answer = {"": "", "tie": "tie", left: "a"}.get(wanted, "b")
            judge(seat, assignment, choice="tie", criteria={"safety": answer} if answer else {})
    results.compute(campaign=campaign, now=NOW)

    assert listed(lead, campaign, criterion="safety") == {"1", "2", "3"}
    assert listed(lead, campaign, criterion="safety", agreed="yes") == {"1"}
    assert listed(lead, campaign, criterion="safety", agreed="no") == {"2"}
    assert listed(lead, campaign, criterion="correctness") == set()
    page = lead.get(f"/campaigns/{campaign.uuid}/pairs/?criterion=safety&agreed=no").content.decode()
    assert "by Safety, different answers" in page


def test_the_list_is_narrowed_by_reviewers_and_flags(lead: Client) -> None:
    experiment = make_paired_experiment(*TEXTS[:4])
    campaign = make_open_campaign(experiment=experiment, reviewers_per_pair=1)
    first, second = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")
    mine = claim_some(first)
    judge(first, mine)
    judge_arms(second, ["tie"])

    flags.raise_flag(assignment=mine, flag_id=uuid4(), reason="broken", comment="Cut off.", now=NOW)
    results.compute(campaign=campaign, now=NOW)

    own = BlindedPair.objects.select_related("case").get(task_id=mine.task_id).case.external_id
    assert listed(lead, campaign, reviewer=first.reviewer.username) == {own}
    assert listed(lead, campaign, reviewer=first.reviewer.username, other=second.reviewer.username) == set()
    assert listed(lead, campaign, flagged="yes") == {own}


def test_while_hidden_no_filter_and_no_cell_tells_the_direction(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_paired_experiment(*TEXTS[:3]), reviewers_per_pair=2)
    judge_arms(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0], ["candidate"])
    results.compute(campaign=campaign, now=NOW)

    body = lead.get(f"/campaigns/{campaign.uuid}/pairs/").content.decode()

    assert listed(lead, campaign, majority="candidate") == set()
    assert listed(lead, campaign, vote="candidate") == set()
    assert "arm-candidate" not in body
    assert 'name="majority"' not in body


def test_a_pair_shows_both_arms_and_every_judgment(lead: Client) -> None:
    campaign = judged_by_case(MIXED)
    pair = BlindedPair.objects.get(case__external_id="2")
    body = lead.get(f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/").content.decode()
    assert body.index("base 1") < body.index("cand 1")
    for reviewer in ("reviewer-0", "reviewer-1", "reviewer-2"):
        assert reviewer in body
    assert body.count('<span class="arm arm-candidate">candidate</span>') == 2
    assert body.count('<span class="arm arm-baseline">baseline</span>') == 1


def test_while_hidden_a_pair_shows_texts_without_arms_and_judges_without_verdicts(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_paired_experiment(*TEXTS[:2]))
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0]
    assignment = claim_some(seat)
    judge(seat, assignment, choice="a", comment="A is plainly better.")

    body = lead.get(f"/campaigns/{campaign.uuid}/pairs/{assignment.task_id}/").content.decode()

    assert seat.reviewer.username in body
    assert "Response 1" in body
    for telling in ("arm-candidate", "arm-baseline", "plainly better", "Verdict"):
        assert telling not in body


def test_a_pair_of_another_campaign_is_not_found(lead: Client) -> None:
    one = make_open_campaign()
    other = make_open_campaign(entropy_seed=2)
    pair = BlindedPair.objects.filter(campaign=other)[0]
    assert lead.get(f"/campaigns/{one.uuid}/pairs/{pair.pk}/").status_code == 404


def test_pairs_of_an_experiment_come_from_its_told_campaigns(lead: Client) -> None:
    experiment = make_paired_experiment(*TEXTS[:3])
    told = make_judged_campaign(experiment=experiment, winners=["candidate"])
    hidden = make_open_campaign(experiment=experiment, entropy_seed=2)
    judge_arms(Seat.objects.filter(campaign=hidden).select_related("campaign", "reviewer")[0], ["baseline"])
    for campaign in (told, hidden):
        results.compute(campaign=campaign, now=NOW)

    response = lead.get(f"/experiments/{experiment.pk}/pairs/", {"majority": "candidate"})

    rows = response.context["found"].rows
    assert {row.pair.campaign for row in rows} == {told}
    assert len(rows) == 3


def test_identical_pairs_are_listed_and_said_to_be_shown_to_nobody(lead: Client) -> None:
    campaign = make_judged_campaign(experiment=make_paired_experiment(("a", "b"), ("same", "same")))
    results.compute(campaign=campaign, now=NOW)
    assert listed(lead, campaign, identical="yes") == {"2"}
    pair = BlindedPair.objects.get(identical=True)
    assert "shown to nobody" in lead.get(f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/").content.decode()


def test_list_and_pair_take_few_queries(lead: Client, django_assert_max_num_queries: Any) -> None:
    campaign = judged_by_case(MIXED)
    pair = BlindedPair.objects.all()[0]
    with django_assert_max_num_queries(10):
        lead.get(f"/campaigns/{campaign.uuid}/pairs/?majority=candidate&reviewer=reviewer-0")
    with django_assert_max_num_queries(13):
        lead.get(f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/")


def test_an_index_without_pairs_is_empty_not_wrong() -> None:
    records = load(b"")
    assert records.dtype == LAYOUT
    assert chosen(records, PairFilter(majority=1, agreed=False)).size == 0
