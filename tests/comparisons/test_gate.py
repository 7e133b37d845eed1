"""When a comparison is INVALID, for which reason, with which way out, and what it withholds then."""

from typing import Any

import pytest

from tests.comparisons.payloads import payload_of
from tests.factories.benchmarks_ import (
    make_called_model,
    make_items,
    make_run,
    make_run_scorer,
    make_scored_run,
    make_scores,
)
from tests.factories.experiments_ import make_case, make_eval_set, make_model_version

pytestmark = pytest.mark.django_db


def test_errors_leave_the_pairs_and_are_counted_by_class() -> None:
    eval_set = make_eval_set(n_cases=4)
    before = make_scored_run(eval_set=eval_set, values=[1, 1, 0, 0])
    after = make_scored_run(eval_set=eval_set, values=[1, 0, 1, 0], errors={"2": "timeout", "3": "http_5xx"})
    payload = payload_of([before, after])
    coverage = payload["coverage"]
    assert (coverage["n_cases"], coverage["n_paired"], coverage["only_baseline"]) == (4, 2, 2)
    assert coverage["candidate"]["error_share"] == 0.5
    assert {(one["class"], one["n"]) for one in coverage["candidate"]["error_classes"]} == {
        ("timeout", 1),
        ("http_5xx", 1),
    }
    [reason] = payload["invalid_reasons"]
    assert "2 of 4 cases of the candidate (50.0%, more than 1%)" in reason
    assert "no answer in time" in reason
    [metric] = payload["metrics"]
    assert metric["n"] == 2
    assert metric["table"] == {"both": 1, "only_baseline": 0, "only_candidate": 0, "neither": 1}


def test_one_error_in_a_hundred_is_still_valid() -> None:
    eval_set = make_eval_set(n_cases=100)
    before = make_scored_run(eval_set=eval_set, values=[1.0] * 100)
    after = make_scored_run(eval_set=eval_set, values=[1.0] * 100, errors={"7": "timeout"})
    assert payload_of([before, after])["invalid_reasons"] == []
    worse = make_scored_run(eval_set=eval_set, values=[1.0] * 100, errors={"7": "timeout", "8": "empty"})
    assert len(payload_of([before, worse])["invalid_reasons"]) == 1


def with_lost_scores(n: int, *, before: int = 0, after: int = 0, both: int = 0, **fields: Any) -> dict[str, Any]:
    """Scores are missing for the first `both` cases in both runs, then for `before` and `after` in one of them."""
    eval_set = make_eval_set(n_cases=n)
    lost = [None] * both
    values = (
        [*lost, *([None] * before), *([1.0] * (n - both - before))],
        [*lost, *([1.0] * before), *([None] * after), *([1.0] * (n - both - before - after))],
    )
    return payload_of([make_scored_run(eval_set=eval_set, values=arm, **fields) for arm in values])


def test_scores_that_only_one_run_has_make_it_invalid_above_one_percent() -> None:
    assert with_lost_scores(100, after=1)["invalid_reasons"] == []
    payload = with_lost_scores(100, before=2, after=38)
    [reason] = payload["invalid_reasons"]
    assert "no score to compare for 40 of 100 cases" in reason
    assert "missing for 2 of the baseline, 38 of the candidate" in reason
    assert payload["metrics"][0]["n"] == 60
    assert payload["metrics"][0]["n_unscored"] == 40


def test_a_service_that_answered_for_neither_run_makes_it_invalid() -> None:
    [reason] = with_lost_scores(100, both=2, scorer="rubric")["invalid_reasons"]
    assert "2 of both" in reason
    assert "score both runs by it with another deadline" in reason


def test_what_a_scorer_has_nothing_to_say_of_is_not_lost() -> None:
    payload = with_lost_scores(100, both=60)
    assert payload["invalid_reasons"] == []
    assert payload["metrics"][0]["lost_scores"]["without_both"] == 0


def test_cases_too_long_for_a_scorer_are_lost() -> None:
    eval_set = make_eval_set(n_cases=50)
    values = [None, None, *([0.5] * 48)]
    reasons = [{"reason": "a text of more than 100,000 characters is not compared"}] * 50
    runs = []
    for _ in range(2):
        run = make_run(eval_set=eval_set)
        make_items(run)
        make_scores(make_run_scorer(run, scorer="rouge_l"), values, with_pass_mark=False, details=reasons)
        runs.append(run)
    [reason] = payload_of(runs)["invalid_reasons"]
    assert "2 of 50 cases" in reason


def test_a_secondary_scorer_may_lose_scores() -> None:
    eval_set = make_eval_set(n_cases=10)
    runs = []
    for lost in (0, 5):
        run = make_scored_run(eval_set=eval_set, values=[1.0] * 10)
        values = [*([None] * lost), *([1.0] * (10 - lost))]
        make_scores(make_run_scorer(run, scorer="rubric", is_primary=False), values)
        runs.append(run)
    assert payload_of(runs)["invalid_reasons"] == []


def test_an_invalid_comparison_has_no_verdict_of_the_regression_test() -> None:
    eval_set = make_eval_set(n_cases=0)
    for position in range(100):
        make_case(eval_set=eval_set, position=position, category=str(position % 2))
    before = make_scored_run(eval_set=eval_set, values=[1.0] * 100)
    after = make_scored_run(eval_set=eval_set, values=[0.0] * 100, errors={"1": "timeout", "2": "timeout"})
    [test] = payload_of([before, after])["regression"]["tests"]
    for row in (test["suite"], *test["categories"]):
        assert (row["verdict"], row["for_orientation"], row["more"]) == ("invalid", "regression shown", None)


@pytest.mark.parametrize(
    ("error", "way_out", "is_imported"),
    [
        ("timeout", "Try the errors of that run again", False),
        ("truncated", "a version of the model that may write longer ones", False),
        ("filtered", "lift the filter", False),
        ("missing", "import a file that answers every case", True),
        ("truncated", "import a file that answers every case", True),
    ],
)
def test_the_way_out_is_one_that_there_is(error: str, way_out: str, is_imported: bool) -> None:
    eval_set = make_eval_set(n_cases=4)
    before = make_scored_run(eval_set=eval_set, values=[1, 1, 0, 0])
    model = make_model_version() if is_imported else make_called_model()
    after = make_scored_run(eval_set=eval_set, values=[1, 0, 1, 0], errors={"2": error}, model_version=model)
    [reason] = payload_of([before, after])["invalid_reasons"]
    assert way_out in reason
    assert ("Try the errors" in reason) == (error == "timeout")


def test_a_case_that_never_ran_counts_as_an_error() -> None:
    eval_set = make_eval_set(n_cases=2)
    before = make_scored_run(eval_set=eval_set, values=[1, 0])
    after = make_scored_run(eval_set=eval_set, values=[1, 0])
    after.items.order_by("-pk").first().delete()  # type: ignore[union-attr]
    coverage = payload_of([before, after])["coverage"]
    assert coverage["candidate"]["error_classes"] == [{"class": "not_run", "words": "never run", "n": 1}]


def test_scorers_of_other_parameters_are_not_compared() -> None:
    eval_set = make_eval_set(n_cases=2)
    before = make_scored_run(eval_set=eval_set, values=[1, 0])
    after = make_scored_run(eval_set=eval_set, values=[1, 0])
    before.scorers.update(fingerprint="a" * 64)
    payload = payload_of([before, after])
    assert payload["metrics"] == []
    assert payload["not_compared"][0]["key"] == "exact_match"
    assert any("No scorer" in reason for reason in payload["invalid_reasons"])
