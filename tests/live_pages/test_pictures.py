"""What the script draws, and the same numbers as a table."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from experiments.reports.live.payload import Bin, ExposureChart, Guardrail, LivePayload, Point
from experiments.reports.live_page.forest import forest
from experiments.reports.live_page.metric_rows import GuardrailRow, rows_of
from experiments.reports.live_page.page import ResultPage
from experiments.reports.live_page.pictures import MOST_ROWS, bin_labels, distribution, exposures, over_time, thinned
from tests.factories.platform_ import NOW
from tests.live_pages.shown import COMPLETION, LATENCY, TURNS, make_payload, make_series


def test_the_course_of_a_rate_is_drawn_in_points_against_no_difference() -> None:
    drawing = over_time(make_payload(), "completed")
    assert drawing is not None
    assert drawing.kind == "band"
    assert drawing.data["unit"] == "points"
    assert drawing.data["levels"] == [0.0]
    first = drawing.data["points"][0]
    assert first[0] == int((NOW + timedelta(hours=6)).timestamp() * 1000)
    assert first[1] == 130
    assert drawing.rows[0][0] == NOW + timedelta(hours=6)
    assert "points" in drawing.rows[0][2]


def test_a_guardrail_is_drawn_against_its_margin_too_on_the_side_that_is_worse() -> None:
    drawing = over_time(make_payload(), "latency_p95")
    assert drawing is not None
    assert drawing.data["levels"] == [0.0, 200.0]
    better_high = Guardrail(
        metric="completed", title="", unit="", kind="rate", direction="higher", status="open", margin=0.02
    )
    drawing = over_time(make_payload(guardrails=(better_high,)), "completed")
    assert drawing is not None
    assert drawing.data["levels"] == [0.0, -0.02]


def test_wide_bounds_of_the_beginning_do_not_flatten_what_follows() -> None:
    drawing = over_time(make_payload(), "completed")
    assert drawing is not None
    widest = max(point[4] for point in drawing.data["points"])
    assert drawing.data["high"] < widest
    assert drawing.data["low"] < 0 < drawing.data["high"]


def test_without_times_the_course_is_drawn_over_units() -> None:
    series = make_series(COMPLETION)
    timeless = replace(series, points=tuple(replace(point, at=None) for point in series.points))
    drawing = over_time(make_payload(over_time=(timeless,)), "completed")
    assert drawing is not None
    assert drawing.data["x"] == "n"
    assert drawing.data["points"][1][0] == 260
    assert drawing.heads[0] == "Units"


def test_one_point_and_points_without_an_estimate_are_no_course() -> None:
    empty = Point(at=NOW, n=0, estimate=None, low=None, high=None)
    one = Point(at=NOW, n=10, estimate=0.1, low=0.0, high=0.2)
    for points in ((), (one,), (empty, one), (empty, empty)):
        series = replace(make_series(COMPLETION), points=points)
        assert over_time(make_payload(over_time=(series,)), "completed") is None
    assert over_time(make_payload(), "turns") is None
    assert over_time(make_payload(metrics=()), "completed") is None


def test_a_distribution_names_its_bins_and_counts_both_arms() -> None:
    drawing = distribution(make_payload(), "turns")
    assert drawing is not None
    assert drawing.data["labels"][0] == "0"
    assert drawing.data["labels"][-1] == "8 and more"
    assert drawing.data["names"] == ["control: support-v1", "treatment: support-v2"]
    assert drawing.rows[1] == ("1", "810 (18.0%)", "224 (18.8%)")
    assert distribution(make_payload(), "completed") is None


def test_bins_that_hold_a_range_begin_somewhere() -> None:
    bins = [Bin(low=low, high=low + 0.25, control=1, treatment=1) for low in (0.0, 0.25, 0.5)]
    assert bin_labels(bins) == ["from 0", "from 0.250", "0.500 and more"]
    assert bin_labels(bins[:1]) == ["from 0"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(3600, "hour"), (86400, "day"), (10800, "3 hours"), (900, "15 minutes")]
)
def test_exposures_say_how_long_a_step_is(seconds: int, words: str) -> None:
    chart = replace(make_payload().exposures_per_hour, step_seconds=seconds)
    drawing = exposures(make_payload(exposures_per_hour=chart))
    assert drawing is not None
    assert drawing.title == f"Exposures per {words}"
    assert len(drawing.data["times"]) == len(drawing.data["control"]) == len(drawing.data["treatment"]) == 72
    assert drawing.is_thinned
    assert exposures(make_payload(exposures_per_hour=ExposureChart())) is None


@pytest.mark.parametrize("n", [0, 1, MOST_ROWS, MOST_ROWS + 1, 1_000])
def test_a_long_table_is_thinned_evenly_and_keeps_its_ends(n: int) -> None:
    kept = thinned(range(n))
    assert len(kept) <= MOST_ROWS + 1
    assert kept == sorted(set(kept))
    assert kept[:1] == list(range(n))[:1]
    assert kept[-1:] == list(range(n))[-1:]


def test_the_forest_draws_what_has_a_relative_interval_and_names_the_rest() -> None:
    bare = replace(TURNS, relative=None, relative_low=None, relative_high=None)
    found = forest(rows_of(make_payload(metrics=(COMPLETION, bare, LATENCY))))
    assert found is not None
    assert [row.data.key for row in found.rows] == ["completed", "latency_p95"]
    assert [row.data.key for row in found.left_out] == ["turns"]
    assert found.low < 0 < found.high
    assert "Task completed better (+10.7%)" in found.caption
    assert forest(rows_of(make_payload(metrics=(bare,)))) is None


def test_a_forest_without_a_clear_metric_says_so() -> None:
    found = forest(rows_of(make_payload(metrics=(TURNS,))))
    assert found is not None
    assert found.caption == "For no metric a change is shown; the dashed line is none."


def test_rates_share_one_scale_and_others_have_their_own() -> None:
    small = replace(COMPLETION, key="liked", difference=0.001, ci_low=-0.001, ci_high=0.003)
    rows = {row.data.key: row for row in rows_of(make_payload(metrics=(COMPLETION, small, LATENCY)))}
    assert rows["completed"].reach == rows["liked"].reach == pytest.approx(1.1 * 0.0985)
    assert rows["latency_p95"].reach == pytest.approx(1.1 * 334)


def test_a_margin_lies_on_the_side_that_is_worse() -> None:
    guardrail = make_payload().guardrails[0]
    assert GuardrailRow(guardrail, 0.05).threshold == 200
    assert GuardrailRow(replace(guardrail, direction="higher"), 0.05).threshold == -200


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Better"),
        ({"blocked": True}, "INVALID"),
        ({"hidden": True}, "Hidden"),
        ({"blocked": True, "hidden": True}, "INVALID"),
        ({"metrics": ()}, "Too little data"),
        ({"metrics": (replace(COMPLETION, verdict="worse"),)}, "Worse"),
        ({"metrics": (replace(COMPLETION, verdict="no_difference_shown"),)}, "No difference shown"),
        ({"metrics": (replace(COMPLETION, verdict="undefined"),)}, "Too little data"),
    ],
)
def test_the_headline_has_one_word(fields: dict[str, Any], word: str) -> None:
    assert ResultPage(make_payload(**fields)).word == word


def test_what_is_wrong_with_the_data_comes_first() -> None:
    checks = [check.data.key for check in ResultPage(make_payload()).checks]
    assert checks[:2] == ["refused", "bots"]


def test_a_payload_survives_its_way_through_json() -> None:
    assert LivePayload.from_dict(make_payload().to_dict()) == make_payload()
