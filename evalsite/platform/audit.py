"""The audit log: append-only, and each entry carries the hash of the one before."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db import connection, transaction

from evalsite.platform.models import AuditEntry, User

FIRST_HASH = "0" * 64
CHAIN_LOCK = 0x45564C01


@transaction.atomic
def record(*, actor: User | None, action: str, subject: str, details: dict[str, Any], now: datetime) -> AuditEntry:
    """Append an entry in the caller's transaction. One writer at a time, or the chain would fork."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
    last = AuditEntry.objects.order_by("-id").values_list("hash", flat=True).first()
    entry = AuditEntry(
        actor=actor,
        actor_name=actor.username if actor else "",
        action=action,
        subject=subject,
        details=details,
        at=now,
        previous_hash=last or FIRST_HASH,
    )
    entry.hash = entry_hash(entry)
    entry.save(force_insert=True)
    return entry


def entry_hash(entry: AuditEntry) -> str:
    content = [
        entry.previous_hash,
        entry.actor_name,
        entry.action,
        entry.subject,
        entry.details,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
    ]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def first_broken_entry() -> AuditEntry | None:
    """The first entry whose hash or link does not fit, or None when the chain is whole."""
    previous = FIRST_HASH
    for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=1000):
        if entry.previous_hash != previous or entry.hash != entry_hash(entry):
            return entry
        previous = entry.hash
    return None
