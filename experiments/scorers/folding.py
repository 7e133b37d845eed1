"""Differences between two texts that a scorer may be told to overlook."""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from experiments.scorers.base import Param

FOLDING = (
    Param("fold_case", "flag", default=False, help="upper and lower case are the same (Unicode case folding)"),
    Param("fold_space", "flag", default=False, help="any run of white space is one space"),
    Param(
        "fold_unicode",
        "flag",
        default=False,
        help="compatible forms are the same (NFKC: full-width letters, ligatures)",
    ),
)


def folded(params: Mapping[str, Any]) -> Callable[[str], str]:
    """What texts are compared as. NFKC comes first, since it makes spaces and capitals of other characters."""
    steps: list[Callable[[str], str]] = []
    if params["fold_unicode"]:
        steps.append(lambda text: unicodedata.normalize("NFKC", text))
    if params["fold_case"]:
        steps.append(str.casefold)
    if params["fold_space"]:
        steps.append(lambda text: " ".join(text.split()) if params.get("strip", True) else _one_space(text))
    if params.get("strip"):
        steps.append(str.strip)

    def fold(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return fold


def _one_space(text: str) -> str:
    """As `" ".join(text.split())`, with a space left where the text began or ended with some."""
    if not text.strip():
        return " " if text else ""
    return f"{' ' * text[0].isspace()}{' '.join(text.split())}{' ' * text[-1].isspace()}"
