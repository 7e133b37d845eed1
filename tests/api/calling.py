"""A program that calls the API."""

from typing import Any
from uuid import UUID, uuid4

import orjson
from django.test import Client
from django.utils import timezone

from evalsite.platform import api_tokens, jobs
from evalsite.platform.models import Job, User
from tests.factories.platform_ import make_user


class Program:
    def __init__(self, *scopes: str, user: User | None = None) -> None:
        self.user = user or make_user(roles=["lead"])
        self.token, self.secret = api_tokens.make(
            name="pipeline", scopes=scopes, expires_at=None, created_by=self.user, now=timezone.now()
        )
        self.client = Client(enforce_csrf_checks=True)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query, headers=self.headers())

    def post(self, path: str, body: Any = None, *, key: UUID | str | None = None) -> Any:
        data = b"" if body is None else orjson.dumps(body)
        return self.send(path, data, "application/json", key=key)

    def send(self, path: str, data: bytes, content_type: str, *, key: UUID | str | None = None) -> Any:
        return self.client.generic(
            "POST", f"/api/v1{path}", data, content_type=content_type, headers=self.headers(key or uuid4())
        )

    def upload(self, path: str, file: Any, *, key: UUID | str | None = None) -> Any:
        return self.client.post(f"/api/v1{path}", {"file": file}, headers=self.headers(key or uuid4()))

    def headers(self, key: UUID | str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.secret}"}
        return headers | {"Idempotency-Key": str(key)} if key else headers


def work_off() -> None:
    """Every job that waits, and those they make, until none is left."""
    while waiting := list(Job.objects.filter(status=Job.Status.QUEUED).order_by("created_at")):
        for job in waiting:
            jobs.run(job.pk)
