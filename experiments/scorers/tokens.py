"""Texts cut into tokens, in named ways: a metric without the name of its tokenizer says nothing."""

import re
from collections.abc import Callable

from experiments.scorers.porter import stem

ENGLISH = re.compile(r"[a-z0-9]+")
WORDS = re.compile(r"\w+")
LONGEST = 1_000_000  # characters of a text that text metrics still read

Tokenizer = Callable[[str], list[str]]


def rouge_score(text: str) -> list[str]:
    """As in the package rouge-score and in ROUGE-1.5.5: lower case, letters a to z and digits, nothing else."""
    return ENGLISH.findall(text.lower())


def rouge_score_stemmed(text: str) -> list[str]:
    """The same, with words of more than three letters stemmed."""
    return [stem(word) if len(word) > 3 else word for word in ENGLISH.findall(text.lower())]


def words(text: str) -> list[str]:
    """Unicode words, case-folded: for texts that are not English."""
    return WORDS.findall(text.casefold())


def characters(text: str) -> list[str]:
    """Every character but white space: for scripts that put no space between words."""
    return list("".join(text.split()))


TOKENIZERS: dict[str, Tokenizer] = {
    "rouge_score": rouge_score,
    "rouge_score_stemmed": rouge_score_stemmed,
    "words": words,
    "white_space": str.split,
    "characters": characters,
}
