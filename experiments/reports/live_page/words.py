"""How values, differences and p of a metric are written on the pages of live tests."""

import math
from dataclasses import dataclass

from evalsite.platform.templatetags.figures import DASH, with_minus

MOST_DIGITS = 6
MOST_PERCENT_DIGITS = 3
SMALL_P = 0.001
CORRECTIONS = {
    "holm": "The primary metric is read at α. Secondary metrics are corrected among themselves, by Holm’s method.",
    "bh": "The primary metric is read at α. Secondary metrics are corrected among themselves, by Benjamini-Hochberg.",
    "none": "No p is corrected for the number of metrics: the plan says so.",
}
METHODS = {
    "confidence_sequence": "confidence sequence",
    "group_sequential": "group-sequential",
    "fixed_horizon": "fixed horizon",
}
P_KINDS = {
    "fixed": "holds for one reading at the planned size",
    "always_valid": "always valid: holds however often somebody looks",
    "group_sequential": "holds at the planned looks",
}


def digits_for(*values: float | None) -> int:
    """Decimals that show three figures of the largest of them."""
    largest = max((abs(value) for value in values if value), default=0.0)
    if not largest:
        return 0
    return min(MOST_DIGITS, max(0, 2 - math.floor(math.log10(largest))))


def percent_digits(*values: float | None) -> int:
    """One decimal, or as many as it takes to see on which side of 0 each of them lies."""
    for digits in range(1, MOST_PERCENT_DIGITS):
        if all(round(100 * value, digits) for value in values if value):
            return digits
    return MOST_PERCENT_DIGITS


@dataclass(frozen=True)
class Writer:
    """A rate in percent and points, anything else in its own unit."""

    kind: str
    unit: str = ""

    @property
    def is_rate(self) -> bool:
        return self.kind == "rate"

    @property
    def suffix(self) -> str:
        return f"\N{NO-BREAK SPACE}{self.unit}" if self.unit else ""

    def value(self, value: float | None) -> str:
        if value is None:
            return DASH
        if self.is_rate:
            return with_minus(f"{100 * value:z.1f}%")
        return with_minus(f"{value:z,.{digits_for(value)}f}") + self.suffix

    def difference(self, value: float | None, *others: float | None) -> str:
        """`others` are the ends of its interval: the digits fit all of them."""
        if value is None:
            return DASH
        if self.is_rate:
            return with_minus(f"{100 * value:+z.1f}\N{NO-BREAK SPACE}points")
        return with_minus(f"{value:+z,.{digits_for(value, *others)}f}") + self.suffix

    def span(self, low: float | None, high: float | None) -> str:
        if low is None or high is None:
            return "no interval"
        if self.is_rate:
            digits = percent_digits(low, high)
            return with_minus(f"{100 * low:+z.{digits}f} to {100 * high:+z.{digits}f}\N{NO-BREAK SPACE}points")
        digits = digits_for(low, high)
        return with_minus(f"{low:+z,.{digits}f} to {high:+z,.{digits}f}") + self.suffix


def share(value: float | None) -> str:
    return DASH if value is None else with_minus(f"{100 * value:+z.1f}%")


def share_span(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no interval"
    digits = percent_digits(low, high)
    return with_minus(f"{100 * low:+z.{digits}f} to {100 * high:+z.{digits}f}%")


def p_words(p: float | None) -> str:
    """Three figures down to .001, then powers of ten; never 0."""
    if p is None:
        return DASH
    if p >= SMALL_P:
        return f"{p:.3g}".replace("0.", ".", 1) if p < 1 else "1"
    if p < 1e-300:
        return "< 1e-300"
    mantissa, _, power = f"{p:.1e}".partition("e")
    return f"{mantissa}e-{power.lstrip('-0')}"
