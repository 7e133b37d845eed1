"""Looking at the direction before the registered number of judgments is in. Allowed to leads, and never forgotten."""

from datetime import datetime

from django.db import transaction

from annotations.models import Campaign
from evalsite.platform import audit
from evalsite.platform.models import Role, User
from experiments.models import Unblinding
from experiments.reports.progress import progress_of


class MayNotUnblind(Exception):
    """Says why not."""


@transaction.atomic
def unblind(*, campaign: Campaign, by: User, reason: str, now: datetime) -> Unblinding:
    """The same person with the same reason again makes nothing new: the form was sent twice."""
    if not by.has_role(Role.LEAD):
        raise MayNotUnblind("Only a lead may look at the direction early.")
    if not reason.strip():
        raise MayNotUnblind("Say why: the reason is kept with the result.")
    if campaign.status in (Campaign.Status.DRAFT, Campaign.Status.OPENING):
        raise MayNotUnblind("This campaign is not open yet: there is nothing to see.")
    Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    last = Unblinding.objects.filter(campaign=campaign).order_by("-at", "-pk").first()
    if last and (last.by_id, last.reason) == (by.pk, reason.strip()):
        return last
    counted = progress_of([campaign])[campaign.pk].counted
    row = Unblinding.objects.create(campaign=campaign, by=by, reason=reason.strip(), n_judgments=counted, at=now)
    audit.record(
        actor=by,
        action="campaign.unblinded",
        subject=str(campaign.uuid),
        details={"title": campaign.title, "reason": row.reason, "judgments": counted},
        now=now,
    )
    return row
