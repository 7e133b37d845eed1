"""An open campaign: pause, resume, close, who may review, and new guidelines."""

from datetime import datetime

from django.db import transaction

from annotations.models import Campaign, GuidelinesVersion, Seat
from annotations.services import guidelines, seats
from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import CampaignPlan
from experiments.services.campaigns.naming import refuse_model_names

Status = Campaign.Status
# Name of the step -> where it leads, where it starts from, and how the audit log calls it.
STEPS = {
    "pause": (Status.PAUSED, (Status.OPEN,), "campaign.paused"),
    "resume": (Status.OPEN, (Status.PAUSED,), "campaign.resumed"),
    "close": (Status.CLOSED, (Status.OPEN, Status.PAUSED), "campaign.closed"),
}


class WrongState(Exception):
    """The campaign is not where this step starts from."""


@transaction.atomic
def step(*, campaign: Campaign, name: str, actor: User, now: datetime) -> Campaign:
    """Pause, resume or close. Nothing waits for reviewers: a pair held now may still be finished."""
    target, sources, action = STEPS[name]
    held = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if held.status == target:
        return held
    if held.status not in sources:
        raise WrongState(f"A campaign that is {held.get_status_display()} cannot {name}.")
    held.status = target
    if target == Status.CLOSED:
        held.closed_at = now
    held.save(update_fields=["status", "closed_at"])
    audit.record(
        actor=actor,
        action=action,
        subject=str(held.uuid),
        details={"title": held.title},
        now=now,
    )
    return held


@transaction.atomic
def add_reviewer(*, campaign: Campaign, reviewer: User, actor: User, now: datetime) -> Seat:
    if campaign.is_closed:
        raise WrongState("This campaign is closed; nobody can be added.")
    Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    if seated := Seat.objects.active().filter(campaign=campaign, reviewer=reviewer).first():
        return seated
    seat = seats.add(campaign=campaign, reviewer=reviewer, now=now)
    note_reviewer(campaign=campaign, reviewer=reviewer, actor=actor, action="campaign.reviewer_added", now=now)
    return seat


@transaction.atomic
def remove_reviewer(*, seat: Seat, actor: User, now: datetime) -> None:
    if not seats.remove(seat=seat, now=now):
        return
    note_reviewer(
        campaign=seat.campaign, reviewer=seat.reviewer, actor=actor, action="campaign.reviewer_removed", now=now
    )


def note_reviewer(*, campaign: Campaign, reviewer: User, actor: User, action: str, now: datetime) -> None:
    details = {"title": campaign.title, "reviewer": reviewer.username}
    audit.record(actor=actor, action=action, subject=str(campaign.uuid), details=details, now=now)


@transaction.atomic
def publish_guidelines(*, campaign: Campaign, text: str, actor: User, now: datetime) -> GuidelinesVersion:
    """Later judgments name the new version, earlier ones keep theirs. The text that stands is not published again."""
    plan = CampaignPlan.objects.select_related("experiment__baseline", "experiment__candidate").get(campaign=campaign)
    refuse_model_names(experiment=plan.experiment, texts=[("The guidelines", text)])
    version = guidelines.publish(campaign=campaign, text=text, now=now)
    if version.created_at != now:
        return version
    audit.record(
        actor=actor,
        action="campaign.guidelines",
        subject=str(campaign.uuid),
        details={"title": campaign.title, "version": version.number},
        now=now,
    )
    return version
