"""All scorers by name, what identifies one with its parameters, and which suit a set."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from experiments.scorers.base import Scorer
from experiments.scorers.exact_match import EXACT_MATCH

SCORERS: dict[str, Scorer] = {scorer.name: scorer for scorer in [EXACT_MATCH]}


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


def suggested(checks_seen: Collection[str], has_expected: bool) -> list[dict[str, Any]]:
    """Which scorers suit a set whose cases hold these checks."""
    return [{"scorer": "exact_match", "params": {}, "primary": True}] if has_expected else []
