"""The lead's way through a campaign in pages: draft, open, watch, read."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from annotations.models import Campaign, Criterion, Seat
from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.models import CampaignPlan, Unblinding
from experiments.services import results
from experiments.services.campaigns import opening, unblinding
from tests.factories.annotations_ import make_reviewer
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import (
    judge_arms,
    make_draft,
    make_judged_campaign,
    make_lead,
    make_open_campaign,
    make_paired_experiment,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def filled(**changed: Any) -> dict[str, Any]:
    form = {
        "title": "First round",
        "question": "Which is better?",
        "guidelines": "Be fair.",
        "reviewers_per_pair": "2",
        "allow_tie": "on",
        "sampling": "all",
        "criterion_correctness": "required",
        "criterion_helpfulness": "optional",
        "criterion_safety": "no",
        "criterion_format": "no",
        "own_1": "Tone of voice",
        "own_1_asked": "optional",
    }
    return {**form, **changed}


def page(client: Client, campaign: Campaign) -> str:
    response = client.get(f"/campaigns/{campaign.uuid}/")
    assert response.status_code == 200
    return response.content.decode()


def test_a_filled_form_makes_a_draft(lead: Client) -> None:
    reviewer = make_reviewer()
    experiment = make_experiment()
    response = lead.post(f"/experiments/{experiment.pk}/campaigns/new", filled(reviewers=[reviewer.pk]))

    campaign = Campaign.objects.get()
    assert response.headers["Location"] == f"/campaigns/{campaign.uuid}/"
    assert (campaign.allow_tie, campaign.allow_both_bad, campaign.reviewers_per_pair) == (True, False, 2)
    criteria = Criterion.objects.order_by("position").values_list("key", "required")
    assert list(criteria) == [("correctness", True), ("helpfulness", False), ("own-tone-of-voice", False)]
    assert Seat.objects.get().reviewer == reviewer


def test_the_same_form_sent_twice_makes_one_draft_and_takes_over_what_was_changed(lead: Client) -> None:
    path = f"/experiments/{make_experiment().pk}/campaigns/new"
    token = str(uuid4())
    first = lead.post(path, filled(token=token))
    again = lead.post(path, filled(token=token, title="Better title"))
    assert first["Location"] == again["Location"] == f"/campaigns/{token}/"
    assert Campaign.objects.get().title == "Better title"


def test_two_criteria_of_the_same_words_are_refused(lead: Client) -> None:
    response = lead.post(f"/experiments/{make_experiment().pk}/campaigns/new", filled(own_2="Tone of voice!"))
    assert response.status_code == 422
    assert "Give it a name of its own" in response.content.decode()


def test_the_form_says_what_is_wrong_and_keeps_what_was_filled_in(lead: Client) -> None:
    experiment = make_experiment()
    wrong = filled(title="", sampling="sample", own_1="Correctness")
    response = lead.post(f"/experiments/{experiment.pk}/campaigns/new", wrong)
    assert response.status_code == 422
    body = response.content.decode()
    assert "Say how many pairs" in body
    assert "Give it a name of its own" in body
    assert "Be fair." in body
    assert not Campaign.objects.exists()


def test_the_form_refuses_a_title_that_names_a_model(lead: Client) -> None:
    experiment = make_experiment()
    response = lead.post(
        f"/experiments/{experiment.pk}/campaigns/new", filled(title=f"About {experiment.candidate.name}")
    )
    assert response.status_code == 422
    assert "names the model" in response.content.decode()


def test_leads_and_admins_are_not_offered_as_reviewers(lead: Client) -> None:
    make_user(username="both_sides", roles=["reviewer", "admin"])
    make_reviewer(username="blind_one")
    body = lead.get(f"/experiments/{make_experiment().pk}/campaigns/new").content.decode()
    assert "blind_one" in body
    assert "both_sides" not in body


def test_a_draft_is_edited_with_what_it_holds(lead: Client) -> None:
    campaign = make_draft(question="What was asked?", sample_size=2)
    body = lead.get(f"/campaigns/{campaign.uuid}/edit").content.decode()
    assert "What was asked?" in body
    response = lead.post(f"/campaigns/{campaign.uuid}/edit", filled(title="Second thoughts"))
    assert response.status_code == 302
    campaign.refresh_from_db()
    assert campaign.title == "Second thoughts"
    assert CampaignPlan.objects.get().sample_size is None


def test_a_draft_says_what_it_will_ask_and_warns_of_too_few_reviewers(lead: Client) -> None:
    experiment = make_paired_experiment(("a", "b"), ("c", "d"), ("same", "same"))
    campaign = make_draft(experiment=experiment, reviewers=[make_reviewer()])
    body = page(lead, campaign)
    assert "only 1 may review" in body
    assert "identical" in body
    assert "Register the plan and open" in body


def test_opening_waits_for_a_worker_and_then_shows_the_campaign(lead: Client) -> None:
    campaign = make_draft()
    lead.post(f"/campaigns/{campaign.uuid}/open")
    assert "waiting" in page(lead, campaign)

    jobs.run(Job.objects.get().pk)

    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.OPEN
    assert "No judgment yet" in page(lead, campaign) or "A worker computes" in page(lead, campaign)


def test_a_failed_opening_goes_back_to_the_draft_with_its_reason(lead: Client) -> None:
    campaign = make_draft(experiment=make_paired_experiment(("same", "same")))
    lead.post(f"/campaigns/{campaign.uuid}/open")
    jobs.run(Job.objects.get().pk)

    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.DRAFT
    assert "nothing to judge" in Job.objects.get().error
    assert "there is nothing to judge" in page(lead, campaign)


def test_an_incomplete_draft_says_what_is_missing(lead: Client) -> None:
    campaign = make_draft(reviewers=[])
    response = lead.post(f"/campaigns/{campaign.uuid}/open", follow=True)
    assert "Choose who may review first" in response.content.decode()


def test_a_stuck_opening_can_be_taken_back(lead: Client) -> None:
    campaign = make_draft()
    opening.request_opening(campaign=campaign, requested_by=None, now=NOW)
    lead.post(f"/campaigns/{campaign.uuid}/back-to-draft")
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.OPENING

    Job.objects.update(status=Job.Status.PARKED, finished_at=NOW)
    assert "Back to the draft" in page(lead, campaign)
    lead.post(f"/campaigns/{campaign.uuid}/back-to-draft")
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.DRAFT


def test_while_it_runs_agreement_is_shown_and_the_direction_is_not(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=6), reviewers_per_pair=3)
    for seat in Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer"):
        judge_arms(seat, ["candidate", "candidate", "baseline"])
    results.compute(campaign=campaign, now=NOW)

    body = page(lead, campaign)

    assert "Do reviewers agree?" in body
    assert "stays hidden until the registered <b>18 judgments</b>" in body
    for telling in ("vote=candidate", "majority=", "Which is preferred", "Win rate", "exports/", "prefer the"):
        assert telling not in body


def test_an_admin_is_not_offered_to_unblind(client: Client) -> None:
    client.force_login(make_user(roles=["admin"]))
    campaign = make_open_campaign()
    assert "Unblind" not in page(client, campaign)
    assert client.post(f"/campaigns/{campaign.uuid}/unblind", {"reason": "Curious."}).status_code == 403
    assert not Unblinding.objects.exists()


def test_unblinding_shows_the_direction_with_the_reason_beside_it(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=3))
    judge_arms(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0], ["candidate"])
    lead.post(f"/campaigns/{campaign.uuid}/unblind", {"reason": "The <b>release</b> is tomorrow."})
    assert "a worker is computing it" in page(lead, campaign)

    results.compute(campaign=campaign, now=NOW)

    body = page(lead, campaign)
    assert "Unblinded at 3 of 6 judgments" in body
    assert "The &lt;b&gt;release&lt;/b&gt; is tomorrow." in body
    assert "Read early:" in body


def test_a_campaign_closed_early_says_that_only_unblinding_tells_the_direction(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=3))
    lead.post(f"/campaigns/{campaign.uuid}/step", {"step": "close"})
    body = page(lead, campaign)
    assert "closed with 0 of <b>6 registered judgments</b>" in body
    assert "stays hidden until the registered" not in body


def test_a_finished_campaign_shows_its_figures_each_with_n_and_a_link(lead: Client) -> None:
    experiment = make_paired_experiment(
        *[(f"short {number}", f"a longer one {number}") for number in range(8)], categories=["api", "billing"]
    )
    campaign = make_judged_campaign(experiment=experiment, winners=["candidate", "candidate", "tie", "baseline"])
    results.compute(campaign=campaign, now=NOW)

    body = page(lead, campaign)

    for expected in ("Reviewers prefer the candidate", "majority=candidate", "By category", "n 16", "Downloads"):
        assert expected in body


def test_agreement_is_shown_for_each_criterion_and_each_two_reviewers(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=4))
    for seat in Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer"):
        judge_arms(seat, ["tie"], criteria={"correctness": "tie"})
    results.compute(campaign=campaign, now=NOW)
    body = page(lead, campaign)
    for expected in ("AC1", "Correctness: each two reviewers", "Correctness: Cohen’s kappa"):
        assert expected in body
    assert "Safety: each two reviewers" not in body


def test_twelve_reviewers_have_no_more_kappas_than_are_kept() -> None:
    assert results.MOST_KAPPAS >= 12 * 11 // 2


def test_the_page_takes_few_queries(lead: Client, django_assert_max_num_queries: Any) -> None:
    campaign = make_judged_campaign(
        experiment=make_experiment(n_cases=4), reviewers=[make_reviewer() for _ in range(5)]
    )
    results.compute(campaign=campaign, now=NOW)
    page(lead, campaign)
    with django_assert_max_num_queries(10):
        page(lead, campaign)


def test_the_opening_page_becomes_the_campaigns_page_when_it_is_open(lead: Client) -> None:
    campaign = make_open_campaign()
    response = lead.get(f"/campaigns/{campaign.uuid}/", headers={"HX-Request": "true"})
    assert response.headers["HX-Refresh"] == "true"
    assert response.content == b""


def test_polling_gets_nothing_while_nothing_is_new(lead: Client) -> None:
    campaign = make_open_campaign()
    response = lead.get(f"/campaigns/{campaign.uuid}/", {"seen": ""}, headers={"HX-Request": "true"})
    assert b"<html" not in response.content
    stamp = response.context["page"].stamp
    again = lead.get(f"/campaigns/{campaign.uuid}/", {"seen": stamp}, headers={"HX-Request": "true"})
    assert again.status_code == 204
    judge_arms(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0], ["tie"])
    news = lead.get(f"/campaigns/{campaign.uuid}/", {"seen": stamp}, headers={"HX-Request": "true"})
    assert news.status_code == 200


def test_what_a_lead_types_is_left_alone_by_polling_until_the_form_comes_or_goes(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=3))
    assert page(lead, campaign).count('name="reason"') == 1
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0]
    judge_arms(seat, ["tie"])

    def asked_again() -> str:
        known = {"seen": "", "offers": "unblind"}
        return lead.get(f"/campaigns/{campaign.uuid}/", known, headers={"HX-Request": "true"}).content.decode()

    news = asked_again()
    assert "So far 3" in news
    assert 'id="figures" hx-swap-oob="true"' in news
    assert 'name="reason"' not in news
    assert 'id="unblind"' not in news

    unblinding.unblind(campaign=campaign, by=make_lead(), reason="Trying it out.", now=NOW)
    told = asked_again()
    assert re.search('id="unblind"[^>]* hidden hx-swap-oob="true"', told)
    assert 'name="reason"' not in told


def test_reviewers_and_guidelines_are_managed_on_their_page(lead: Client) -> None:
    campaign, newcomer = make_open_campaign(), make_reviewer(username="newcomer")
    lead.post(f"/campaigns/{campaign.uuid}/reviewers", {"reviewer": newcomer.pk})
    seat = Seat.objects.get(reviewer=newcomer)
    lead.post(f"/campaigns/{campaign.uuid}/guidelines", {"text": "Second **version**."})
    lead.post(f"/campaigns/{campaign.uuid}/reviewers/{seat.pk}/remove")

    body = lead.get(f"/campaigns/{campaign.uuid}/manage").content.decode()

    assert "newcomer" in body
    assert "Guidelines, version 2" in body
    assert CampaignPlan.objects.get().hash in body
    seat.refresh_from_db()
    assert seat.removed_at is not None


def test_a_seat_of_another_campaign_is_not_found(lead: Client) -> None:
    one, other = make_open_campaign(), make_open_campaign(entropy_seed=2)
    seat = Seat.objects.filter(campaign=other)[0]
    assert lead.post(f"/campaigns/{one.uuid}/reviewers/{seat.pk}/remove").status_code == 404


def test_pause_resume_and_close_are_buttons(lead: Client) -> None:
    campaign = make_open_campaign()
    for step, status in (("pause", "paused"), ("resume", "open"), ("close", "closed")):
        lead.post(f"/campaigns/{campaign.uuid}/step", {"step": step})
        campaign.refresh_from_db()
        assert campaign.status == status
    response = lead.post(f"/campaigns/{campaign.uuid}/step", {"step": "destroy"}, follow=True)
    assert "Choose to pause" in response.content.decode()


def test_a_draft_is_discarded_from_its_page(lead: Client) -> None:
    campaign = make_draft()
    lead.post(f"/campaigns/{campaign.uuid}/discard")
    assert not Campaign.objects.exists()


def test_a_campaign_that_is_not_there_is_not_found(lead: Client) -> None:
    assert lead.get(f"/campaigns/{uuid4()}/").status_code == 404


def test_many_reviewers_have_a_page_of_their_own(lead: Client) -> None:
    reviewers = [make_reviewer(username=f"crowd-{number:02}") for number in range(17)]
    campaign = make_judged_campaign(experiment=make_experiment(n_cases=1), reviewers=reviewers, reviewers_per_pair=17)
    results.compute(campaign=campaign, now=NOW)
    assert "The 15 most active of 17" in page(lead, campaign)
    body = lead.get(f"/campaigns/{campaign.uuid}/reviewers/figures").content.decode()
    assert all(reviewer.username in body for reviewer in reviewers)


def test_the_reviewers_page_of_a_campaign_without_judgments_says_so(lead: Client) -> None:
    campaign = make_open_campaign()
    assert "No judgment yet" in lead.get(f"/campaigns/{campaign.uuid}/reviewers/figures").content.decode()
