"""The answer fits a pattern."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, right, unscored, wrong
from experiments.scorers.expected import answers
from experiments.scorers.patterns import BadPattern, compiled, param_pattern
from experiments.scorers.shown import shown, shown_list


def make(params: Mapping[str, Any]) -> Judge:
    """With a pattern: every case by that one. Without: each case by its own expected answer, read as a pattern."""
    options = {"fold_case": params["fold_case"], "dot_all": params["dot_all"]}
    whole, given = params["whole"], params["pattern"]
    fixed = param_pattern("regex_match", "pattern", given, **options) if given is not None else None
    compile_one = partial(compiled, **options)

    def judge(case: Case, response: Response) -> ScoreResult:
        wanted = [given] if fixed else answers(case)
        if not wanted:
            return unscored("neither the scorer nor the case gives a pattern")
        try:
            patterns = [fixed] if fixed else [compile_one(source) for source in wanted]
        except BadPattern as error:
            return unscored(str(error))
        for pattern in patterns:
            if whole and pattern.fullmatch(response.text):
                return right()
            found = None if whole else pattern.search(response.text)
            if found is not None:
                return right(found=shown(found))
        return wrong("the pattern does not match", patterns=shown_list(wanted), found=shown(response.text))

    return judge


REGEX_MATCH = Scorer(
    name="regex_match",
    version=1,
    title="Pattern match",
    summary="Right where the answer fits a pattern (RE2 syntax): the scorer's own, or else the expected answer as one.",
    make=make,
    applies=lambda case: True,
    params=(
        Param("pattern", "text", help="one for all cases; left out, each case's expected answer is its pattern"),
        Param("whole", "flag", default=False, help="the whole answer must fit, not a part of it"),
        Param("fold_case", "flag", default=False, help="upper and lower case are the same"),
        Param("dot_all", "flag", default=False, help="the dot also matches the end of a line"),
    ),
)
