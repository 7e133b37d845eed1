"""A registered rule that stops as soon as the confidence sequence excludes one half, and tells nothing before."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from annotations.models import Campaign, Seat
from evalsite.platform.models import AuditEntry
from experiments.models import CampaignPlan, CampaignResult, SequentialStop
from experiments.reports.human import HumanReport
from experiments.reports.human.stopping import complete_pairs, sequence
from experiments.reports.human.votes import Votes
from experiments.services import results
from experiments.services.campaigns import stopping, unblinding
from experiments.stats.result import Estimate
from tests.factories.annotations_ import claim, make_reviewer
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW
from tests.factories.results_ import judge_arms, make_lead, make_open_campaign, make_votes

pytestmark = pytest.mark.django_db

SEQUENTIAL = CampaignPlan.Stopping.SEQUENTIAL


def make_sequential(*, n_cases: int, reviewers: int = 1) -> Campaign:
    return make_open_campaign(
        experiment=make_experiment(n_cases=n_cases),
        reviewers=[make_reviewer() for _ in range(reviewers)],
        reviewers_per_pair=reviewers,
        stopping=SEQUENTIAL,
    )


def seats(campaign: Campaign) -> list[Seat]:
    return list(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer").order_by("pk"))


def looked(campaign: Campaign, *, minutes: int = 0) -> CampaignResult:
    result = results.compute(campaign=campaign, now=NOW + timedelta(minutes=minutes))
    assert result is not None
    return result


def test_a_clear_preference_closes_the_campaign_and_tells_the_direction() -> None:
    campaign = make_sequential(n_cases=40)
    [seat] = seats(campaign)
    judge_arms(seat, ["candidate"], limit=25)

    result = looked(campaign)

    campaign.refresh_from_db()
    stop = SequentialStop.objects.get()
    assert campaign.status == Campaign.Status.CLOSED
    assert (stop.n_pairs, stop.n_judgments) == (25, 25)
    assert stop.ci_low > 0.5
    assert result.revealed
    human = result.payload["human"]
    assert human["sequential"]["n"] == 25
    assert any("could stop" in warning for warning in human["win_rate"]["warnings"])
    assert AuditEntry.objects.filter(action="campaign.stopped").count() == 1
    assert claim(seats(campaign)[0]) is None
    assert looked(campaign, minutes=1).revealed
    assert SequentialStop.objects.count() == 1
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        SequentialStop.objects.update(n_pairs=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("judged", "is_over"), [(8, False), (15, True)])
def test_reviewers_wait_for_no_computation(judged: int, is_over: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make_sequential(n_cases=20)
    judge_arms(seats(campaign)[0], ["candidate"], limit=judged)
    true_report = results.report_on
    skips: list[int] = []

    def skip_meanwhile() -> None:
        try:
            with transaction.atomic():
                Campaign.objects.select_for_update(nowait=True).get(pk=campaign.pk)
                skips.append(campaign.pk)
        finally:
            connection.close()

    def report_on(*args: Any, **options: Any) -> HumanReport:
        with ThreadPoolExecutor(1) as another:
            another.submit(skip_meanwhile).result()
        return true_report(*args, **options)

    monkeypatch.setattr(results, "report_on", report_on)
    assert looked(campaign).revealed == is_over
    assert skips
    assert SequentialStop.objects.exists() == is_over


def test_a_campaign_closed_while_its_votes_were_read_is_not_stopped_again(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make_sequential(n_cases=40)
    judge_arms(seats(campaign)[0], ["candidate"], limit=25)

    def closed_meanwhile(votes: Votes, *, per_pair: int) -> Estimate:
        Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.CLOSED, closed_at=NOW)
        return sequence(votes, per_pair=per_pair)

    monkeypatch.setattr(stopping, "sequence", closed_meanwhile)
    assert not looked(campaign).revealed
    assert not SequentialStop.objects.exists()


def test_while_it_goes_on_nothing_of_the_direction_is_kept() -> None:
    campaign = make_sequential(n_cases=30)
    judge_arms(seats(campaign)[0], ["candidate", "baseline"], limit=20)

    result = looked(campaign)

    campaign.refresh_from_db()
    assert campaign.is_open
    assert not result.revealed
    forbidden = {"outcomes", "majority", "win_rate", "sign_test", "sequential", "categories"}
    assert not forbidden & result.payload["human"].keys()


def test_pairs_that_wait_for_a_reviewer_do_not_count_yet() -> None:
    campaign = make_sequential(n_cases=30, reviewers=2)
    first, second = seats(campaign)
    judge_arms(first, ["candidate"])
    looked(campaign)
    assert not SequentialStop.objects.exists()

    judge_arms(second, ["candidate"], limit=22)
    looked(campaign)
    assert SequentialStop.objects.get().n_pairs == 22


def test_a_fixed_campaign_never_stops_early() -> None:
    campaign = make_open_campaign(
        experiment=make_experiment(n_cases=40), reviewers=[make_reviewer()], reviewers_per_pair=1
    )
    judge_arms(seats(campaign)[0], ["candidate"], limit=39)
    assert not looked(campaign).revealed


def test_with_all_judgments_in_it_ends_without_a_stop() -> None:
    campaign = make_sequential(n_cases=6)
    judge_arms(seats(campaign)[0], ["candidate", "baseline"])
    result = looked(campaign)
    campaign.refresh_from_db()
    assert result.revealed
    assert result.payload["human"]["sequential"]["n"] == 6
    assert campaign.is_open
    assert not SequentialStop.objects.exists()


def test_after_an_unblinding_the_sequence_may_be_watched() -> None:
    campaign = make_sequential(n_cases=30)
    judge_arms(seats(campaign)[0], ["candidate", "baseline"], limit=10)
    unblinding.unblind(campaign=campaign, by=make_lead(), reason="A customer waits.", now=NOW)
    assert looked(campaign).payload["human"]["sequential"]["n"] == 10


def test_the_page_says_what_the_rule_means_and_what_it_did(client: Client) -> None:
    client.force_login(make_lead())
    campaign = make_sequential(n_cases=40)
    assert "until the registered rule stops" in client.get(f"/campaigns/{campaign.uuid}/").content.decode()
    judge_arms(seats(campaign)[0], ["baseline"], limit=25)
    looked(campaign)
    body = client.get(f"/campaigns/{campaign.uuid}/").content.decode()
    assert "Stopped by the registered rule" in body
    assert "The baseline is preferred" in body
    assert "Read early" not in body


def test_each_complete_pair_counts_once_in_the_order_of_its_last_judgment() -> None:
    votes = make_votes(
        task=[0, 0, 1, 1, 2], reviewer=[0, 1, 0, 1, 0], outcome=[1, 1, 0, 1, 1],
        judged_at=np.array([10, 50, 20, 30, 40]),
    )  # fmt: skip
    assert complete_pairs(votes, per_pair=2).tolist() == [0.5, 1.0]
    assert sequence(votes, per_pair=2).n == 2


def test_swapping_the_arms_turns_the_sequence_round() -> None:
    outcome = [1, 1, 0, 2, 1, 1, 1, 3]
    turned = [{0: 1, 1: 0}.get(one, one) for one in outcome]
    task = list(range(8))
    one = sequence(make_votes(task=task, reviewer=[0] * 8, outcome=outcome), per_pair=1)
    other = sequence(make_votes(task=task, reviewer=[0] * 8, outcome=turned), per_pair=1)
    assert one.estimate is not None
    assert other.estimate == pytest.approx(1 - one.estimate)
    assert one.p_value == pytest.approx(other.p_value)


def test_false_stops_are_rare_with_reviewers_who_follow_each_other() -> None:
    """No preference on average; of each pair the three judgments are nearly the same. Looked at after every pair."""
    rng = np.random.default_rng(11)
    n_pairs, runs = 150, 200
    stopped = 0
    for _ in range(runs):
        leaning = rng.integers(0, 2, n_pairs)
        follows = rng.random((n_pairs, 3)) < 0.9
        outcome = np.where(follows, leaning[:, None], 1 - leaning[:, None]).ravel()
        votes = make_votes(
            task=np.repeat(np.arange(n_pairs), 3).tolist(), reviewer=[0, 1, 2] * n_pairs, outcome=outcome.tolist()
        )
        found = sequence(votes, per_pair=3)
        assert found.p_value is not None
        stopped += found.p_value <= 0.05
    assert stopped / runs <= 0.1
