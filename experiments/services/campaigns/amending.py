"""Ways out when the registered number of judgments cannot be reached any more. Each is on record."""

from datetime import datetime

from django.db import transaction

from annotations.models import Campaign
from annotations.services import skips
from evalsite.platform import audit
from evalsite.platform.models import Role, User
from experiments.models import PlanAmendment
from experiments.reports.progress import progress_of
from experiments.reports.reachable import reachable
from experiments.services.campaigns.running import WrongState

BEING_JUDGED = (Campaign.Status.OPEN, Campaign.Status.PAUSED)


class CannotLower(Exception):
    """Says why not."""


def being_judged(campaign: Campaign) -> Campaign:
    held = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    if held.status not in BEING_JUDGED:
        raise WrongState(f"This campaign is {held.get_status_display()}.")
    return held


@transaction.atomic
def release_skips(*, campaign: Campaign, actor: User, now: datetime) -> int:
    """Offer skipped pairs again; how many. Asked twice it finds none the second time."""
    skips.lock_seats(campaign=campaign)
    held = being_judged(campaign)
    n = skips.release(campaign=held)
    if n:
        details = {"title": held.title, "pairs": n}
        audit.record(actor=actor, action="campaign.skips_released", subject=str(held.uuid), details=details, now=now)
    return n


@transaction.atomic
def lower(*, campaign: Campaign, by: User, reason: str, now: datetime) -> PlanAmendment:
    """To what can still be reached, and no further: a lead cannot end a campaign where it pleases."""
    if not by.has_role(Role.LEAD):
        raise CannotLower("Only a lead may lower the registered number.")
    if not reason.strip():
        raise CannotLower("Say why: the reason is shown with the result.")
    held = being_judged(campaign)
    last = PlanAmendment.objects.filter(campaign=held).order_by("-at", "-pk").first()
    progress = progress_of([held])[held.pk]
    most = reachable(held, progress).most
    if last and (last.by_id, last.reason, last.planned_judgments) == (by.pk, reason.strip(), most):
        return last
    if progress.unblinded:
        raise CannotLower("The direction has been opened, so the number stays: close the campaign and run a new round.")
    if progress.planned is None or most >= progress.planned:
        raise CannotLower("All registered judgments can still be reached, so the number stays.")
    if not most:
        raise CannotLower("No judgment can come in at all: add a reviewer, or close the campaign.")
    row = PlanAmendment.objects.create(
        campaign=held,
        planned_before=progress.planned,
        planned_judgments=most,
        n_judgments=progress.counted,
        reason=reason.strip(),
        by=by,
        at=now,
    )
    details = {"title": held.title, "from": row.planned_before, "to": most, "reason": row.reason}
    audit.record(actor=by, action="campaign.lowered", subject=str(held.uuid), details=details, now=now)
    return row
