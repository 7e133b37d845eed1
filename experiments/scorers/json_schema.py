"""The answer is JSON of the shape asked for."""

from collections.abc import Mapping
from typing import Any

from experiments.scorers.base import (
    BadParams,
    Case,
    Judge,
    Param,
    Response,
    Scorer,
    ScoreResult,
    right,
    unscored,
    wrong,
)
from experiments.scorers.json_text import EXTRACT, NotJson, read_json
from experiments.scorers.schema_check import DEFAULT_DRAFT, DRAFTS, BadSchema, TooMuchWork, checker
from experiments.scorers.shown import shown

NONE_GIVEN = "neither the scorer nor the case gives a schema"


def make(params: Mapping[str, Any]) -> Judge:
    extract, draft, given = params["extract"], params["draft"], params["schema"]
    if given is not None:
        try:
            checker(given, draft)
        except BadSchema as error:
            raise BadParams(f"json_schema: schema cannot be used: {error}.") from None

    def judge(case: Case, response: Response) -> ScoreResult:
        schema = given if given is not None else schema_of(case)
        if schema is None:
            return unscored(NONE_GIVEN)
        try:
            value = read_json(response.text, extract)
        except NotJson as error:
            return wrong(str(error), found=shown(response.text))
        try:
            problems = checker(schema, draft).problems(value)
        except BadSchema as error:
            return unscored(f"the schema cannot be used: {error}")
        except TooMuchWork as error:
            return unscored(str(error))
        return wrong("it does not fit the schema", problems=problems) if problems else right()

    return judge


def schema_of(case: Case) -> Any:
    """The case's schema, or that of the response format it asks for; None without."""
    schema = case.checks.get("schema")
    if schema is not None:
        return schema
    asked = case.checks.get("response_format")
    named = asked.get("json_schema") if isinstance(asked, Mapping) else None
    return named.get("schema") if isinstance(named, Mapping) else None


JSON_SCHEMA = Scorer(
    name="json_schema",
    version=2,
    title="JSON Schema",
    summary="Right where the answer is JSON that fits the schema of the case or of the scorer. Nothing is fetched.",
    make=make,
    applies=lambda case: schema_of(case) is not None,
    params=(
        Param("schema", "object", help="one for all cases; left out, each case brings its own"),
        Param(
            "draft", "choice", default=DEFAULT_DRAFT, choices=tuple(DRAFTS), help="of a schema that does not name one"
        ),
        EXTRACT,
    ),
)
