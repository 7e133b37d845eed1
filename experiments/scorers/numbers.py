"""Numbers as people and models write them, read exactly."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

LONGEST = 1_000  # characters of one number; what is longer is an attack rather than an answer
LARGEST_EXPONENT = 9_999
SEPARATORS = "'’_\u00a0\u2009\u202f"
SYMBOLS = "$€£¥₹₽₩¢"
CODES = frozenset(
    ("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "RUB", "AUD", "CAD", "SEK", "NOK", "DKK", "PLN", "KR", "RS")
)
# Possessive throughout: what a part has taken it does not give back, so that time stays linear.
FRACTION = r"(?<![\w/.,])\d++\s?/\s?\d++(?![\d.,]*+/)(?![.,]?\d)"
TOKENS = {
    mark: re.compile(
        rf"{FRACTION}|(?:\d[\d{SEPARATORS}{group}]*+(?:[{mark}]\d++)?|(?<!\d)[{mark}]\d++)(?:[eE][-+]?\d++(?!\w))?"
    )
    for mark, group in ((".", ","), (",", "."))
}
WHOLE = {mark: re.compile(rf"\d[\d{SEPARATORS}{group}]*") for mark, group in ((".", ","), (",", "."))}
BEFORE = re.compile(
    rf"(?P<minus>[-−])?(?P<currency>[A-Za-z]{{0,3}}[{SYMBOLS}]|[A-Za-z]{{2,3}}\.?)?\s?(?P<inner>[-−])?$"
)
UNIT = re.compile(r"[ \u00a0\u202f-]?(%|‰|°[CFK]?|[^\W\d_]+[²³]?)")


@dataclass(frozen=True)
class Number:
    """`value` is None where there are too many digits to compare; `unit` is folded, empty where there is none."""

    text: str
    value: Fraction | None
    unit: str = ""


def numbers(text: str, decimal_mark: str = ".", *, backwards: bool = False) -> Iterator[Number]:
    """Every number of a text, from its beginning or from its end.

    decimal_mark: "." or ","; the other one separates thousands, as do apostrophes, underscores and no-break spaces,
    where the groups are of three (or, as in India, of two and a last of three); else they separate numbers.
    A minus counts unless a word or a number stands before it (a range, a subtraction). Digits that belong to a word
    ("CO2", "m3") are no number. `3/4` is one number, a date is three. Time is linear in the length.
    """
    found = list(TOKENS[decimal_mark].finditer(text))
    for match in reversed(found) if backwards else found:
        pieces = _pieces(match[0], match.start(), decimal_mark)
        for start, piece in reversed(pieces) if backwards else pieces:
            number = _number(text, start, piece, decimal_mark)
            if number is not None:
                yield number


def _pieces(token: str, start: int, mark: str) -> list[tuple[int, str]]:
    """One number if its separators group thousands, else what stands between them."""
    if "/" in token or len(token) > LONGEST:
        return [(start, token)]
    whole = WHOLE[mark].match(token)
    if whole is None or _groups_thousands(whole[0]):
        return [(start, token)]
    runs = [(start + run.start(), run[0]) for run in re.finditer(r"\d+", whole[0])]
    if whole[0][-1].isdigit():
        runs[-1] = (runs[-1][0], runs[-1][1] + token[whole.end() :])
    return runs


def _groups_thousands(whole: str) -> bool:
    separator = next((letter for letter in whole if not letter.isdigit()), "")
    if not separator:
        return True
    first, *groups = whole.rstrip(separator).split(separator)
    if not all(group.isdigit() for group in [first, *groups]):
        return False
    if not groups:
        return True
    return 1 <= len(first) <= 3 and len(groups[-1]) == 3 and {len(group) for group in groups[:-1]} in ({2}, {3}, set())


def _number(text: str, start: int, piece: str, mark: str) -> Number | None:
    before = BEFORE.search(text, max(0, start - 7), start)
    if before is None:
        return None
    currency = _currency(before["currency"] or "")
    if _inside_a_word(text, start, currency):
        return None
    sign = "-" if _is_negative(text, start, before, currency) else ""
    after = UNIT.match(text, start + len(piece))
    unit = currency or (after[1] if after else "")
    if len(piece) > LONGEST:
        return Number(piece[:LONGEST], None)
    return Number((sign + piece).rstrip(f"{SEPARATORS},."), _value(piece, mark, negative=bool(sign)), _folded(unit))


def _currency(word: str) -> str:
    return word if word and (word[-1] in SYMBOLS or word.rstrip(".").upper() in CODES) else ""


def _inside_a_word(text: str, start: int, currency: str) -> bool:
    return start > 0 and not currency and (text[start - 1].isalpha() or text[start - 1] == "_")


def _is_negative(text: str, start: int, before: re.Match[str], currency: str) -> bool:
    """-5, -$5 and $-5; not the hyphen of GPT-4, 3-5 or (1)-5."""
    for at in (before.start("inner"), before.start("minus")):
        if at >= 0 and (at == start - 1 or currency):
            return _stands_free(text, at) or bool(currency and at == start - 1)
    return False


def _stands_free(text: str, at: int) -> bool:
    return at == 0 or not (text[at - 1].isalnum() or text[at - 1] in ")]%_")


def _value(piece: str, mark: str, *, negative: bool) -> Fraction | None:
    if "/" in piece:
        above, below = (int(part) for part in piece.split("/"))
        value = Fraction(above, below) if below else None
    else:
        plain = "".join(letter for letter in piece.replace(mark, "\0") if letter.isdigit() or letter in "eE+-\0")
        _, _, exponent = plain.upper().partition("E")
        value = None if _too_large(exponent) else Fraction(Decimal(plain.replace("\0", ".")))
    return -value if negative and value is not None else value


def _too_large(exponent: str) -> bool:
    return len(exponent) > 6 or abs(int(exponent or 0)) > LARGEST_EXPONENT


def _folded(unit: str) -> str:
    unit = unit.casefold().rstrip(".")
    return unit.removesuffix("s") if len(unit) > 2 else unit
