"""The answer is JSON."""

from collections.abc import Mapping
from typing import Any

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, right, wrong
from experiments.scorers.json_text import EXTRACT, NotJson, read_json
from experiments.scorers.shown import shown

KINDS = {"any": object, "object": dict, "array": list}


def make(params: Mapping[str, Any]) -> Judge:
    extract, kind = params["extract"], params["kind"]

    def judge(case: Case, response: Response) -> ScoreResult:
        try:
            value = read_json(response.text, extract)
        except NotJson as error:
            return wrong(str(error), found=shown(response.text))
        if not isinstance(value, KINDS[kind]):
            return wrong(f"valid JSON, but no {kind}", found=shown(response.text))
        return right()

    return judge


JSON_VALID = Scorer(
    name="json_valid",
    version=1,
    title="Valid JSON",
    summary="Right where the answer is JSON (RFC 8259) that a usual reader takes.",
    make=make,
    applies=lambda case: True,
    params=(
        EXTRACT,
        Param("kind", "choice", default="any", choices=tuple(KINDS), help="what its outermost value must be"),
    ),
)
