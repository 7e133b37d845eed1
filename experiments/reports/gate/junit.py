"""A gate's answer as JUnit XML: the verdict is one test, each criterion another, failed checks are errors."""

from collections.abc import Iterator
from typing import Any

from experiments.reports.comparisons.junit import attribute, suite
from experiments.reports.gate.text import reason

OF_VERDICT = {"GO": "", "NO-GO": "failure", "INCONCLUSIVE": "failure", "INVALID": "error"}
OF_STATUS = {"met": "", "not_met": "failure", "undecided": "skipped", "no_evidence": "skipped"}


def lines(found: dict[str, Any]) -> Iterator[str]:
    verdict = (found["verdict"], OF_VERDICT[found["verdict"]], reason(found))
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f"<testsuites name={attribute(found['experiment']['name'])}>"
    yield from suite("verdict", [verdict])
    yield from suite("criteria", [criterion(one) for one in found["criteria"]])
    if found["health_failures"]:
        yield from suite("health", [health(one) for one in found["health_failures"]])
    yield "</testsuites>"


def criterion(one: dict[str, Any]) -> tuple[str, str, str]:
    """One without a say in the verdict fails nothing here either."""
    element = OF_STATUS[one["status"]]
    if not one["required"] and element == "failure":
        element = "skipped"
    return one["title"], element, one["sentence"]


def health(one: dict[str, Any]) -> tuple[str, str, str]:
    return one["title"], "error" if one["counts"] else "skipped", one["detail"]
