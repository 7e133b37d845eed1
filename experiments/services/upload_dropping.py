"""Bytes of uploaded files that nobody needs any more, removed a little at a time beside other work.

Removing a gigabyte keeps the database busy for twenty seconds: too long for a request, and for who waits for an import.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from experiments.models import FileImport, Upload, UploadChunk
from experiments.services import uploads

KEPT_FOR = timedelta(days=14)
CHUNKS_A_TURN = 64


@transaction.atomic
def drop_some(*, now: datetime, most: int = CHUNKS_A_TURN) -> int:
    """How many chunks were removed: those of imports that are over, or that nobody finished, and those of no import.

    Only the bytes: name, size and hash stay, which is what tells a second import of the same file.
    """
    uploads.drop_unused(Upload.objects.filter(created_at__lt=now - KEPT_FOR))
    over = imports_over(now=now)
    unneeded = Q(upload__in=over.values("upload")) | Q(upload__in=over.values("second_upload"))
    some = UploadChunk.objects.select_for_update(skip_locked=True).filter(unneeded).values_list("pk", flat=True)
    removed, _ = UploadChunk.objects.filter(pk__in=list(some[:most])).delete()
    return removed


def imports_over(*, now: datetime) -> QuerySet[FileImport]:
    """Done, discarded, or left alone for two weeks: not begun since then, and nothing of it has run since."""
    status, before = FileImport.Status, now - KEPT_FOR
    left_alone = Q(created_at__lt=before) & (Q(job__isnull=True) | Q(job__finished_at__lt=before))
    over = Q(status__in=[status.DONE, status.DISCARDED]) | left_alone
    return FileImport.objects.filter(over).exclude(pk__in=FileImport.objects.at_work())
