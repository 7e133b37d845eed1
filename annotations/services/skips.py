"""Offering skipped pairs again to those who skipped them."""

from django.db import transaction
from django.db.models import F

from annotations.models import Assignment, Campaign, Seat


@transaction.atomic
def release(*, campaign: Campaign) -> int:
    """Those that still want judgments. They are like pairs whose reviewer went away: offered after all new ones."""
    released = 0
    # Seats first and one after the other, as reviewers lock them.
    for seat in Seat.objects.active().filter(campaign=campaign).order_by("pk"):
        Seat.objects.select_for_update(no_key=True).get(pk=seat.pk)
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
