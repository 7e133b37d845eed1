"""Scoring by somebody else's service: what it is asked, and how its answer becomes a result.

Calling it is not done here. `request_body` builds what is sent, `result_of` reads what came back. The service answers
{"score": 0…1, "passed": true, "reason": "…", "criteria": {"tone": 0.5}}, of which score or passed must be there.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from experiments.scorers.base import Case, Response, ScoreResult, unscored
from experiments.scorers.json_text import NotJson, read_json
from experiments.scorers.shown import shown, storable

PROTOCOL = 1
MOST_CRITERIA = 20
LONGEST_REASON = 2_000


def request_body(case: Case, response: Response, *, rubric: str, case_id: str) -> bytes:
    """JSON for one case; says nothing of the model, so that the service cannot favour one.

    rubric: what to look for, in words. case_id: for the service's own log.
    """
    body = {
        "protocol": PROTOCOL,
        "case_id": case_id,
        "rubric": rubric,
        "prompt": case.prompt,
        "expected": case.expected or None,
        "category": case.category or None,
        "response": {"text": response.text, "tool_calls": response.tool_calls},
    }
    return json.dumps(body, ensure_ascii=True, default=str).encode()


def result_of(body: bytes, *, pass_mark: float = 0.5) -> ScoreResult:
    """The result in a service's answer; without a value, and with the reason, where it is not understood.

    pass_mark: the score from which a case passes where the service does not say itself.
    """
    try:
        answer = read_json(body.decode())
    except (NotJson, UnicodeDecodeError) as error:
        return unscored(f"the service's answer cannot be read: {shown(str(error))}")
    if not isinstance(answer, Mapping):
        return unscored(f"the service's answer is no object: {shown(answer)}")
    score, passed = answer.get("score"), answer.get("passed")
    if passed is not None and not isinstance(passed, bool):
        return unscored(f"passed must be true or false, not {shown(passed)}")
    if score is None and passed is None:
        return unscored("the service's answer holds neither score nor passed")
    if score is not None and not is_share(score):
        return unscored(f"score must be a number from 0 to 1, not {shown(score)}")
    value = float(bool(passed)) if score is None else float(score)
    reason = answer.get("reason")
    return ScoreResult(
        value,
        passed=value >= pass_mark if passed is None else passed,
        detail={"criteria": criteria} if (criteria := criteria_of(answer)) else {},
        reason=storable(reason[:LONGEST_REASON]) if isinstance(reason, str) else "",
    )


def is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and 0 <= value <= 1


def criteria_of(answer: Mapping[str, Any]) -> dict[str, float]:
    """The scores of single criteria, those that are shares."""
    listed = answer.get("criteria")
    named = list(listed.items())[:MOST_CRITERIA] if isinstance(listed, Mapping) else []
    return {shown(name, 60): float(value) for name, value in named if is_share(value)}
