"""People and jobs whose every default is valid."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from evalsite.platform import invitations
from evalsite.platform.models import Job, User

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
numbers = count(1)


def make_user(*, username: str = "", roles: Sequence[str] = (), password: str = PASSWORD) -> User:
    username = username or f"person{next(numbers)}"
    return invitations.create_person(username=username, password=password, roles=roles)


def make_job(*, kind: str = "tests.nothing", **fields: Any) -> Job:
    return Job.objects.create(kind=kind, **{"created_at": NOW, **fields})
