"""Pausing, closing, seating, new guidelines and unblinding, each on record."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from annotations.models import Campaign, Seat
from evalsite.platform.models import AuditEntry
from experiments.models import Unblinding
from experiments.reports.progress import progress_of
from experiments.services.campaigns import running, unblinding
from experiments.services.campaigns.naming import NamesAModel
from experiments.services.campaigns.running import WrongState
from experiments.services.campaigns.unblinding import MayNotUnblind
from tests.factories.annotations_ import make_reviewer
from tests.factories.experiments_ import make_experiment, make_model_version
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import judge_arms, make_draft, make_judged_campaign, make_lead, make_open_campaign

pytestmark = pytest.mark.django_db


def test_a_campaign_is_paused_resumed_and_closed() -> None:
    campaign, lead = make_open_campaign(), make_lead()
    states = [
        running.step(campaign=campaign, name=name, actor=lead, now=NOW).status for name in ("pause", "resume", "close")
    ]
    assert states == ["paused", "open", "closed"]
    assert Campaign.objects.get().closed_at == NOW
    actions = AuditEntry.objects.filter(actor=lead).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["campaign.paused", "campaign.resumed", "campaign.closed"]


def test_a_closed_campaign_stays_closed() -> None:
    campaign, lead = make_open_campaign(), make_lead()
    running.step(campaign=campaign, name="close", actor=lead, now=NOW)
    with pytest.raises(WrongState, match="closed cannot resume"):
        running.step(campaign=campaign, name="resume", actor=lead, now=NOW)


def test_reviewers_are_added_and_removed_while_it_runs() -> None:
    campaign, lead, reviewer = make_open_campaign(), make_lead(), make_reviewer()
    seat = running.add_reviewer(campaign=campaign, reviewer=reviewer, actor=lead, now=NOW)
    assert Seat.objects.active().filter(campaign=campaign).count() == 3
    running.remove_reviewer(seat=seat, actor=lead, now=NOW)
    assert Seat.objects.active().filter(campaign=campaign).count() == 2
    assert AuditEntry.objects.filter(action__startswith="campaign.reviewer").count() == 2


def test_new_guidelines_are_a_new_version_and_may_not_name_a_model() -> None:
    experiment = make_experiment(candidate=make_model_version(name="Nova"))
    campaign, lead = make_open_campaign(experiment=experiment), make_lead()
    assert running.publish_guidelines(campaign=campaign, text="Clearer.", actor=lead, now=NOW).number == 2
    with pytest.raises(NamesAModel):
        running.publish_guidelines(campaign=campaign, text="Nova is new.", actor=lead, now=NOW)


def test_a_lead_unblinds_with_a_reason_that_stays() -> None:
    campaign, lead = make_open_campaign(), make_lead()
    judge_arms(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0], ["tie"])
    assert not progress_of([campaign])[campaign.pk].revealed

    unblinding.unblind(campaign=campaign, by=lead, reason=" The release is tomorrow. ", now=NOW)

    row = Unblinding.objects.get()
    assert (row.reason, row.n_judgments) == ("The release is tomorrow.", 3)
    assert progress_of([campaign])[campaign.pk].revealed
    assert AuditEntry.objects.get(action="campaign.unblinded").details["judgments"] == 3
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Unblinding.objects.all().delete()


def test_the_same_unblinding_sent_twice_is_one() -> None:
    campaign, lead = make_open_campaign(), make_lead()
    for _ in range(2):
        unblinding.unblind(campaign=campaign, by=lead, reason="The release is tomorrow.", now=NOW)
    assert Unblinding.objects.count() == 1
    unblinding.unblind(campaign=campaign, by=lead, reason="It was put off.", now=NOW)
    assert Unblinding.objects.count() == 2


def test_an_admin_or_an_empty_reason_does_not_unblind() -> None:
    campaign = make_open_campaign()
    with pytest.raises(MayNotUnblind, match="lead"):
        unblinding.unblind(campaign=campaign, by=make_user(roles=["admin"]), reason="Curious.", now=NOW)
    with pytest.raises(MayNotUnblind, match="why"):
        unblinding.unblind(campaign=campaign, by=make_lead(), reason="  ", now=NOW)
    assert not Unblinding.objects.exists()


def test_there_is_nothing_to_unblind_before_opening() -> None:
    with pytest.raises(MayNotUnblind, match="not open yet"):
        unblinding.unblind(campaign=make_draft(), by=make_lead(), reason="Curious.", now=NOW)


def test_the_last_registered_judgment_reveals_the_direction() -> None:
    campaign = make_judged_campaign()
    progress = progress_of([campaign])[campaign.pk]
    assert (progress.counted, progress.planned) == (6, 6)
    assert progress.revealed


def test_closing_early_does_not_reveal_the_direction() -> None:
    campaign = make_open_campaign()
    running.step(campaign=campaign, name="close", actor=make_lead(), now=NOW)
    assert not progress_of([campaign])[campaign.pk].revealed


def test_a_reviewer_added_or_removed_twice_is_noted_once() -> None:
    campaign, reviewer, lead = make_open_campaign(), make_reviewer(), make_lead()
    first, second = (running.add_reviewer(campaign=campaign, reviewer=reviewer, actor=lead, now=NOW) for _ in range(2))
    assert first == second
    for _ in range(2):
        running.remove_reviewer(seat=first, actor=lead, now=NOW)
    actions = AuditEntry.objects.filter(action__startswith="campaign.reviewer").values_list("action", flat=True)
    assert sorted(actions) == ["campaign.reviewer_added", "campaign.reviewer_removed"]


def test_the_same_guidelines_again_are_noted_once() -> None:
    campaign, lead = make_open_campaign(), make_lead()
    for minutes in (1, 2):
        now = NOW + timedelta(minutes=minutes)
        running.publish_guidelines(campaign=campaign, text="Look twice.", actor=lead, now=now)
    assert AuditEntry.objects.filter(action="campaign.guidelines").count() == 1
