"""The overview of all experiments: verdicts, ages, decisions, filters."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from experiments.models import Decision, Experiment, VerdictChange
from experiments.reports.dashboard import overview
from experiments.reports.evidence.page import NO_POLICY
from tests.dashboard.shown import HASH, dashboard, make_policy, make_snapshot
from tests.factories.experiments_ import make_experiment, make_model_version
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_lead

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead(username="ada"))
    return client


def body(client: Client, query: str = "") -> str:
    response = client.get(f"/experiments/{query}")
    assert response.status_code == 200
    return response.content.decode()


def with_verdict(name: str, verdict: str, **fields: Any) -> Experiment:
    experiment = make_experiment(name=name, **fields)
    make_policy(experiment)
    make_snapshot(experiment, dashboard(verdict=verdict, reason=f"Because of {name}."))
    return experiment


def decide(experiment: Experiment, *, verdict: str, computed: str = "", number: int = 1) -> Decision:
    computed = computed or verdict
    return Decision.objects.create(
        token=uuid4(),
        experiment=experiment,
        number=number,
        policy=experiment.policies.get(),
        evidence_text="{}",
        evidence_sha256=HASH,
        verdict_text="{}",
        verdict_sha256=HASH,
        report={},
        data_sha256=HASH,
        code_version="1",
        computed_verdict=computed,
        verdict=verdict,
        override_reason="" if verdict == computed else "Because.",
        comment="So be it.",
        signed_at=NOW,
    )


def shown(client: Client, query: str) -> set[str]:
    """Which of the experiments of a test are listed; names are letters of the alphabet."""
    page = body(client, query)
    return {name for name in ("Alpha", "Beta", "Gamma", "Delta") if f">{name}</a>" in page}


@pytest.fixture
def four(lead: Client) -> dict[str, Experiment]:
    ada = make_lead(username="bea")
    alpha = with_verdict("Alpha", "GO", created_by=ada)
    beta = with_verdict("Beta", "NO-GO", candidate=make_model_version(name="llama support"))
    gamma = with_verdict("Gamma", "INCONCLUSIVE")
    delta = make_experiment(name="Delta")
    make_snapshot(delta, dashboard(verdict=NO_POLICY, reason="No policy.", policy=None, criteria=()))
    decide(alpha, verdict="GO")
    decide(beta, verdict="GO", computed="NO-GO")
    return {"Alpha": alpha, "Beta": beta, "Gamma": gamma, "Delta": delta}


def test_it_tells_verdict_reason_evidence_and_decision(lead: Client, four: dict[str, Experiment]) -> None:
    page = body(lead)
    assert "Because of Alpha." in page
    assert "Benchmarks: +8.1 pts" in page
    assert "+5.6 to +10.7 pts · n 480" in page
    assert "53.9 to 62.8% · n 612" in page
    assert "against the rule" in page
    assert "no policy yet" in page
    assert "not signed" in page


def test_each_filter_narrows(lead: Client, four: dict[str, Experiment]) -> None:
    assert shown(lead, "") == set(four)
    assert shown(lead, "?verdict=GO") == {"Alpha"}
    assert shown(lead, "?verdict=none") == {"Delta"}
    assert shown(lead, "?signed=yes") == {"Alpha", "Beta"}
    assert shown(lead, "?signed=no") == {"Gamma", "Delta"}
    assert shown(lead, "?signed=overridden") == {"Beta"}
    assert shown(lead, "?q=SUPPORT+llama") == {"Beta"}
    assert shown(lead, "?q=amm") == {"Gamma"}
    assert shown(lead, "?mine=yes") == set()
    assert "No experiment fits this filter." in body(lead, "?mine=yes")


def test_mine_is_what_i_made(client: Client, four: dict[str, Experiment]) -> None:
    owner = four["Alpha"].created_by
    assert owner is not None
    client.force_login(owner)
    assert shown(client, "?mine=yes") == {"Alpha"}


def test_an_override_that_was_superseded_is_none_any_more(lead: Client, four: dict[str, Experiment]) -> None:
    decide(four["Beta"], verdict="NO-GO", number=2)
    assert shown(lead, "?signed=overridden") == set()
    assert overview.rows([four["Beta"].pk])[0].decision == four["Beta"].decisions.get(number=2)


@pytest.mark.parametrize("query", ["?verdict=%00", "?q=%00%27", "?verdict=x&signed=y&mine=z&page=999"])
def test_a_filter_nobody_made_narrows_nothing(lead: Client, four: dict[str, Experiment], query: str) -> None:
    assert lead.get(f"/experiments/{query}").status_code == 200


def test_the_age_of_a_verdict_counts_from_when_it_became_so() -> None:
    experiment = with_verdict("Alpha", "GO")
    days = [(0, "GO"), (1, "NO-GO"), (2, "GO"), (3, "GO")]
    for day, verdict in days:
        at = NOW + timedelta(days=day)
        VerdictChange.objects.create(experiment=experiment, verdict=verdict, reason="", criteria={}, at=at)
    [row] = overview.rows([experiment.pk])
    assert row.since == NOW + timedelta(days=2)


def test_the_list_takes_ten_queries_at_most(
    lead: Client, four: dict[str, Experiment], django_assert_max_num_queries: Any
) -> None:
    body(lead)
    with django_assert_max_num_queries(10):
        body(lead, "?signed=yes&q=a&verdict=GO")


def test_pages_follow_one_another(lead: Client) -> None:
    models = {"baseline": make_model_version(), "candidate": make_model_version()}
    for number in range(26):
        Experiment.objects.create(name=f"x{number}", created_at=NOW + timedelta(minutes=number), **models)
    assert ">x25</a>" in body(lead)
    assert ">x0</a>" not in body(lead)
    assert ">x0</a>" in body(lead, "?page=2")
