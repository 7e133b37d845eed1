"""How alike the answer and the expected one are, character by character."""

from collections.abc import Mapping
from typing import Any

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, measured, unscored
from experiments.scorers.expected import NONE_GIVEN, answers, has_answers
from experiments.scorers.folding import FOLDING, folded
from experiments.scorers.ratcliff import TooLong, ratio
from experiments.scorers.tokens import LONGEST


def make(params: Mapping[str, Any]) -> Judge:
    fold = folded(params)

    def judge(case: Case, response: Response) -> ScoreResult:
        wanted = answers(case)
        if not wanted:
            return unscored(NONE_GIVEN)
        if max(map(len, [response.text, *wanted])) > LONGEST:
            return unscored(f"a text of more than {LONGEST:,} characters is not compared")
        found = fold(response.text)
        try:
            return measured(max(ratio(fold(text), found) for text in wanted))
        except TooLong as error:
            return unscored(str(error))

    return judge


SIMILARITY = Scorer(
    name="similarity",
    version=1,
    title="Similarity",
    summary="Share of characters in common blocks, as difflib counts them: SequenceMatcher(None, expected, answer).",
    make=make,
    applies=has_answers,
    has_pass_mark=False,
    params=(Param("strip", "flag", default=False, help="white space at both ends does not count"), *FOLDING),
)
