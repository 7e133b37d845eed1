"""The last pairs of a reviewer, which may still be changed. What lies further back stays as it was said."""

from django.db.models import QuerySet

from annotations.models import Assignment, Seat
from annotations.services.judgments import Refused

LAST = 10


class TooFarBack(Refused):
    """The pair is not among the last ones."""


def last_finished(*, seat: Seat) -> QuerySet[Assignment]:
    return finished(campaign=seat.campaign_id, reviewer=seat.reviewer_id).order_by("-finished_at")[:LAST]


def finished(*, campaign: int, reviewer: int) -> QuerySet[Assignment]:
    return Assignment.objects.filter(campaign=campaign, reviewer=reviewer).finished()


def may_change(*, assignment: Assignment) -> bool:
    """A judgment among the last ones; what is not judged yet is no change."""
    if assignment.state != Assignment.State.JUDGED or assignment.finished_at is None:
        return True
    own = finished(campaign=assignment.campaign_id, reviewer=assignment.reviewer_id)
    return own.filter(finished_at__gt=assignment.finished_at).order_by()[:LAST].count() < LAST


def refuse_far_back(*, assignment: Assignment) -> None:
    if not may_change(assignment=assignment):
        raise TooFarBack(f"Only your last {LAST} pairs can be changed. What you said about this one stays as it is.")
