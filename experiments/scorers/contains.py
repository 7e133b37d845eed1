"""The answer holds certain texts: all of them, or any one."""

from collections.abc import Callable, Mapping, Sequence
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
from experiments.scorers.expected import answers
from experiments.scorers.folding import FOLDING, folded
from experiments.scorers.shown import shown, shown_list

NONE_GIVEN = "neither the scorer nor the case says which text to look for"
MOST_WORK = 200_000_000  # characters compared; more come only from texts that repeat themselves endlessly
PARAMS = (
    Param("texts", "texts", help="what to look for; left out, each case's expected and accepted answers, of which one"),
    Param("whole_words", "flag", default=False, help="“cat” is not found in “category”"),
    *FOLDING,
)


def make_all(params: Mapping[str, Any]) -> Judge:
    return _make("contains", params, all_of=True)


def make_any(params: Mapping[str, Any]) -> Judge:
    return _make("any_of", params, all_of=False)


def _make(name: str, params: Mapping[str, Any], *, all_of: bool) -> Judge:
    texts, find = params["texts"], finder(params)
    if texts is not None and not (texts and all(texts)):
        raise BadParams(f"{name}: texts must list at least one text, and none that is empty.")

    def judge(case: Case, response: Response) -> ScoreResult:
        wanted = answers(case) if texts is None else texts
        if not wanted:
            return unscored(NONE_GIVEN)
        held = find(wanted, response.text)
        if all(held) if texts is not None and all_of else any(held):
            return right(found=shown(wanted[held.index(True)]))
        missing = [text for text, is_held in zip(wanted, held, strict=True) if not is_held]
        return wrong("the answer does not hold it", missing=shown_list(missing), found=shown(response.text))

    return judge


def finder(params: Mapping[str, Any]) -> Callable[[Sequence[str], str], list[bool]]:
    """Which of some texts a text holds."""
    fold, whole_words = folded(params), params["whole_words"]
    holds = holds_word if whole_words else lambda text, part: part in text

    def find(wanted: Sequence[str], text: str) -> list[bool]:
        text = fold(text)
        return [holds(text, fold(part)) for part in wanted]

    return find


def holds_word(text: str, word: str) -> bool:
    """Whether it stands there with no letter, digit or underscore before or after. An empty word never does."""
    at = text.find(word) if word else -1
    for _ in range(MOST_WORK // max(len(word), 1)):
        if at < 0:
            break
        before, after = text[at - 1 : at], text[at + len(word) : at + len(word) + 1]
        if not (_goes_on(before, word[0]) or _goes_on(after, word[-1])):
            return True
        at = text.find(word, at + 1)
    return False


def _goes_on(neighbour: str, edge: str) -> bool:
    """A word goes on where both sides are of words; “(c)” may follow a letter."""
    return bool(neighbour) and _of_words(neighbour) and _of_words(edge)


def _of_words(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _applies(case: Case) -> bool:
    return bool(answers(case))


CONTAINS = Scorer(
    name="contains",
    version=1,
    title="Contains",
    summary="Right where the expected answer stands somewhere in the answer, or all texts that the scorer lists.",
    make=make_all,
    applies=_applies,
    params=PARAMS,
)

ANY_OF = Scorer(
    name="any_of",
    version=1,
    title="Contains any of",
    summary="Right where at least one of the accepted answers stands in the answer, or of the texts the scorer lists.",
    make=make_any,
    applies=_applies,
    params=PARAMS,
)
