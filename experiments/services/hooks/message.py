"""What a hook is told: the same bytes at every try, signed with its secret."""

import hashlib
import hmac
from typing import Any

import orjson

from experiments.models import Decision, HookDelivery

EVENT = "decision.signed"


def body(delivery: HookDelivery) -> bytes:
    return orjson.dumps(content(delivery.decision), option=orjson.OPT_SORT_KEYS)


def content(decision: Decision) -> dict[str, Any]:
    experiment = decision.experiment
    return {
        "event": EVENT,
        "experiment": {
            "id": experiment.pk,
            "name": experiment.name,
            "baseline": str(experiment.baseline),
            "candidate": str(experiment.candidate),
        },
        "decision": {
            "id": str(decision.pk),
            "number": decision.number,
            "verdict": decision.verdict,
            "computed_verdict": decision.computed_verdict,
            "override_reason": decision.override_reason,
            "comment": decision.comment,
            "signed_by": decision.signed_by.username if decision.signed_by else "",
            "signed_at": decision.signed_at.isoformat(),
            "policy_sha256": decision.policy.sha256,
            "evidence_sha256": decision.evidence_sha256,
            "data_sha256": decision.data_sha256,
            "code_version": decision.code_version,
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
