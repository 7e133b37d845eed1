"""The page of an experiment: before a policy, before evidence, and with a verdict."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from evalsite.platform.models import Job
from experiments.models import DashboardVisit, EvidenceSnapshot, Experiment
from experiments.reports.evidence.page import NO_POLICY, HealthRow, Part, Policy
from tests.dashboard.shown import HASH, criterion, dashboard, make_policy, make_snapshot, target
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import make_judged_campaign, make_lead

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead(username="ada"))
    return client


@pytest.fixture
def decided() -> Experiment:
    """With a policy, and evidence that was gathered."""
    experiment = make_experiment(name="Bot & Co")
    make_policy(experiment)
    make_snapshot(experiment)
    return experiment


def body(client: Client, experiment: Experiment, **headers: Any) -> str:
    response = client.get(f"/experiments/{experiment.pk}/", headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def stamp_in(page: str) -> str:
    return page.partition("?seen=")[2][:16]


def test_without_a_policy_it_leads_to_one_and_shows_the_work(lead: Client) -> None:
    experiment = make_experiment()
    make_snapshot(experiment, dashboard(verdict=NO_POLICY, reason="None.", policy=None, criteria=()))
    page = body(lead, experiment)
    assert f"/experiments/{experiment.pk}/policy" in page
    assert "No policy registered yet" in page
    assert "Plan the first campaign" in page
    assert "Sign a" not in page


def test_a_registered_policy_without_evidence_says_that_it_is_gathered(lead: Client) -> None:
    experiment = make_experiment()
    make_policy(experiment)
    assert "The evidence is being gathered" in body(lead, experiment)


def test_a_verdict_of_the_policy_before_is_not_shown_as_the_amended_ones(lead: Client, decided: Experiment) -> None:
    make_policy(decided, number=2, reason="Latency matters less.")
    page = body(lead, decided)
    assert "being decided by policy 2" in page
    assert "INCONCLUSIVE" not in page
    assert "Sign a" not in page


def test_it_answers_at_a_glance(lead: Client, decided: Experiment) -> None:
    page = body(lead, decided)
    assert "<strong>INCONCLUSIVE</strong>" in page
    assert "About 410 more judgments would settle it." in page
    assert "says <b>SHIP</b>" in page
    assert "2 of 3 criteria are met" in page
    assert "+8.1 pts" in page
    assert "53.9 to 62.8%" in page
    assert "Bot &amp; Co" in page


def test_every_number_leads_to_the_rows_behind_it(lead: Client, decided: Experiment) -> None:
    page = body(lead, decided)
    for criterion_shown in dashboard().criteria:
        for source in criterion_shown.sources:
            assert f'href="{source.url}"' in page


def test_what_runs_says_how_far_and_when_it_is_enough(lead: Client, decided: Experiment) -> None:
    page = body(lead, decided)
    assert "612 of 720 judgments" in page
    assert "All registered judgments are in at 720." in page


def test_what_would_turn_the_verdict_is_open_and_first(lead: Client, decided: Experiment) -> None:
    page = body(lead, decided)
    assert 'id="fold-fragility" open' in page
    assert page.index("category billing") < page.index("reviewer 3")


def test_failed_health_is_told_beside_the_verdict(lead: Client, decided: Experiment) -> None:
    failed = HealthRow(key="errors", title="Errors", status="failed", detail="2.4% ended in an error.", url="/runs/")
    make_snapshot(decided, dashboard(verdict="INVALID", reason="2.4% ended in an error.", health=(failed,)))
    page = body(lead, decided)
    assert "verdict-invalid" in page
    assert "<strong>Errors.</strong> 2.4% ended in an error." in page
    assert 'id="fold-health" open' in page
    assert "1 of 1 checks fails: no verdict but INVALID can be given." in page
    make_snapshot(decided, dashboard(verdict="GO", reason="All are met.", health=(failed,)))
    assert "1 of 1 checks fails, which the policy lets pass." in body(lead, decided)


def test_a_policy_written_after_the_evidence_says_so_for_ever(lead: Client, decided: Experiment) -> None:
    late = Policy(number=1, title="", sha256=HASH, registered_at=NOW, after_evidence=("the target suite",))
    make_snapshot(decided, dashboard(policy=late))
    assert "Registered after evidence was open" in body(lead, decided)


def test_hidden_direction_has_no_number(lead: Client, decided: Experiment) -> None:
    hidden = criterion(
        estimate=None, ci_low=None, ci_high=None, status="no_evidence", state="hidden", why_none="Hidden until 720."
    )
    make_snapshot(decided, dashboard(criteria=(hidden,)))
    page = body(lead, decided)
    assert "Hidden until 720." in page
    assert 'tag-plain"' in page


def test_names_from_outside_are_text(lead: Client, decided: Experiment) -> None:
    make_snapshot(decided, dashboard(criteria=(target(title="<script>alert(1)</script>"),)))
    page = body(lead, decided)
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_only_a_lead_is_offered_to_sign(client: Client, decided: Experiment) -> None:
    client.force_login(make_user(roles=["admin"]))
    assert "Sign a decision" not in body(client, decided)
    client.force_login(make_lead())
    assert "Sign a decision" in body(client, decided)


def test_it_takes_ten_queries_at_most(lead: Client, decided: Experiment, django_assert_max_num_queries: Any) -> None:
    for _ in range(3):
        make_judged_campaign(experiment=decided)
    body(lead, decided)
    with django_assert_max_num_queries(10):
        body(lead, decided)
    with django_assert_max_num_queries(10):
        lead.get(f"/experiments/{decided.pk}/?seen=other", headers=HTMX)


def test_a_page_that_renews_itself_is_answered_only_when_something_moved(lead: Client, decided: Experiment) -> None:
    address = f"/experiments/{decided.pk}/?seen={stamp_in(body(lead, decided))}"
    assert lead.get(address, headers=HTMX).status_code == 204
    make_snapshot(decided, replace(dashboard(), computed_at=NOW + timedelta(minutes=1)))
    assert lead.get(address, headers=HTMX).status_code == 204
    make_snapshot(decided, dashboard(verdict="GO", reason="All three criteria are met."))
    response = lead.get(address, headers=HTMX)
    assert response.status_code == 200
    assert b"<strong>GO</strong>" in response.content
    assert b"<html" not in response.content
    assert "HX-Request" in response.headers["Vary"]


def test_the_next_visit_says_what_is_new(lead: Client, decided: Experiment) -> None:
    assert "Since your last visit" not in body(lead, decided)
    DashboardVisit.objects.update(at=timezone.now() - timedelta(days=1))
    make_snapshot(decided, dashboard(verdict="GO", reason="All are met."))
    assert "The verdict was INCONCLUSIVE." in body(lead, decided)
    assert "The verdict was INCONCLUSIVE." in body(lead, decided)
    assert lead.post(f"/experiments/{decided.pk}/seen").status_code == 302
    assert "Since your last visit" not in body(lead, decided)


def test_gathering_at_once_is_asked_of_a_worker(lead: Client, decided: Experiment) -> None:
    assert lead.post(f"/experiments/{decided.pk}/gather").status_code == 302
    lead.post(f"/experiments/{decided.pk}/gather")
    assert Job.objects.filter(kind="experiments.gather_evidence").count() == 1
    assert "being gathered again" in body(lead, decided)


def test_the_work_behind_it_has_a_page_of_its_own(lead: Client, decided: Experiment) -> None:
    page = lead.get(f"/experiments/{decided.pk}/work")
    part = lead.get(f"/experiments/{decided.pk}/work", headers=HTMX)
    assert b"Plan the first campaign" in page.content
    assert b"Plan the first campaign" in part.content
    assert b"<html" not in part.content


def test_another_experiments_evidence_is_not_shown(lead: Client, decided: Experiment) -> None:
    other = make_experiment()
    assert "INCONCLUSIVE" not in body(lead, other)
    assert EvidenceSnapshot.objects.count() == 1


def test_what_is_not_there_is_not_found(lead: Client) -> None:
    for path in ("/experiments/99999/", "/experiments/99999/work"):
        assert lead.get(path).status_code == 404
    for path in ("/experiments/99999/seen", "/experiments/99999/gather"):
        assert lead.post(path).status_code == 404


def test_a_criterion_of_several_parts_tells_what_became_of_each(lead: Client, decided: Experiment) -> None:
    parts = (
        Part(name="refunds", status="not_met", estimate=-0.12, ci_low=-0.2, ci_high=-0.06, n=40),
        Part(name="logins", status="undecided", n=0),
    )
    make_snapshot(decided, dashboard(criteria=(replace(target(), parts=parts),)))
    page = body(lead, decided)
    assert "Each of 2" in page
    assert "refunds" in page
    assert "−12.0" in page
    assert "not met" in page
    assert "no number yet" in page
