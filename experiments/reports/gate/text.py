"""A gate's answer for a terminal."""

from collections.abc import Iterator
from typing import Any

MARKS = {"met": "+", "not_met": "x", "undecided": "?", "no_evidence": "-"}


def lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['verdict']}: {reason(found)}"
    yield f"  {found['experiment']['candidate']} against {found['experiment']['baseline']}"
    yield from (unsound(one) for one in found["health_failures"])
    yield from (criterion(one) for one in found["criteria"])
    yield f"Point rule: {found['point_rule']['verdict']}. {found['point_rule']['sentence']}"
    policy = found["policy"]
    after = ", registered after evidence was open" if policy["open_evidence"] else ""
    yield f"Policy {policy['number']}, {policy['sha256'][:12]}{after}; evidence {found['evidence_sha256'][:12]}"
    yield from signature(found)


def reason(found: dict[str, Any]) -> str:
    signed = found["signed"]
    if found["basis"] == "signed" and signed and signed["override_reason"]:
        return f"signed against {found['computed_verdict']}, because: {signed['override_reason']}"
    return str(found["reason"])


def unsound(failure: dict[str, Any]) -> str:
    told = ": ".join(one for one in (failure["title"], failure["detail"]) if one)
    return f"! {told}" if failure["counts"] else f"! {told} (told only: the policy ignores it)"


def criterion(one: dict[str, Any]) -> str:
    status = one["status"].replace("_", " ")
    advisory = "" if one["required"] else ", no say"
    return f"{MARKS[one['status']]} {one['title']} [{status}{advisory}] {one['sentence']}"


def signature(found: dict[str, Any]) -> Iterator[str]:
    signed = found["signed"]
    if signed is None:
        yield "No decision is signed yet."
        return
    day = signed["signed_at"][:10]
    yield f"Decision {signed['number']}: {signed['verdict']}, signed by {signed['signed_by'] or 'nobody'} on {day}."
