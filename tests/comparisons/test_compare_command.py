"""`manage.py compare` for people, programs and build servers."""

from io import StringIO
from xml.etree import ElementTree

import orjson
import pytest
from django.core.management import CommandError, call_command

from experiments.models import RunComparison
from experiments.reports.comparisons import junit
from tests.comparisons.compared import compute, make_comparison
from tests.factories.benchmarks_ import make_run_scorer, make_scored_run, make_scores
from tests.factories.experiments_ import make_case, make_eval_set

pytestmark = pytest.mark.django_db


def output(comparison: RunComparison, output_format: str) -> str:
    out = StringIO()
    runs = (str(comparison.baseline_run_id), str(comparison.candidate_run_id))
    call_command("compare", *runs, format=output_format, stdout=out)
    return out.getvalue()


def test_json_has_the_documented_keys() -> None:
    found = orjson.loads(output(make_comparison(), "json"))
    assert set(found) == {
        "id",
        "computed_at",
        "state",
        "headline",
        "is_valid",
        "experiment",
        "eval_set",
        "baseline",
        "candidate",
        "payload_version",
        "invalid_reasons",
        "coverage",
        "metrics",
        "not_compared",
        "regression",
        "latency",
        "tokens",
        "cost",
    }
    assert found["state"] == "no difference shown"
    assert found["metrics"][0]["table"] == {"both": 2, "only_baseline": 2, "only_candidate": 1, "neither": 1}


def test_it_computes_what_was_never_asked_for_and_only_once() -> None:
    eval_set = make_eval_set(n_cases=4)
    before, after = (make_scored_run(eval_set=eval_set, values=values) for values in ([1, 1, 1, 0], [1, 0, 0, 0]))
    out = StringIO()
    call_command("compare", str(before.pk), str(after.pk), format="json", stdout=out)
    [comparison] = RunComparison.objects.all()
    call_command("compare", str(before.pk), str(after.pk), format="json", stdout=StringIO())
    again = RunComparison.objects.get()
    assert (again.pk, again.computed_at) == (comparison.pk, comparison.computed_at)
    assert again.job is None


def test_text_is_for_a_terminal() -> None:
    text = output(make_comparison(), "text")
    for words in (
        "NO DIFFERENCE SHOWN",
        "only baseline 2, only candidate 1",
        "Regression test of",
        "plain point rule",
        "Latency, ms",
        "6 of 6 cases are paired",
    ):
        assert words in text, words


def test_an_invalid_comparison_says_so_in_each_form() -> None:
    comparison = make_comparison(errors={"3": "timeout"})
    assert "INVALID" in output(comparison, "text")
    assert "invalid (n" in output(comparison, "text")
    found = orjson.loads(output(comparison, "json"))
    assert found["is_valid"] is False
    assert found["regression"]["tests"][0]["suite"]["verdict"] == "invalid"
    suites = ElementTree.fromstring(output(comparison, "junit"))
    metrics = suites.find("testsuite[@name='metrics']")
    assert metrics is not None
    assert metrics.get("errors") == "1"


def test_junit_fails_what_was_right_and_is_wrong() -> None:
    suites = ElementTree.fromstring(output(make_comparison(errors={"6": "timeout"}), "junit"))
    cases = suites.find("testsuite[@name='cases: Exact match']")
    assert cases is not None
    counts = {name: cases.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "6", "failures": "2", "errors": "0", "skipped": "1"}
    assert len(cases) == 6
    failed = [case.get("name") for case in cases if case.find("failure") is not None]
    skipped = [case.get("name") for case in cases if case.find("skipped") is not None]
    assert (failed, skipped) == (["2", "3"], ["6"])


def test_junit_fails_no_build_for_what_only_explores() -> None:
    eval_set = make_eval_set(n_cases=20)
    runs = []
    for lost in (0, 12):
        run = make_scored_run(eval_set=eval_set, values=[1.0] * 20)
        values = [*([0.0] * lost), *([1.0] * (20 - lost))]
        make_scores(make_run_scorer(run, scorer="contains", is_primary=False), values)
        runs.append(run)
    suites = ElementTree.fromstring(output(compute(*runs), "junit"))
    metrics = suites.find("testsuite[@name='metrics']")
    assert metrics is not None
    assert (metrics.get("tests"), metrics.get("failures")) == ("2", "0")
    worse = compute(
        make_scored_run(eval_set=eval_set, values=[1.0] * 20), make_scored_run(eval_set=eval_set, values=[0.0] * 20)
    )
    primary = ElementTree.fromstring(output(worse, "junit")).find("testsuite[@name='metrics']")
    assert primary is not None
    assert primary.get("failures") == "1"


def test_junit_is_valid_xml_whatever_the_texts_are() -> None:
    eval_set = make_eval_set(name='<set> & "quotes" \x0b \ufffe', n_cases=0)
    ids = ["]]>", "\x01\x1f", "<a b='c'>", "\U0001f600 \u0085", 'say "x"', "tab\tnew\nline"]
    for position, external_id in enumerate(ids):
        make_case(eval_set=eval_set, position=position, external_id=external_id, category="<&>\x02")
    runs = [make_scored_run(eval_set=eval_set, values=[value] * 6) for value in (1.0, 0.0)]
    out = StringIO()
    call_command("compare", *(str(run.pk) for run in runs), format="junit", stdout=out)
    names = [case.get("name") for case in ElementTree.fromstring(out.getvalue()).iter("testcase")]
    assert "]]>" in names
    assert "<a b='c'>" in names
    assert "tab\tnew\nline" in names
    assert "\ufffd\ufffd" in names


def test_every_character_becomes_valid_xml() -> None:
    for start in range(0, 0x11000, 0x800):
        text = "".join(map(chr, range(start, start + 0x800)))
        element = ElementTree.fromstring(
            f"<a b={junit.attribute(text)}>{junit.text(text)}</a>".encode("utf-8", "strict")
        )
        assert element.tag == "a"


@pytest.mark.parametrize("other", ["nonsense", "00000000-0000-4000-8000-000000000007"])
def test_a_run_that_is_not_there_is_told_with_the_way_out(other: str) -> None:
    run = make_scored_run(eval_set=make_eval_set(), values=[1, 0, 1])
    with pytest.raises(CommandError, match="run"):
        call_command("compare", str(run.pk), other)


def test_other_versions_are_refused() -> None:
    runs = [make_scored_run(eval_set=make_eval_set(), values=[1, 0, 1]) for _ in range(2)]
    with pytest.raises(CommandError, match="Only runs of one version"):
        call_command("compare", *(str(run.pk) for run in runs))
