"""The list of experiments and the page of one, from nothing to a result."""

from typing import Any

import pytest
from django.test import Client

from experiments.models import LiveResult
from experiments.services import results
from tests.factories.experiments_ import make_experiment
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_draft, make_judged_campaign, make_lead, make_open_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def body(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_an_empty_list_says_what_to_do_next(lead: Client) -> None:
    assert "Import pairs" in body(lead, "/experiments/")


def test_the_list_names_experiments_and_models(lead: Client) -> None:
    experiment = make_experiment(name="Bot & Co")
    page = body(lead, "/experiments/")
    assert "Bot &amp; Co" in page
    assert experiment.candidate.name in page
    assert "not signed" in page


def test_an_experiment_without_a_campaign_offers_the_first(lead: Client) -> None:
    page = body(lead, f"/experiments/{make_experiment().pk}/")
    assert "Plan the first campaign" in page
    assert "Not run yet" in page


def test_a_running_campaign_is_listed_with_its_direction_hidden(lead: Client) -> None:
    experiment = make_experiment()
    make_open_campaign(experiment=experiment, title="Running round")
    make_draft(experiment=experiment, title="Only a draft")
    page = body(lead, f"/experiments/{experiment.pk}/")
    assert "Running round" in page
    assert "Only a draft" in page
    assert "hidden" in page
    assert "Win rate" not in page


def test_two_told_campaigns_are_shown_together(lead: Client) -> None:
    experiment = make_experiment(n_cases=4)
    for seed, winners in ((1, ["candidate"]), (2, ["baseline", "candidate"])):
        campaign = make_judged_campaign(experiment=experiment, winners=winners, entropy_seed=seed)
        results.compute(campaign=campaign, now=NOW)
    page = body(lead, f"/experiments/{experiment.pk}/")
    assert "All told campaigns together" in page
    assert f"/experiments/{experiment.pk}/pairs/?majority=candidate" in page


def test_list_and_page_take_few_queries(lead: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(4):
        campaign = make_judged_campaign()
        results.compute(campaign=campaign, now=NOW)
    with django_assert_max_num_queries(10):
        body(lead, "/experiments/")
    experiment = make_experiment()
    with django_assert_max_num_queries(10):
        body(lead, f"/experiments/{experiment.pk}/")


def test_an_experiment_that_is_not_there_is_not_found(lead: Client) -> None:
    assert lead.get("/experiments/99999/").status_code == 404


def test_live_tests_of_the_experiment_are_listed_with_their_findings(lead: Client) -> None:
    experiment = make_experiment()
    found = make_live_test(experiment=experiment, name="Half of all users")
    make_live_test(experiment=experiment, name="Only a draft", status="draft")
    payload = {"headline": "Completion is 7.6 points higher."}
    LiveResult.objects.create(live_test=found, payload=payload, computed_at=NOW)
    page = body(lead, f"/experiments/{experiment.pk}/work")
    assert f'href="/live-tests/{found.key}/"' in page
    assert "Completion is 7.6 points higher." in page
    assert "Only a draft" in page
