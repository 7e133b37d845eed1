"""The answer, letter for letter."""

from collections.abc import Callable, Mapping
from typing import Any

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, right, unscored, wrong
from experiments.scorers.expected import NONE_GIVEN, answers, has_answers
from experiments.scorers.folding import FOLDING, folded
from experiments.scorers.shown import shown, shown_list


def make(params: Mapping[str, Any]) -> Judge:
    fold: Callable[[str], str] = folded(params)

    def judge(case: Case, response: Response) -> ScoreResult:
        wanted = answers(case)
        if not wanted:
            return unscored(NONE_GIVEN)
        found = fold(response.text)
        if any(fold(answer) == found for answer in wanted):
            return right()
        return wrong("the answer is another one", found=shown(response.text), expected=shown_list(wanted))

    return judge


EXACT_MATCH = Scorer(
    name="exact_match",
    version=1,
    title="Exact match",
    summary="Right where the answer is one of the expected ones, letter for letter.",
    make=make,
    applies=has_answers,
    params=(
        Param("strip", "flag", default=True, help="white space at both ends does not count"),
        *FOLDING,
    ),
)
