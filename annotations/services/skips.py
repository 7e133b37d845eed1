"""Offering skipped pairs again to those who skipped them."""

from django.db import transaction
from django.db.models import F

from annotations.models import Assignment, Campaign, Seat


def lock_seats(*, campaign: Campaign) -> list[Seat]:
    """Those of the active reviewers, until COMMIT. Before the campaign's own row: who gives a pair back locks in this
    order, their seat and then the campaign."""
    return list(Seat.objects.active().select_for_update(no_key=True).filter(campaign=campaign).order_by("pk"))


@transaction.atomic
def release(*, campaign: Campaign) -> int:
    """Those that still want judgments. They are like pairs whose reviewer went away: offered after all new ones."""
    released = 0
    for seat in lock_seats(campaign=campaign):
        skipped = Assignment.objects.filter(
            campaign=campaign,
            reviewer=seat.reviewer_id,
            state=Assignment.State.SKIPPED,
            task__judged__lt=F("task__needed"),
        )
        n = skipped.update(state=Assignment.State.LAPSED, finished_at=None)
        Seat.objects.filter(pk=seat.pk).update(skipped=F("skipped") - n)
        released += n
    return released
