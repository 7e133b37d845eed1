"""All scorers by name, what identifies one with its parameters, and which suit a set."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from experiments.scorers.base import Scorer
from experiments.scorers.bleu import BLEU
from experiments.scorers.chrf import CHRF
from experiments.scorers.contains import ANY_OF, CONTAINS
from experiments.scorers.exact_match import EXACT_MATCH
from experiments.scorers.json_schema import JSON_SCHEMA
from experiments.scorers.json_valid import JSON_VALID
from experiments.scorers.line_format import LINE_FORMAT
from experiments.scorers.must_not import MUST_NOT_CALL, MUST_NOT_MATCH
from experiments.scorers.numeric_match import NUMERIC_MATCH
from experiments.scorers.perplexity import PERPLEXITY
from experiments.scorers.quantities import LATENCY, LENGTH, OUTPUT_TOKENS
from experiments.scorers.regex_match import REGEX_MATCH
from experiments.scorers.rouge import ROUGE_1, ROUGE_2, ROUGE_L
from experiments.scorers.rubric_check import RUBRIC
from experiments.scorers.similarity import SIMILARITY
from experiments.scorers.suggestions import suggested
from experiments.scorers.tool_call import TOOL_CALL

__all__ = ["SCORERS", "NoSuchScorer", "fingerprint", "get", "suggested"]

SCORERS: dict[str, Scorer] = {
    scorer.name: scorer
    for scorer in [
        EXACT_MATCH,
        NUMERIC_MATCH,
        REGEX_MATCH,
        LINE_FORMAT,
        CONTAINS,
        ANY_OF,
        JSON_VALID,
        JSON_SCHEMA,
        TOOL_CALL,
        MUST_NOT_MATCH,
        MUST_NOT_CALL,
        ROUGE_1,
        ROUGE_2,
        ROUGE_L,
        BLEU,
        CHRF,
        SIMILARITY,
        PERPLEXITY,
        LENGTH,
        OUTPUT_TOKENS,
        LATENCY,
        RUBRIC,
    ]
}


class NoSuchScorer(LookupError):
    """There is no scorer of that name; the message lists those there are."""


def get(name: str) -> Scorer:
    """The scorer of that name. Raises NoSuchScorer."""
    try:
        return SCORERS[name]
    except KeyError:
        raise NoSuchScorer(f"There is no scorer called {name!r}. There are: {', '.join(SCORERS)}.") from None


def fingerprint(scorer: Scorer, params: Mapping[str, Any]) -> str:
    """sha256 of name, version and all parameters: a default spelled out or left out is the same. Raises BadParams."""
    settled = [scorer.name, scorer.version, scorer.settled(params)]
    return hashlib.sha256(json.dumps(settled, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
