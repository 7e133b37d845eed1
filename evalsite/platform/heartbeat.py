"""A thread that renews a job's lease and shows its progress, on a connection of its own.

The handler may sit in one long transaction; its progress must be visible outside all the same.
"""

import logging
import threading
from datetime import timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from evalsite.platform.models import Job

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0


class Heartbeat:
    def __init__(self, job_id: UUID, token: int) -> None:
        self.job_id, self.token = job_id, token
        self.done, self.note = 0, ""
        self.total: int | None = None
        self.lost = self.cancelled = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat {job_id}", daemon=True)

    def tell(self, done: int, total: int | None, note: str) -> None:
        self.done, self.note = done, note or self.note
        if total is not None:
            self.total = total

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(TICK_SECONDS):
                self._renew()
        finally:
            connection.close()

    def _renew(self) -> None:
        now = timezone.now()
        mine = Job.objects.filter(pk=self.job_id, token=self.token, status=Job.Status.RUNNING)
        try:
            held = mine.update(
                heartbeat_at=now,
                lease_until=now + timedelta(seconds=settings.JOB_LEASE_SECONDS),
                progress_done=self.done,
                progress_total=self.total,
                progress_note=self.note[:200],
            )
            self.cancelled = mine.filter(cancel_requested=True).exists()
        except (DatabaseError, InterfaceError) as error:
            # The lease runs out by itself if the database stays away; the fencing token guards the rest.
            logger.warning("heartbeat of job %s missed: %s", self.job_id, error)
            connection.close()
            return
        self.lost = not held
