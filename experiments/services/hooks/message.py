"""What a hook is told: the same bytes at every try, signed with its secret."""

import hashlib
import hmac
from typing import Any

import orjson

from experiments.models import Decision, HookDelivery

EVENT = "decision.signed"
SIGNED = ("number", "verdict", "computed_verdict", "override_reason", "comment", "signed_by", "signed_at")
HASHES = ("policy_sha256", "evidence_sha256", "data_sha256", "code_version")


def body(delivery: HookDelivery) -> bytes:
    return orjson.dumps(content(delivery.decision), option=orjson.OPT_SORT_KEYS)


def content(decision: Decision) -> dict[str, Any]:
    """From what the signature froze: whatever is renamed between two tries, the words stay."""
    frozen = decision.report
    experiment, signed, hashes = frozen["experiment"], frozen["decision"], frozen["hashes"]
    return {
        "event": EVENT,
        "experiment": {
            "id": experiment["id"],
            "name": experiment["name"],
            "baseline": experiment["baseline"]["name"],
            "candidate": experiment["candidate"]["name"],
        },
        "decision": {
            "id": str(decision.pk),
            **{key: signed[key] for key in SIGNED},
            **{key: hashes[key] for key in HASHES},
            "path": f"/decisions/{decision.pk}/",
        },
    }


def headers(delivery: HookDelivery, sent: bytes, *, secret: str, second: int) -> dict[str, str]:
    """The time is signed too, so that an old message cannot be played again as a new one."""
    found = {
        "Content-Type": "application/json",
        "X-Evalsite-Event": EVENT,
        "X-Evalsite-Delivery": f"{delivery.hook_id}-{delivery.decision_id}",
        "X-Evalsite-Timestamp": str(second),
    }
    if secret:
        found["X-Evalsite-Signature"] = f"sha256={signature(secret, sent, second=second)}"
    return found


def signature(secret: str, sent: bytes, *, second: int) -> str:
    """HMAC-SHA-256 of "{second}." and the body, in hexadecimal."""
    return hmac.new(secret.encode(), f"{second}.".encode() + sent, hashlib.sha256).hexdigest()
