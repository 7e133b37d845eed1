"""A reviewer reports that something is wrong with a pair."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from annotations.models import Assignment, Flag


class Conflict(Exception):
    """This id was used before, with other content."""


def raise_flag(*, assignment: Assignment, flag_id: UUID, reason: str, comment: str, now: datetime) -> Flag:
    """Keep a flag; sending the same again makes nothing new."""
    flag = Flag(id=flag_id, assignment=assignment, reason=reason, comment=comment, created_at=now)
    try:
        with transaction.atomic():
            flag.save(force_insert=True)
    except IntegrityError as error:
        kept = Flag.objects.get(pk=flag_id)
        if (kept.assignment_id, kept.reason, kept.comment) != (assignment.pk, reason, comment):
            raise Conflict("This flag was sent before with other content. The first one is kept.") from error
        return kept
    return flag
