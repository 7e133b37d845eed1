"""`{% load live %}`: amounts of events as the pages of live tests write them."""

from collections.abc import Mapping
from typing import Any

from django import template

from evalsite.platform.templatetags.figures import DASH, count
from experiments.models import UnitMetric
from experiments.reports.live_page.units import UnitRow
from experiments.reports.live_page.words import Writer

register = template.Library()


@register.filter
def plain(value: float | None) -> str:
    """Whole numbers without decimals, others with three figures."""
    if value is None:
        return DASH
    return count(value) if float(value).is_integer() else Writer("mean").value(value)


@register.simple_tag
def unit_sum(row: UnitRow, metric: Mapping[str, Any]) -> str:
    """What one unit has for one metric of the plan."""
    found = row.sums.get(metric["key"])
    return DASH if found is None else words_of(found, metric)


def words_of(found: UnitMetric, metric: Mapping[str, Any]) -> str:
    match metric["kind"]:
        case "rate":
            return "yes" if found.n >= metric.get("at_least", 1) else "no"
        case "ratio":
            return f"{plain(found.total)} of {plain(found.denominator)}"
        case "quantile":
            return f"{count(len(found.values))} values"
        case _ if metric.get("per") == "unit_with_event":
            return plain(found.total / found.n) if found.n else DASH
        case _:
            return plain(found.total)
