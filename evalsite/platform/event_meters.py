"""How much a token sends in a minute, without a write at each request: processes add up by the second.

The limit is that of all processes together, overshot by at most what they take in within that second. What a killed
process had not told yet is forgotten.
"""

import threading
from dataclasses import dataclass
from datetime import datetime

from evalsite.platform import prepared
from evalsite.platform.models import ApiToken

TOLD_EVERY_SECONDS = 1.0
MOST_METERS = 1_000
TELL = """
UPDATE platform_apitoken
SET events = CASE WHEN events_minute = %(minute)s THEN events + %(n)s ELSE %(n)s END, events_minute = %(minute)s,
    last_used_at = %(now)s
WHERE id = %(id)s RETURNING events
"""


@dataclass
class Meter:
    """Of one token in one minute: what all had told when we last asked, and what we have not told since."""

    minute: int
    told: int = 0
    untold: int = 0
    told_at: float = 0.0


meters: dict[str, Meter] = {}
lock = threading.Lock()


def spend(*, token: ApiToken, n: int, limit: int, now: datetime) -> bool:
    """Whether the token may send so many more in this minute; then they are counted."""
    at = now.timestamp()
    minute = int(at) // 60
    with lock:
        meter = meters.get(token.token_hash)
        if meter is None or meter.minute != minute:
            meter = meters[token.token_hash] = fresh(minute)
        # What was begun below the limit is taken whole, or a batch larger than the limit could never be sent.
        if meter.told + meter.untold >= limit:
            return False
        meter.untold += n
        if at - meter.told_at < TOLD_EVERY_SECONDS:
            return True
        telling, meter.untold, meter.told_at = meter.untold, 0, at
        meter.told += telling
    [[told]] = prepared.fetch(TELL, {"id": token.pk, "minute": minute, "n": telling, "now": now})
    with lock:
        meter.told = max(meter.told, told)
    return True


def fresh(minute: int) -> Meter:
    if len(meters) >= MOST_METERS:
        for name in [name for name, meter in meters.items() if meter.minute != minute]:
            del meters[name]
    return Meter(minute)
