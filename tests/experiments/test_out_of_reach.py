"""What can still come in, and the ways out when it is less than was registered."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.test import Client

from annotations.models import Assignment, Campaign, Seat
from annotations.services import flags
from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.models import AuditEntry, User
from experiments.models import PlanAmendment
from experiments.reports.progress import progress_of
from experiments.reports.reachable import Reachable, reachable
from experiments.services import results
from experiments.services.campaigns import amending, running, unblinding
from experiments.services.campaigns.amending import CannotLower
from tests.factories.annotations_ import claim, claim_some, judge, make_reviewer, skip
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import judge_arms, make_lead, make_open_campaign

pytestmark = pytest.mark.django_db


def seats(campaign: Campaign) -> list[Seat]:
    return list(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer").order_by("pk"))


def told(campaign: Campaign) -> Reachable:
    return reachable(campaign, progress_of([campaign])[campaign.pk])


def make_skipped(*, n_cases: int = 5, skipped: int = 2) -> Campaign:
    """Two reviewers for each pair and two in all; the first skips some and judges the rest."""
    campaign = make_open_campaign(experiment=make_experiment(n_cases=n_cases))
    first = seats(campaign)[0]
    for _ in range(skipped):
        skip(first, claim_some(first))
    judge_arms(first, ["candidate"])
    return campaign


def test_a_skip_puts_a_judgment_out_of_reach_when_nobody_else_can_take_the_pair() -> None:
    campaign = make_skipped()
    assert told(campaign) == Reachable(most=8, with_skips=10, short_pairs=2)


def test_with_a_reviewer_to_spare_a_skip_costs_nothing() -> None:
    campaign = make_skipped()
    running.add_reviewer(campaign=campaign, reviewer=make_reviewer(), actor=make_lead(), now=NOW)
    assert told(campaign).most == 10


def test_too_few_reviewers_leave_their_share_out_of_reach() -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=4), reviewers=[make_reviewer()])
    assert told(campaign) == Reachable(most=4, with_skips=4, short_pairs=4)


def test_what_a_removed_reviewer_judged_still_counts() -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=4))
    first, second = seats(campaign)
    judge_arms(first, ["tie"], limit=3)
    running.remove_reviewer(seat=first, actor=make_lead(), now=NOW)
    assert told(campaign).most == 7
    judge_arms(second, ["tie"])
    assert told(campaign).most == 7


def test_released_skips_are_offered_to_whoever_skipped_them() -> None:
    campaign, lead = make_skipped(), make_lead()
    first = seats(campaign)[0]
    assert claim(first) is None

    assert amending.release_skips(campaign=campaign, actor=lead, now=NOW) == 2
    assert amending.release_skips(campaign=campaign, actor=lead, now=NOW) == 0

    assert told(campaign).most == 10
    assert AuditEntry.objects.filter(action="campaign.skips_released").count() == 1
    assert judge_arms(seats(campaign)[0], ["candidate"]) == 2
    first.refresh_from_db()
    assert (first.done, first.skipped) == (5, 0)
    assert not Assignment.objects.filter(state=Assignment.State.SKIPPED).exists()


def held_up() -> bool:
    """Somebody of this database waits for a row that another one has locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid'))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_reviewer_who_skips_while_skips_are_released_is_not_locked_against_the_lead() -> None:
    campaign, lead = make_skipped(), make_lead()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            # As a skip does it: the seat first, then the campaign.
            Seat.objects.select_for_update(no_key=True).get(pk=seats(campaign)[1].pk)
            released = pool.submit(release_elsewhere, campaign, lead)
            assert wait_until(held_up, seconds=20)
            Campaign.objects.filter(pk=campaign.pk).update(reopenings=F("reopenings") + 1)
        assert released.result() == 2


def release_elsewhere(campaign: Campaign, lead: User) -> int:
    try:
        return amending.release_skips(campaign=campaign, actor=lead, now=NOW)
    finally:
        connection.close()


def test_a_released_pair_may_be_skipped_again() -> None:
    campaign = make_skipped(skipped=1)
    amending.release_skips(campaign=campaign, actor=make_lead(), now=NOW)
    first = seats(campaign)[0]
    skip(first, claim_some(first))
    first.refresh_from_db()
    assert first.skipped == 1
    assert told(campaign).most == 9


def test_the_number_is_lowered_to_what_can_be_reached_and_the_direction_told_then() -> None:
    campaign, lead = make_skipped(), make_lead()
    judge_arms(seats(campaign)[1], ["candidate"], limit=4)
    row = amending.lower(campaign=campaign, by=lead, reason="Nobody else speaks Dutch.", now=NOW)
    again = amending.lower(campaign=campaign, by=lead, reason="Nobody else speaks Dutch.", now=NOW)

    assert again == row
    assert (row.planned_before, row.planned_judgments, row.n_judgments) == (10, 8, 7)
    assert not progress_of([campaign])[campaign.pk].revealed
    judge_arms(seats(campaign)[1], ["candidate"])
    assert progress_of([campaign])[campaign.pk].revealed
    result = results.compute(campaign=campaign, now=NOW + timedelta(minutes=1))
    assert result is not None
    assert result.revealed
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        PlanAmendment.objects.update(planned_judgments=1)


def test_the_number_stays_while_it_can_be_reached_or_without_a_reason_or_a_lead() -> None:
    lead = make_lead()
    with pytest.raises(CannotLower, match="can still be reached"):
        amending.lower(campaign=make_open_campaign(), by=lead, reason="I am curious.", now=NOW)
    with pytest.raises(CannotLower, match="Say why"):
        amending.lower(campaign=make_skipped(), by=lead, reason=" ", now=NOW)
    with pytest.raises(CannotLower, match="Only a lead"):
        amending.lower(campaign=make_skipped(), by=make_user(roles=["admin"]), reason="Skips.", now=NOW)


def test_the_page_says_it_and_offers_the_ways_out(client: Client) -> None:
    campaign = make_skipped()
    client.force_login(make_lead())
    path = f"/campaigns/{campaign.uuid}/"
    results.compute(campaign=campaign, now=NOW)
    body = client.get(path).content.decode()
    assert "8 of 10 judgments can still be reached" in body
    assert "Offer skipped pairs again" in body
    client.post(f"{path}lower", {"reason": "Nobody else speaks Dutch."})
    results.compute(campaign=campaign, now=NOW)
    body = client.get(path).content.decode()
    assert "Lowered from 10 to 8 judgments" in body
    assert "can still be reached" not in body


def test_once_the_direction_was_opened_the_page_offers_no_lower_number(client: Client) -> None:
    campaign, lead = make_skipped(), make_lead()
    client.force_login(lead)
    path = f"/campaigns/{campaign.uuid}/"
    unblinding.unblind(campaign=campaign, by=lead, reason="The board asks.", now=NOW)
    results.compute(campaign=campaign, now=NOW)
    body = client.get(path).content.decode()
    assert "Lower the number" not in body
    assert "so the number is not lowered any more" in body
    with pytest.raises(CannotLower, match="The direction has been opened"):
        amending.lower(campaign=campaign, by=lead, reason="Nobody else speaks Dutch.", now=NOW)


def test_a_new_reviewer_makes_the_computed_figure_stale() -> None:
    campaign = make_skipped()
    results.compute(campaign=campaign, now=NOW)
    running.add_reviewer(campaign=campaign, reviewer=make_reviewer(), actor=make_lead(), now=NOW)
    assert results.stale(now=NOW + timedelta(minutes=1)) == [campaign]


def test_a_flag_makes_the_computed_figure_stale() -> None:
    campaign = make_skipped()
    second = seats(campaign)[1]
    held = claim_some(second)
    results.compute(campaign=campaign, now=NOW)
    flags.raise_flag(assignment=held, flag_id=uuid4(), reason="broken", comment="", now=NOW)
    assert results.stale(now=NOW + timedelta(minutes=1)) == [campaign]
    judge(second, held)
