"""A finding in one word and one sentence."""

from typing import Any

import pytest

from experiments.reports.comparisons.headline import headline, overall, sentence


def metric(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "title": "Exact match",
        "unit": "share",
        "is_primary": True,
        "direction": "worse",
        "n": 1319,
        "p_adjusted": 0.0032,
        "baseline": {"estimate": 0.3904},
        "candidate": {"estimate": 0.3472},
        "difference": {"estimate": -0.0432, "ci_low": -0.0715, "ci_high": -0.0151, "p_value": 0.0032},
    }
    return {**values, **fields}


def payload(*metrics: dict[str, Any], reasons: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"metrics": list(metrics), "invalid_reasons": list(reasons)}


def test_the_sentence_holds_both_figures_interval_p_and_n() -> None:
    assert sentence(metric()) == (
        "Exact match 34.7% against 39.0%: −4.3 pts (95% interval −7.1 to −1.5 pts, p = .003, n 1,319)"
    )


def test_other_units_are_named() -> None:
    words = sentence(
        metric(
            title="Latency",
            unit="ms",
            baseline={"estimate": 1200.0},
            candidate={"estimate": 900.0},
            difference={"estimate": -300.0, "ci_low": -350.0, "ci_high": -250.0, "p_value": None},
            p_adjusted=None,
        )
    )
    assert words == "Latency 900 against 1,200 ms: −300 (95% interval −350 to −250, n 1,319)"


def test_what_is_undefined_is_said() -> None:
    undefined = {"estimate": None, "ci_low": None, "ci_high": None, "p_value": None}
    assert "no case has a value of both" in sentence(metric(difference=undefined))


@pytest.mark.parametrize(
    ("directions", "word"),
    [
        (["better", "no difference shown"], "better"),
        (["better", "worse"], "mixed"),
        (["no difference shown", "no evidence"], "no difference shown"),
        (["no evidence"], "no evidence"),
        ([], "no evidence"),
        (["different", "better"], "mixed"),
    ],
)
def test_several_primary_metrics_make_one_word(directions: list[str], word: str) -> None:
    assert overall(directions) == word


def test_only_primary_metrics_decide() -> None:
    found = headline(payload(metric(), metric(is_primary=False, direction="better")))
    assert (found.state, found.tag, found.tone) == ("worse", "failed", "failed")


def test_without_a_primary_metric_the_first_one_speaks() -> None:
    assert headline(payload(metric(is_primary=False))).state == "worse"


def test_invalid_comes_before_everything_and_keeps_the_figures_for_orientation() -> None:
    found = headline(payload(metric(), reasons=("Too many errors.",)))
    assert found.state == "INVALID"
    assert found.sentence.startswith("Too many errors. For orientation only: Exact match 34.7%")


def test_nothing_compared_has_nothing_to_say() -> None:
    assert headline(payload()).state == "no evidence"
