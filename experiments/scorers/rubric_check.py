"""Rubric checks by a service of the user's own: what can be told, and what is refused before the first call."""

from collections.abc import Mapping
from typing import Any

from experiments.scorers.base import BadParams, Case, Judge, Param, Response, Scorer, ScoreResult, unscored

LONGEST_DEADLINE, MOST_THREADS = 300, 32


def make(params: Mapping[str, Any]) -> Judge:
    """A stand-in: the service is called where a run is scored, with the guarded client."""
    if not str(params["url"] or "").startswith(("http://", "https://")):
        raise BadParams("rubric: url must be the http(s) address of the service.")
    if not 0 < params["deadline_seconds"] <= LONGEST_DEADLINE:
        raise BadParams(f"rubric: deadline_seconds must be more than 0 and at most {LONGEST_DEADLINE}.")
    if not 1 <= params["threads"] <= MOST_THREADS:
        raise BadParams(f"rubric: threads must be between 1 and {MOST_THREADS}.")
    if not 0 <= params["pass_mark"] <= 1:
        raise BadParams("rubric: pass_mark must be between 0 and 1.")
    return judge


def judge(case: Case, response: Response) -> ScoreResult:
    return unscored("a rubric is checked by its service when a run is scored")


RUBRIC = Scorer(
    name="rubric",
    version=1,
    title="Rubric by webhook",
    summary="Asks a service of your own for a score from 0 to 1. It learns the case and the output, never the model.",
    make=make,
    applies=lambda case: True,
    params=(
        Param("url", "text", help="address that is asked by POST, once per case"),
        Param("rubric", "text", default="", help="what to look for, in words, sent along"),
        Param("pass_mark", "number", default=0.5, help="score from which a case passes where the service does not say"),
        Param("endpoint", "text", help="name of an endpoint whose key is sent along; its origin must be the url's"),
        Param("deadline_seconds", "number", default=30.0, help="for each call"),
        Param("threads", "count", default=4, help="calls at once"),
        Param("round", "count", default=1, help="raise it to ask again for every case"),
    ),
)
