"""What a server says of an error, fit to be shown: short, printable, and without anything that could be a key."""

import base64
import re
from urllib.parse import quote

LONGEST = 200
SHARED = 6
# Long runs of key-like letters are masked whoever they belong to: servers echo headers, and parts of keys.
KEY_LIKE = re.compile(r"(?i)\b(?:bearer|basic)\s+\S+|\b(?:sk|pk|key|hf|gsk|xai)[-_]\S+|[A-Za-z0-9+/=_-]{24,}")
WORD = re.compile(r"\S+")
HIDDEN = "[hidden]"


def masked(text: str, *, key: str) -> str:
    short = "".join(letter if letter.isprintable() else " " for letter in text[: LONGEST * 4])
    short = " ".join(short.split())
    short = KEY_LIKE.sub(HIDDEN, short)
    if key:
        forms = disguises(key)
        short = WORD.sub(lambda word: HIDDEN if shares(word[0], forms) else word[0], short)
    return f"{short[:LONGEST]}…" if len(short) > LONGEST else short


def disguises(key: str) -> list[str]:
    raw = key.encode()
    return [form.lower() for form in (key, key[::-1], quote(key, safe=""), base64.b64encode(raw).decode(), raw.hex())]


def shares(word: str, forms: list[str]) -> bool:
    """Whether the word has six letters in a row, or all it has, in common with a form of the key."""
    word = word.lower()
    return any(
        form[start : start + SHARED] in word for form in forms for start in range(max(len(form) - SHARED, 0) + 1)
    )
