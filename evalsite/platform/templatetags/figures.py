"""How numbers are written, the same way on every page. What is undefined is a dash, never 0."""

from collections.abc import Mapping
from typing import Any

from django import template

register = template.Library()

DASH = "–"
MINUS = "\N{MINUS SIGN}"
UNITS = ("percent", "points", "coefficient", "ratio", "number", "count", "seconds")


def read(source: Any, name: str) -> Any:
    """One value of a result, whether it is still an object or came back from JSON."""
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def with_minus(text: str) -> str:
    return text.replace("-", MINUS)


def bare(value: float, unit: str) -> str:
    """The digits without their unit."""
    match unit:
        case "percent":
            text = f"{100 * value:z.1f}"
        case "points":
            text = f"{100 * value:+z.1f}"
        case "coefficient":
            text = f"{value:z.2f}"
            text = text.replace("0.", ".", 1) if abs(value) < 0.995 else text
        case "count":
            text = f"{value:z,.0f}"
        case "seconds":
            text = f"{value:z.1f}"
        case _:
            text = f"{value:z,.2f}"
    return with_minus(text)


SUFFIXES = {"percent": "%", "points": " pts", "ratio": " ×", "seconds": " s"}


@register.filter
def figure(value: float | None, unit: str = "number") -> str:
    """`{{ 0.584|figure:"percent" }}` is 58.4%."""
    return DASH if value is None else bare(value, unit) + SUFFIXES.get(unit, "")


def span(low: float | None, high: float | None, unit: str) -> str:
    if low is None or high is None:
        return "no interval"
    return f"{bare(low, unit)} to {bare(high, unit)}{SUFFIXES.get(unit, '')}"


@register.simple_tag
def interval_words(result: Any, unit: str = "percent") -> str:
    """Where an estimate has no room for more: `{% interval_words row.baseline "percent" %}`."""
    return span(read(result, "ci_low"), read(result, "ci_high"), unit)


@register.filter
def count(value: float | None) -> str:
    return figure(value, "count")


@register.filter
def p_value(value: float | None) -> str:
    """p as it is written in print: never 0."""
    if value is None:
        return ""
    if value < 0.001:
        return "p < .001"
    return f"p = {value:.3f}".replace("0.", ".", 1)


@register.filter
def duration(seconds: float | None) -> str:
    """About how long, in the two largest units a person would say."""
    if seconds is None:
        return DASH
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{round(hours / 24)} days"
