"""Which scorers suit a set, by what its cases hold."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from experiments.scorers.numbers import numbers

SHORT = 60  # characters up to which an answer is right or wrong rather than well or badly put
ENOUGH = 0.8


def suggested(
    checks_seen: Collection[str], has_expected: bool, expected_sample: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Scorers for a set, the primary ones first; never more than two primary, since each costs the others power.

    checks_seen: the keys that occur in the checks of its cases. has_expected: whether cases have expected answers.
    expected_sample: some of those; without them nothing is known of their form, and they are taken as short.
    """
    chosen = [
        name
        for key, name in (
            ("expected_tool_calls", "tool_call"),
            ("schema", "json_schema"),
            ("must_not_match", "must_not_match"),
            ("must_not_call", "must_not_call"),
        )
        if key in checks_seen
    ]
    if "response_format" in checks_seen and "json_schema" not in chosen:
        chosen.append("json_valid")
    if has_expected:
        chosen += _for_answers(expected_sample)
    return [{"scorer": name, "params": {}, "primary": at < _most_primary(chosen)} for at, name in enumerate(chosen)]


def _most_primary(chosen: Sequence[str]) -> int:
    return sum(name in ("tool_call", "json_schema", "must_not_match", "must_not_call") for name in chosen[:2]) or 1


def _for_answers(sample: Sequence[str]) -> list[str]:
    given = [text for text in sample if text.strip()]
    if not given:
        return ["exact_match", "contains"]
    if _most(given, _ends_in_number):
        return ["numeric_match", "rouge_l"]
    if _most(given, _is_number):
        return ["numeric_match", "exact_match"]
    if _most(given, lambda text: len(text) <= SHORT):
        return ["exact_match", "contains"]
    return ["rouge_l", "chrf", "similarity"]


def _most(texts: Sequence[str], test: Callable[[str], bool]) -> bool:
    return sum(map(test, texts)) >= ENOUGH * len(texts)


def _is_number(text: str) -> bool:
    return len(text) <= SHORT and sum(letter.isalpha() for letter in text) <= len(text) / 2 and any(numbers(text))


def _ends_in_number(text: str) -> bool:
    """As worked solutions do: a last line of its own with a mark and the number."""
    lines = text.strip().splitlines()
    return len(lines) > 1 and _is_number(lines[-1])
