"""A comparison as JUnit XML: what got worse is a failure, what could not be compared is skipped."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from experiments.models import CaseChange, EvalCase, RunComparison
from experiments.reports.comparisons.comparing import paired_ids
from experiments.reports.comparisons.export import as_dict
from experiments.reports.comparisons.headline import sentence

# What XML 1.0 cannot hold in any spelling.
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    return escape(NOT_IN_XML.sub("\ufffd", value))


def attribute(value: str) -> str:
    return quoteattr(NOT_IN_XML.sub("\ufffd", value))


def lines(comparison: RunComparison) -> Iterator[str]:
    """One suite of the metrics, one of the regression test, and one of the cases for each primary pass mark."""
    found = as_dict(comparison)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f"<testsuites name={attribute(title(found))}>"
    yield from suite("metrics", [metric_case(found, metric) for metric in found["metrics"]])
    for test in found["regression"]["tests"]:
        yield from suite(f"regression test: {test['title']}", regression_cases(found, test))
    for metric in found["metrics"]:
        if metric["is_primary"] and metric["table"]:
            yield from cases(comparison, metric)
    yield "</testsuites>"


def title(found: Mapping[str, Any]) -> str:
    return (
        f"{found['candidate']['model']} against {found['baseline']['model']} on "
        f"{found['eval_set']['name']} v{found['eval_set']['version']}"
    )


def suite(name: str, testcases: list[tuple[str, str, str]]) -> Iterator[str]:
    """testcases: name, element (failure, error, skipped or nothing), message."""
    counts = {kind: sum(element == kind for _, element, _ in testcases) for kind in ("failure", "error", "skipped")}
    yield (
        f'  <testsuite name={attribute(name)} tests="{len(testcases)}" failures="{counts["failure"]}" '
        f'errors="{counts["error"]}" skipped="{counts["skipped"]}">'
    )
    for case, element, message in testcases:
        yield testcase(name, case, element, message)
    yield "  </testsuite>"


def testcase(suite_name: str, name: str, element: str, message: str) -> str:
    start = f"    <testcase classname={attribute(suite_name)} name={attribute(name)}"
    if element:
        return f"{start}><{element} message={attribute(message)}/></testcase>"
    return f"{start}><system-out>{text(message)}</system-out></testcase>" if message else f"{start}/>"


def metric_case(found: Mapping[str, Any], metric: Mapping[str, Any]) -> tuple[str, str, str]:
    """Invalid data are an error of the comparison, not a failure of the candidate; only a primary metric can fail."""
    if found["invalid_reasons"]:
        return metric["title"], "error", f"INVALID: {found['invalid_reasons'][0]}"
    is_failure = metric["is_primary"] and metric["direction"] == "worse"
    return metric["title"], "failure" if is_failure else "", sentence(metric)


def regression_cases(found: Mapping[str, Any], test: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = [("whole suite", test["suite"]), *((row["name"], row) for row in test["categories"])]
    return [(name, regression_element(found, row), regression_words(found, row)) for name, row in rows]


def regression_element(found: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if found["invalid_reasons"]:
        return "error"
    return {"regression shown": "failure", "undecided": "skipped"}.get(row["verdict"], "")


def regression_words(found: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    more = f"; about {row['more']:,} more cases would settle it" if row["more"] is not None else ""
    return f"{row['verdict']}, margin {found['regression']['words']}, n {row['n']:,}{more}"


def cases(comparison: RunComparison, metric: Mapping[str, Any]) -> Iterator[str]:
    """Every case of the set: a regression fails, a case without an output of both is skipped."""
    name = f"cases: {metric['title']}"
    total = EvalCase.objects.filter(eval_set=comparison.baseline_run.eval_set_id).count()
    kind = CaseChange.Kind.REGRESSION
    lost = CaseChange.objects.filter(comparison=comparison, scorer_key=metric["key"], kind=kind)
    failed = set(lost.values_list("case_id", flat=True))
    compared = paired_ids(comparison.baseline_run, comparison.candidate_run, metric["key"])
    yield (
        f'  <testsuite name={attribute(name)} tests="{total}" failures="{len(failed)}" errors="0" '
        f'skipped="{total - len(compared)}">'
    )
    rows = EvalCase.objects.filter(eval_set=comparison.baseline_run.eval_set_id).order_by("position", "pk")
    for case, external_id in rows.values_list("pk", "external_id").iterator(chunk_size=10_000):
        if case in failed:
            yield testcase(name, external_id, "failure", "was right with the baseline, is wrong with the candidate")
        elif case not in compared:
            yield testcase(name, external_id, "skipped", "not scored for both")
        else:
            yield testcase(name, external_id, "", "")
    yield "  </testsuite>"
