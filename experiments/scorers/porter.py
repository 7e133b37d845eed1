"""The stems of English words.

Porter 1980 (Program 14.3, 130-137) with Porter's own later rules (-bli, -logi) and the departures that NLTK made and
rouge-score inherits: irregular forms, -ies and -ied of short words, y after a consonant, vowel-consonant words of two
letters, and -alli before the rest of step 2. Time is linear in the length of the word.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

IRREGULAR = {
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "innings": "inning",
    "outings": "outing",
    "cannings": "canning",
    **{word: word for word in "sky news inning outing canning howe proceed exceed succeed".split()},  # noqa: SIM905
}
SHAPES = {ord(letter): "v" for letter in "aeiou"} | {ord("y"): "y"}
LONGEST_KEPT = 40

Rule = tuple[str, str]

STEP_2: Sequence[Rule] = (
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
)
STEP_3: Sequence[Rule] = (
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
)
STEP_4 = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"),
    *("ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"),
)


def stem(word: str) -> str:
    """The stem of a lower-case word; words of one or two letters are left alone."""
    return _kept(word) if len(word) <= LONGEST_KEPT else _stem(word)


def _stem(word: str) -> str:
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) <= 2:
        return word
    for step in STEPS:
        word = step(word)
    return word


_kept = lru_cache(maxsize=50_000)(_stem)


def shape(word: str) -> str:
    """A c for each consonant, a v for each vowel; y is whatever the letter before it is not."""
    letters: list[str] = []
    for letter in word:
        kind = SHAPES.get(ord(letter), "c")
        if kind == "y":
            kind = "v" if letters and letters[-1] == "c" else "c"
        letters.append(kind)
    return "".join(letters)


def measure(stem: str) -> int:
    """How many times a vowel is followed by a consonant: m in [C](VC){m}[V]."""
    return shape(stem).count("vc")


def ends_short(word: str) -> bool:
    """Consonant, vowel, consonant other than w, x and y; or a whole word of vowel and consonant."""
    form = shape(word)
    return form == "vc" or (form.endswith("cvc") and word[-1] not in "wxy")


def plurals(word: str) -> str:
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def past_and_ing(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix) and "v" in shape(word.removesuffix(suffix)):
            return _mended(word.removesuffix(suffix))
    return word


def _mended(stem: str) -> str:
    """What -ed or -ing took away, or doubled, is put right."""
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if len(stem) >= 2 and stem[-1] == stem[-2] and shape(stem)[-1] == "c":
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if measure(stem) == 1 and ends_short(stem) else stem


def final_y(word: str) -> str:
    consonant_before = len(word) > 2 and word.endswith("y") and shape(word[:-1])[-1] == "c"
    return word[:-1] + "i" if consonant_before else word


def double_suffixes(word: str) -> str:
    if word.endswith("alli") and measure(word[:-4]) > 0:
        return double_suffixes(word[:-2])
    for suffix, other in STEP_2:
        if word.endswith(suffix):
            return _replaced(word, suffix, other)
    return word[:-1] if word.endswith("logi") and measure(word[:-3]) > 0 else word


def more_suffixes(word: str) -> str:
    return next((_replaced(word, suffix, other) for suffix, other in STEP_3 if word.endswith(suffix)), word)


def _replaced(word: str, suffix: str, other: str) -> str:
    stem = word.removesuffix(suffix)
    return stem + other if measure(stem) > 0 else word


def last_suffixes(word: str) -> str:
    suffix = next((suffix for suffix in STEP_4 if word.endswith(suffix)), None)
    if suffix is None:
        return word
    stem = word.removesuffix(suffix)
    fits = measure(stem) > 1 and (suffix != "ion" or stem[-1] in "st")
    return stem if fits else word


def final_e(word: str) -> str:
    if not word.endswith("e"):
        return word
    stem = word[:-1]
    m = measure(stem)
    return stem if m > 1 or (m == 1 and not ends_short(stem)) else word


def final_ll(word: str) -> str:
    return word[:-1] if word.endswith("ll") and measure(word[:-1]) > 1 else word


STEPS: Sequence[Callable[[str], str]] = (
    plurals,
    past_and_ing,
    final_y,
    double_suffixes,
    more_suffixes,
    last_suffixes,
    final_e,
    final_ll,
)
