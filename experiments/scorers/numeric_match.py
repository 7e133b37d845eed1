"""The answer as a number, however it is written."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import islice
from typing import Any

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, right, unscored, wrong
from experiments.scorers.expected import NONE_GIVEN, answers, has_answers
from experiments.scorers.numbers import Number, numbers
from experiments.scorers.shown import shown

Reader = Callable[[str], Number | None]


def make(params: Mapping[str, Any]) -> Judge:
    read, same_units = reader(params), params["units"] == "same"
    absolute, relative = Fraction(abs(params["tolerance"])), Fraction(abs(params["relative_tolerance"]))

    def is_it(found: Number, wanted: Number) -> bool:
        if found.value is None or wanted.value is None:
            return False
        if same_units and wanted.unit and found.unit != wanted.unit:
            return False
        return abs(found.value - wanted.value) <= max(absolute, relative * abs(wanted.value))

    def judge(case: Case, response: Response) -> ScoreResult:
        texts = answers(case)
        if not texts:
            return unscored(NONE_GIVEN)
        wanted = [number for text in texts if (number := read(text)) is not None and number.value is not None]
        if not wanted:
            return unscored("the expected answer holds no number", expected=shown(texts[0]))
        expected = [shown(number.text) for number in wanted[:5]]
        found = read(response.text)
        if found is None:
            return wrong(missing(params), expected=expected)
        if found.value is None:
            return wrong("the number has too many digits to be compared", found=shown(found.text), expected=expected)
        if any(is_it(found, number) for number in wanted):
            return right(found=shown(found.text))
        return wrong("the number is another one", found=shown(found.text), expected=expected)

    return judge


def reader(params: Mapping[str, Any]) -> Reader:
    """The number a text stands for, None where there is none."""
    mark, take, after = params["decimal_mark"], params["take"], params["after"]

    def read(text: str) -> Number | None:
        if after:
            _, marker, text = text.rpartition(after)
            if not marker:
                return None
        found = list(islice(numbers(text, mark, backwards=take == "last"), 2))
        if not found or (take == "only" and len(found) > 1):
            return None
        return found[0]

    return read


def missing(params: Mapping[str, Any]) -> str:
    where = f" after {shown(params['after'])}" if params["after"] else ""
    return f"the answer holds more or less than one number{where}" if params["take"] == "only" else f"no number{where}"


NUMERIC_MATCH = Scorer(
    name="numeric_match",
    version=1,
    title="Numeric match",
    summary="Right where the answer's number equals the expected one: 1,024 and $1024.00 are the same.",
    make=make,
    applies=has_answers,
    params=(
        Param(
            "take", "choice", default="last", choices=("last", "first", "only"), help="which number of a text counts"
        ),
        Param("after", "text", default="", help="only what follows the last of these marks, as “####” or “A:”"),
        Param("tolerance", "number", default=0.0, help="how far off is still right"),
        Param("relative_tolerance", "number", default=0.0, help="the same as a share of the expected number"),
        Param(
            "units", "choice", default="ignore", choices=("ignore", "same"), help="whether 5 km and 5 m are the same"
        ),
        Param("decimal_mark", "choice", default=".", choices=(".", ","), help="what stands before the decimal places"),
    ),
)
