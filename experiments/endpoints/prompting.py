"""Prompt templates: which places they have, and what stands there for a case."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache

PLACES = ("prompt", "system")
PLACE = re.compile(r"\{\{\s*(prompt|system)\s*\}\}|\{(prompt|system)\}")
LIKE_A_PLACE = re.compile(r"\{\{?\s*([A-Za-z_][\w.]*)\s*\}\}?")


class BadTemplate(ValueError):
    """A place in the template is not one of those that are filled."""


def check(template: str) -> None:
    """Other braces stay as they are (JSON is full of them); what looks like a slip of the pen is refused."""
    for found in LIKE_A_PLACE.finditer(template):
        name = found[1]
        if name not in PLACES and (near := get_close_matches(name.lower(), PLACES, n=1, cutoff=0.75)):
            raise BadTemplate(f"There is no place {{{name}}}. Did you mean {{{near[0]}}}?")


@lru_cache(maxsize=64)
def places(template: str) -> frozenset[str]:
    return frozenset(found[1] or found[2] for found in PLACE.finditer(template))


def put(template: str, values: Mapping[str, str]) -> str:
    """In one pass, so that braces in a case's own text stay."""
    return PLACE.sub(lambda found: values[found[1] or found[2]], template)


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template without a place for the prompt stands before it."""
    if not template:
        return values["prompt"]
    text = put(template, values)
    return text if "prompt" in places(template) else f"{text}\n\n{values['prompt']}"
