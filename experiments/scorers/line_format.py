"""Every line of the answer has the form asked for."""

from collections.abc import Mapping
from typing import Any

from experiments.scorers.base import BadParams, Case, Judge, Param, Response, Scorer, ScoreResult, right, wrong
from experiments.scorers.patterns import param_pattern
from experiments.scorers.shown import shown


def make(params: Mapping[str, Any]) -> Judge:
    if params["pattern"] is None:
        raise BadParams("line_format: pattern must be given, for example ^[a-z]+: [0-9]+$.")
    pattern = param_pattern("line_format", "pattern", params["pattern"], fold_case=params["fold_case"])
    fewest, most, keep_blank = params["fewest"], params["most"], params["blank_lines"] == "refused"
    if most is not None and most < fewest:
        raise BadParams(f"line_format: most ({most:,}) is below fewest ({fewest:,}).")

    def judge(case: Case, response: Response) -> ScoreResult:
        numbered = enumerate(response.text.strip("\r\n").splitlines(), 1)
        lines = [(number, line) for number, line in numbered if keep_blank or line.strip()]
        if len(lines) < fewest or (most is not None and len(lines) > most):
            return wrong("another number of lines", lines=len(lines), fewest=fewest, most=most)
        misfits = [(number, line) for number, line in lines if not pattern.fullmatch(line)]
        if not misfits:
            return right(lines=len(lines))
        return wrong(
            f"{len(misfits):,} of {len(lines):,} lines have another form",
            lines=len(lines),
            misfits=[{"line": number, "text": shown(line)} for number, line in misfits[:5]],
        )

    return judge


LINE_FORMAT = Scorer(
    name="line_format",
    version=1,
    title="Line format",
    summary="Right where every line of the answer fits one pattern (RE2 syntax) and there are as many as asked for.",
    make=make,
    applies=lambda case: True,
    params=(
        Param("pattern", "text", help="what a whole line must look like; required"),
        Param("fewest", "count", default=1, help="how many lines there must be at least"),
        Param("most", "count", help="how many there may be"),
        Param("blank_lines", "choice", default="ignored", choices=("ignored", "refused"), help="lines of white space"),
        Param("fold_case", "flag", default=False, help="upper and lower case are the same"),
    ),
)
