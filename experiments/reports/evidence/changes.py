"""How the verdict of an experiment moved, in sentences."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from experiments.go_no_go import Verdict
from experiments.models import VerdictChange
from experiments.reports.evidence.page import Change

MOST = 20
WORDS = {"met": "met", "not_met": "not met", "undecided": "undecided", "no_evidence": "without evidence"}


def state_of(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """What is kept of each criterion, by its key."""
    return {one.key: {"title": one.title, "status": one.status, "estimate": one.estimate} for one in verdict.criteria}


def has_moved(last: VerdictChange | None, verdict: Verdict) -> bool:
    """The word, or the status of a criterion; an estimate alone moves all the time."""
    return last is None or last.verdict != verdict.verdict or statuses(last.criteria) != statuses(state_of(verdict))


def statuses(criteria: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {key: one["status"] for key, one in criteria.items()}


def newest(rows: Sequence[VerdictChange]) -> tuple[Change, ...]:
    """rows: the newest first, one more than is told where there are more."""
    told = [Change(at=new.at, sentence=sentence(old, new), verdict=new.verdict) for new, old in pairwise(rows)]
    if rows and len(rows) <= MOST:
        first = rows[-1]
        told.append(Change(at=first.at, sentence=f"First verdict: {first.verdict}.", verdict=first.verdict))
    return tuple(told[:MOST])


def sentence(old: VerdictChange, new: VerdictChange) -> str:
    moved = []
    for key, one in new.criteria.items():
        before = old.criteria.get(key)
        if before is None:
            moved.append(f"{one['title']} is new and {WORDS[one['status']]}")
        elif before["status"] != one["status"]:
            moved.append(f"{one['title']} went from {WORDS[before['status']]} to {WORDS[one['status']]}")
    moved += [
        f"{one['title']} is no criterion any more" for key, one in old.criteria.items() if key not in new.criteria
    ]
    word = f"{old.verdict} became {new.verdict}" if old.verdict != new.verdict else ""
    reasons = "; ".join(moved)
    return f"{': '.join(part for part in (word, reasons) if part)}." if word or reasons else new.reason
