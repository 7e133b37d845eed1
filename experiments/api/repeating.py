"""Writes that a client may send again: the same key and body get the same answer, and their effect once."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from evalsite.platform.models import ApiCall
from experiments.api.problems import ApiProblem
from experiments.api.security import token_of

JSON = "application/json"
KEPT_FOR = timedelta(days=30)
# Of two calls at once the second waits here until the first has committed, and then finds its row.
FIRST = """
INSERT INTO platform_apicall (id, token_id, body_hash, created_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
Effect = Callable[[], tuple[int, dict[str, Any]]]


def once(request: HttpRequest, *, key: UUID, effect: Effect, body: bytes | None = None) -> HttpResponse:
    """`effect` gives status and answer. `body` stands for one that was not kept in memory, such as a file's hash."""
    token, now = token_of(request), timezone.now()
    asked = f"{request.method} {request.get_full_path()}\0".encode()
    digest = hashlib.sha256(asked + (request.body if body is None else body)).hexdigest()
    ApiCall.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(FIRST, [key, token.pk, digest, now])
            is_first = cursor.fetchone() is not None
        if not is_first:
            return replay(ApiCall.objects.get(pk=key), token.pk, digest)
        status, answer = effect()
        # What JSON cannot hold must fail here, not at the second call.
        sent = as_json(answer)
        ApiCall.objects.filter(pk=key).update(status=status, answer=orjson.loads(sent))
    return HttpResponse(sent, status=status, content_type=JSON)


def as_json(answer: object) -> bytes:
    """Sorted, so that what was stored is sent again to the byte."""
    return orjson.dumps(answer, default=str, option=orjson.OPT_SORT_KEYS)


def replay(call: ApiCall, token_id: int, digest: str) -> HttpResponse:
    if call.token_id != token_id or call.body_hash != digest:
        raise ApiProblem(409, "key_reused", "This Idempotency-Key was used before for another request: make a new one.")
    headers = {"Idempotent-Replayed": "true"}
    return HttpResponse(as_json(call.answer), status=call.status, content_type=JSON, headers=headers)
