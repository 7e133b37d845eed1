"""Texts as words and signs without case and punctuation, and runs of words as numbers."""

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

# Signs that tell 12 + 7 from 12 - 7, 3 < 5 from 3 > 5 and C# from C, and not those of hyphens, lists and emphasis.
WORD = re.compile(
    r"""
    \w+
    | (?!\s)(?:
        [+/<>=^~%&|¬±×÷£¥\u20a0-\u20bf\u2190-\u22ff]
        | (?<![^\W\d_])[.,](?=\d)
        | (?<![^\W\d_])-(?=\s*[\d(])
        | (?<=[\w)\]])\*+(?=[\w(\[]) | (?<=[\w)\]]\ )\*+(?=\ )
        | (?<=\w)\#
        | \$(?=\d)
        | !(?==)
        | (?<=[-+*/^=<>%])[()\[\]{}] | (?<=[-+*/^=<>%]\ )[()\[\]{}] | [()\[\]{}](?=\ ?[-+*/^=<>%])
    )
    """,
    re.VERBOSE,
)
FACTOR = np.uint64(0x9E3779B97F4A7C15)
MIX = np.uint64(0xBF58476D1CE4E5B9)

Hashes = NDArray[np.uint64]


def words(text: str) -> list[str]:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return WORD.findall(text.casefold())


def key(text: str) -> int:
    """Of one text, 64 bits: two of a million texts share one by chance with probability 3e-8."""
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def normalised_key(found: list[str]) -> int:
    return key(" ".join(found))


@lru_cache(maxsize=1 << 16)
def number(word: str) -> int:
    """The same in every process, unlike Python's own hash."""
    return crc32(word.encode(errors="surrogatepass"))


def runs(found: list[str], length: int) -> Hashes:
    """Each distinct run of that many words as a number; a shorter text is one run."""
    if not found:
        return np.empty(0, dtype=np.uint64)
    single = np.fromiter(map(number, found), np.uint64, count=len(found))
    n = max(len(found) - length + 1, 1)
    total = np.zeros(n, dtype=np.uint64)
    for offset in range(min(length, len(found))):
        total = total * FACTOR + single[offset : offset + n]
    total ^= total >> np.uint64(31)
    return np.unique(total * MIX)
