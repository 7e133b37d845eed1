"""What moved between two looks at an experiment: pure, from what was remembered of the first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalsite.platform.templatetags.figures import figure
from experiments.reports.evidence.page import Criterion, Dashboard


@dataclass(frozen=True)
class Move:
    """`tag` is the state whose mark and colour it wears."""

    tag: str
    words: str
    sentence: str
    anchor: str = ""


def remembered(dashboard: Dashboard, *, decision: int = 0, policy: int = 0) -> dict[str, Any]:
    """As much as the next visit needs to tell what is new; numbers as they were written on the page."""
    return {
        "verdict": dashboard.verdict,
        "criteria": {one.key: [one.status, figure(one.estimate, one.unit), one.n] for one in dashboard.criteria},
        "layers": {one.key: one.state for one in dashboard.layers},
        "failures": sorted(one.key for one in dashboard.failures),
        "acts": len(acts(dashboard)),
        "policy": policy,
        "decision": decision,
    }


def acts(dashboard: Dashboard) -> tuple[Any, ...]:
    return (*dashboard.unblindings, *dashboard.amendments, *dashboard.deviations)


def moves(before: Mapping[str, Any], dashboard: Dashboard, *, decision: int = 0, policy: int = 0) -> list[Move]:
    """Nothing where nothing was remembered: a first visit has no news."""
    if not before:
        return []
    return [
        *verdict_moves(before, dashboard),
        *record_moves(before, dashboard, decision=decision, policy=policy),
        *health_moves(before, dashboard),
        *criterion_moves(before, dashboard),
        *layer_moves(before, dashboard),
    ]


def verdict_moves(before: Mapping[str, Any], dashboard: Dashboard) -> Iterator[Move]:
    old = before.get("verdict", "")
    if old and old != dashboard.verdict:
        yield Move(dashboard.verdict, dashboard.verdict, f"The verdict was {old}.", "verdict")


def record_moves(before: Mapping[str, Any], dashboard: Dashboard, *, decision: int, policy: int) -> Iterator[Move]:
    if policy > before.get("policy", 0):
        words = f"Policy {policy} was registered." if policy == 1 else f"The policy was amended: it is number {policy}."
        yield Move("info", "policy", words, "record")
    if decision > before.get("decision", 0):
        yield Move("info", "signed", f"Decision {decision} was signed.", "record")
    more = len(acts(dashboard)) - before.get("acts", 0)
    if more > 0:
        note = "note was" if more == 1 else "notes were"
        yield Move("warning", "on record", f"{more} {note} added to the record.", "record")


def health_moves(before: Mapping[str, Any], dashboard: Dashboard) -> Iterator[Move]:
    old = set(before.get("failures", ()))
    now = {one.key: one for one in dashboard.failures}
    for key in sorted(now.keys() - old):
        yield Move("failed", "health", f"{now[key].title} fails: {now[key].detail}", "health")
    mended = [one.title for one in dashboard.health if one.key in old and one.key not in now]
    if mended:
        yield Move("met", "health", f"Mended: {', '.join(mended)}.", "health")


def criterion_moves(before: Mapping[str, Any], dashboard: Dashboard) -> Iterator[Move]:
    known = before.get("criteria", {})
    for one in dashboard.criteria:
        if one.key not in known:
            if known:
                yield Move(state(one.status), state(one.status), f"{one.title}: a new criterion.", anchor(one))
            continue
        status, written, n = known[one.key]
        if status != one.status or written != figure(one.estimate, one.unit):
            yield Move(
                state(one.status),
                state(one.status),
                f"{one.title}: {told(status, written, n, one)}.",
                anchor(one),
            )


def told(status: str, written: str, n: int, one: Criterion) -> str:
    parts = [] if status == one.status else [f"was {state(status)}"]
    if written != figure(one.estimate, one.unit):
        parts.append(f"{written} then, {figure(one.estimate, one.unit)} now")
    if one.n > n:
        parts.append(f"{one.n - n:,} more {one.n_unit or 'observations'}")
    return ", ".join(parts)


def layer_moves(before: Mapping[str, Any], dashboard: Dashboard) -> Iterator[Move]:
    known = before.get("layers", {})
    for one in dashboard.layers:
        old = known.get(one.key, one.state)
        if old != one.state and one.state in ("final", "invalid"):
            tag = "done" if one.state == "final" else "failed"
            yield Move(tag, one.title, "All its evidence is in." if one.state == "final" else one.sentence, "layers")


def state(status: str) -> str:
    return status.replace("_", " ")


def anchor(one: Criterion) -> str:
    return f"criterion-{one.key}"
