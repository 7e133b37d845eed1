"""Patterns of users, matched by RE2: in time linear in the text, whatever the pattern.

RE2 knows no look-around, no back-reference, no possessive quantifier and no repetition above 1,000; a pattern that
needs one is refused with RE2's own reason, never handed to an engine that backtracks.
"""

from functools import lru_cache

import re2

from experiments.scorers.base import BadParams
from experiments.scorers.shown import shown

LONGEST = 10_000
LACKS = {"(?": "RE2 has no look-around", "\\1": "RE2 has no back-references", "repetition size": "at most 1,000"}
MEMORY = 8 << 20  # bytes one compiled pattern may take


class BadPattern(ValueError):
    """The pattern cannot be used; the message says why."""


class Pattern:
    """A compiled pattern that takes any text, halves of surrogate pairs too."""

    def __init__(self, source: str, compiled: "re2._Regexp") -> None:
        self.source = source
        self._compiled = compiled

    def search(self, text: str) -> str | None:
        """The leftmost match, None where there is none."""
        match = self._compiled.search(encodable(text))
        return None if match is None else str(match.group())

    def fullmatch(self, text: str) -> bool:
        return self._compiled.fullmatch(encodable(text)) is not None


def encodable(text: str) -> str:
    return text if text.isascii() else text.encode(errors="replace").decode()


@lru_cache(maxsize=512)
def compiled(source: str, *, fold_case: bool = False, dot_all: bool = False, multiline: bool = False) -> Pattern:
    """A pattern ready to search. Raises BadPattern.

    fold_case: letters match in either case; dot_all: `.` also matches the end of a line; multiline: `^` and `$` also
    match at each line. The syntax is RE2's (github.com/google/re2/wiki/Syntax).
    """
    if len(source) > LONGEST:
        raise BadPattern(f"a pattern may have {LONGEST:,} characters, this one has {len(source):,}")
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    flags = "".join(flag for flag, wanted in (("i", fold_case), ("s", dot_all), ("m", multiline)) if wanted)
    try:
        return Pattern(source, re2.compile(f"(?{flags}){source}" if flags else source, options))
    except re2.error as error:
        raise BadPattern(f"the pattern {shown(source)} is not one RE2 can match: {_reason(error)}") from None
    except UnicodeEncodeError:
        raise BadPattern("the pattern holds half of a surrogate pair") from None


def param_pattern(scorer: str, name: str, source: str, *, fold_case: bool = False, dot_all: bool = False) -> Pattern:
    """The same for a parameter. Raises BadParams."""
    try:
        return compiled(source, fold_case=fold_case, dot_all=dot_all)
    except BadPattern as error:
        raise BadParams(f"{scorer}: {name} cannot be used: {error}.") from None


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return shown(text) + next((f" ({known})" for sign, known in LACKS.items() if sign in text), "")
