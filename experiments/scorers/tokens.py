"""Texts cut into tokens, in named ways: a metric without the name of its tokenizer says nothing."""

import re
from collections.abc import Callable

from experiments.scorers.porter import stem

ENGLISH = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
WORDS = re.compile(r"\w+")
LONGEST = 1_000_000  # characters of a text that text metrics still read

Tokenizer = Callable[[str], list[str]]


def rouge_score(text: str) -> list[str]:
    """As in the package rouge-score and in ROUGE-1.5.5: lower case, letters a to z and digits, nothing else."""
    return text.lower().encode("ascii", "replace").translate(ENGLISH).decode().split()


def rouge_score_stemmed(text: str) -> list[str]:
    """The same, with words of more than three letters stemmed."""
    return [stem(word) if len(word) > 3 else word for word in rouge_score(text)]


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
