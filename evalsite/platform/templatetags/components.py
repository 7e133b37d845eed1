"""`{% load components %}`: the pieces with which every number, state and message is shown. See /styleguide."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import template
from django.core.paginator import Page
from django.forms import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString

from evalsite.platform import drawing
from evalsite.platform.marks import MARKS, STATES
from evalsite.platform.templatetags.figures import figure, read, span

register = template.Library()

CHART_WIDTH = 600.0
LETTER_WIDTH = 6.5  # of chart text, in units of the drawing

ARM_WORDS = {"candidate": "candidate", "tie": "tie", "both_bad": "both bad", "baseline": "baseline"}


@register.simple_tag(takes_context=True)
def current(context: template.Context, *sections: str) -> SafeString | str:
    """Mark the link of the section this page is in."""
    path = getattr(context.get("request"), "path", "")
    if path == sections[0]:
        return format_html(' aria-current="{}"', "page")
    here = any(path.startswith(section.rstrip("/") + "/") for section in sections)
    return format_html(' aria-current="{}"', "true") if here else ""


@register.inclusion_tag("components/_mark.html")
def mark(name: str) -> dict[str, str]:
    return {"path": MARKS[name]}


@register.filter
def work(kind: str) -> str:
    """The kind of a job in words: experiments.check_import is Check import."""
    return kind.rpartition(".")[2].replace("_", " ").capitalize()


@register.inclusion_tag("components/_tag.html")
def tag(state: str, words: str = "") -> dict[str, str]:
    """A state in a word with its mark and colour: `{% tag campaign.status %}`."""
    tone, name = STATES.get(state, ("plain", "dot"))
    return {"tone": tone, "mark": name, "words": words or state.replace("_", " ")}


@register.inclusion_tag("components/_arm.html")
def arm(name: str, words: str = "") -> dict[str, str]:
    return {"arm": name, "words": words or ARM_WORDS.get(name, name)}


@register.inclusion_tag("components/_estimate.html")
def estimate(result: Any, unit: str = "percent", *, size: str = "", href: str = "") -> dict[str, Any]:
    """A number with its interval, n, method and warnings. `unit` is one of figures.UNITS."""
    return {
        "value": figure(read(result, "estimate"), unit),
        "defined": read(result, "estimate") is not None,
        "range": span(read(result, "ci_low"), read(result, "ci_high"), unit),
        "level": level(result),
        "n": read(result, "n"),
        "method": read(result, "method"),
        "p_value": read(result, "p_value"),
        "warnings": read(result, "warnings") or (),
        "size": size,
        "href": href,
    }


def level(result: Any) -> str:
    return f"{100 * (1 - (read(result, 'alpha') or 0.05)):g}%"


@register.inclusion_tag("components/_interval_bar.html")
def interval_bar(
    result: Any,
    unit: str = "percent",
    *,
    low: float = 0.0,
    high: float = 1.0,
    threshold: float | None = None,
    tone: str = "accent",
    ends: bool = False,
) -> dict[str, Any]:
    """The interval drawn against its threshold. Tones: accent, met, failed, open, baseline."""
    place = drawing.interval(
        estimate=read(result, "estimate"),
        ci_low=read(result, "ci_low"),
        ci_high=read(result, "ci_high"),
        threshold=threshold,
        scale=drawing.Scale(low, high),
    )
    words = [
        figure(read(result, "estimate"), unit),
        f"{level(result)} interval {span(read(result, 'ci_low'), read(result, 'ci_high'), unit)}",
    ]
    if threshold is not None:
        words.append(f"threshold {figure(threshold, unit)}")
    return {
        "place": place,
        "tone": tone,
        "words": ", ".join(words),
        "low": figure(low, unit) if ends else "",
        "high": figure(high, unit) if ends else "",
    }


@register.inclusion_tag("components/_split_bar.html")
def split_bar(
    *, candidate: int = 0, tie: int = 0, both_bad: int = 0, baseline: int = 0, legend: bool = True
) -> dict[str, Any]:
    """Shares of the outcomes, from their counts."""
    counts = {"candidate": candidate, "tie": tie, "both_bad": both_bad, "baseline": baseline}
    parts = [(part, ARM_WORDS[part.name], figure(part.share, "percent")) for part in drawing.split(counts)]
    shown = [entry for entry in parts if entry[0].count or entry[0].name != "both_bad"]
    words = ", ".join(f"{word} {share}" for _, word, share in shown)
    return {"parts": shown, "words": words, "legend": legend, "width": drawing.WIDTH}


@register.inclusion_tag("components/_heat_map.html")
def heat_map(kappas: Iterable[Any], caption: str = "", *, href: str = "") -> dict[str, Any]:
    """Agreement of each two reviewers, from a list of {reviewers, estimate, ci_low, ci_high, n}.

    The caption says what it is about, its finding follows by itself. href: an address to which the names of two
    reviewers are added: the pairs both judged.
    """
    cells: dict[tuple[str, str], Any] = {}
    names: dict[str, None] = {}
    for kappa in kappas:
        first, second = read(kappa, "reviewers")
        names.update({first: None, second: None})
        cells[first, second] = cells[second, first] = kappa
    rows = [(row, [heat_cell(row, column, cells, href) for column in names]) for row in names]
    return {"names": list(names), "rows": rows, "caption": caption, "finding": finding(cells)}


def finding(cells: Mapping[tuple[str, str], Any]) -> str:
    """Who agrees best and who least, in a sentence."""
    found = [(read(kappa, "estimate"), *read(kappa, "reviewers")) for kappa in cells.values()]
    known = sorted((one for one in found if one[0] is not None), key=lambda one: one[0])
    if not known:
        return "No two reviewers have judged enough of the same pairs to tell."
    low, high = known[0], known[-1]
    best = f"{high[1]} and {high[2]} agree best ({figure(high[0], 'coefficient')})"
    if low[0] == high[0]:
        alone = len(known) <= 2  # each kappa stands in two cells
        value = figure(low[0], "coefficient")
        return f"{low[1]} and {low[2]} agree with a kappa of {value}." if alone else f"All agree alike ({value})."
    return f"{best}, {low[1]} and {low[2]} least ({figure(low[0], 'coefficient')})."


def heat_cell(row: str, column: str, cells: Mapping[tuple[str, str], Any], href: str) -> dict[str, Any]:
    kappa = cells.get((row, column))
    if row == column or kappa is None:
        return {"self": row == column, "level": "unknown", "value": "", "n": None}
    value = read(kappa, "estimate")
    return {
        "self": False,
        "level": drawing.heat_level(value),
        "value": figure(value, "coefficient"),
        "range": span(read(kappa, "ci_low"), read(kappa, "ci_high"), "coefficient"),
        "n": read(kappa, "n"),
        "names": f"{row} and {column}",
        "href": f"{href}{'&' if '?' in href else '?'}{urlencode({'reviewer': row, 'other': column})}" if href else "",
    }


@register.inclusion_tag("components/_column_chart.html")
def column_chart(values: Iterable[tuple[str, float]], caption: str, *, unit: str = "count") -> dict[str, Any]:
    """Columns over labels, with its finding as caption and its numbers as a table under it."""
    bars = drawing.columns(list(values), width=CHART_WIDTH, height=120)
    every = labels_apart([bar.label for bar in bars])
    shown = [
        (bar, figure(bar.value, unit), round(bar.x + bar.width / 2, 2), index % every == 0)
        for index, bar in enumerate(bars)
    ]
    top = max((bar.value for bar in bars), default=0)
    return {"bars": shown, "caption": caption, "top": figure(top, unit), "any": top > 0}


def labels_apart(labels: Sequence[str]) -> int:
    """Label every so many columns that no two labels touch."""
    longest = max(map(len, labels), default=0)
    return max(1, math.ceil((longest + 2) * LETTER_WIDTH * len(labels) / CHART_WIDTH))


@register.inclusion_tag("components/_stat.html")
def stat(label: str, value: str | int, note: str = "", *, href: str = "") -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, "href": href}


@register.inclusion_tag("components/_empty.html")
def empty_page(title: str, text: str, *, href: str = "", action: str = "") -> dict[str, str]:
    return {"title": title, "text": text, "href": href, "action": action}


@register.inclusion_tag("components/_field.html")
def field(bound: BoundField) -> dict[str, BoundField]:
    return {"field": bound}


@register.inclusion_tag("components/_pager.html", takes_context=True)
def pager(context: template.Context, page: Page[Any]) -> dict[str, Any]:
    """Links to the other pages of a list; the filters in the address stay."""
    return {
        "request": context.get("request"),
        "page": page,
        "numbers": page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        "ellipsis": page.paginator.ELLIPSIS,
    }
