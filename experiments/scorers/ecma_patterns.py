"""Patterns of JSON Schema (ECMA-262) as RE2 writes them.

What both have in common goes through unchanged; `\\uXXXX`, `\\cX` and the wider white space of ECMA-262 are rewritten.
Look-around and back-references exist in ECMA-262 alone: RE2 refuses them, and with them the schema.
"""

import re

SPACE = r"\t-\r\x20\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"
PARTS = re.compile(
    r"\\u\{(?P<braced>[0-9a-fA-F]{1,6})\}|\\u(?P<high>[dD][89abAB]..)\\u(?P<low>[dD][c-fC-F]..)"
    r"|\\u(?P<code>[0-9a-fA-F]{4})|\\c(?P<control>[A-Za-z])|\\(?P<space>[sS])|\\.|(?P<opens>\[\^?)|(?P<closes>\])|[^\\\[\]]+",
    re.DOTALL,
)


def translated(pattern: str) -> str:
    """The same pattern for RE2; what is not understood is left for RE2 to refuse."""
    parts: list[str] = []
    in_class = False
    for part in PARTS.finditer(pattern):
        if part["opens"]:
            parts.append(r"\[" if in_class and part[0] == "[" else part[0])
            in_class = True
        elif part["closes"]:
            parts.append("]" if in_class else r"\]")
            in_class = False
        else:
            parts.append(_escape(part, in_class=in_class))
    return "".join(parts)


def _escape(part: re.Match[str], *, in_class: bool) -> str:
    if part["space"] == "s":
        return SPACE if in_class else f"[{SPACE}]"
    if part["space"] == "S":
        return part[0] if in_class else f"[^{SPACE}]"
    if part["control"]:
        return rf"\x{ord(part['control']) % 32:02x}"
    if part["high"]:
        return rf"\x{{{_joined(part['high'], part['low']):x}}}"
    code = part["code"] or part["braced"]
    return rf"\x{{{code}}}" if code else part[0]


def _joined(high: str, low: str) -> int:
    try:
        return 0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00)
    except ValueError:
        return 0x110000  # beyond Unicode: refused by RE2
