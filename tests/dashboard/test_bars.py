"""The bar of a criterion: one threshold through all rows, the better side on the right."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsite.platform import drawing
from experiments.reports.dashboard.bars import MIDDLE, bar_of
from tests.dashboard.shown import criterion, latency, target

NUMBER = st.floats(-5, 5, allow_nan=False)


def test_the_threshold_is_always_in_the_middle() -> None:
    assert {bar_of(one).place.threshold for one in (criterion(), target(), latency())} == {MIDDLE}


def test_what_is_met_lies_right_of_the_threshold_whichever_way_is_better() -> None:
    for one in (target(), latency()):
        place = bar_of(one).place
        assert place.point is not None
        assert place.start is not None
        assert MIDDLE < place.start < place.point


def test_an_interval_over_the_threshold_is_drawn_over_it() -> None:
    place = bar_of(criterion()).place
    assert place.start is not None
    assert place.end is not None
    assert place.start < MIDDLE < place.end


def test_the_value_it_must_lie_beyond_has_a_mark_of_its_own() -> None:
    beyond = bar_of(criterion()).beyond
    assert beyond is not None
    assert beyond < MIDDLE
    assert bar_of(target()).beyond is None
    assert bar_of(criterion(shown_beyond=0.6)).beyond is None


def test_without_evidence_only_the_threshold_is_drawn() -> None:
    bar = bar_of(criterion(estimate=None, ci_low=None, ci_high=None, shown_beyond=None, status="no_evidence"))
    assert (bar.place.point, bar.place.start, bar.place.end) == (None, None, None)
    assert bar.words == "threshold at least 60%, no evidence"


def test_half_an_interval_is_not_drawn_as_a_whole_one() -> None:
    assert bar_of(criterion(ci_high=None)).place.start is None


def test_a_hair_beside_the_threshold_is_not_drawn_as_a_mile() -> None:
    place = bar_of(target(estimate=0.051, ci_low=0.05, ci_high=0.052)).place
    assert place.point is not None
    assert place.point - MIDDLE < drawing.WIDTH / 40


def test_it_says_in_words_what_it_draws() -> None:
    said = "58.4%, 95% interval 53.9 to 62.8%, threshold at least 60%, undecided"
    assert bar_of(criterion()).words == said


@given(estimate=NUMBER, low=NUMBER, high=NUMBER, threshold=NUMBER, direction=st.sampled_from(["at_least", "at_most"]))
def test_it_stays_inside_its_frame_and_keeps_the_order_of_its_parts(
    estimate: float, low: float, high: float, threshold: float, direction: str
) -> None:
    low, estimate, high = sorted((low, estimate, high))
    one = target(estimate=estimate, ci_low=low, ci_high=high, threshold=threshold, direction=direction)
    place = bar_of(one).place
    assert place.start is not None
    assert place.point is not None
    assert place.end is not None
    assert 0 <= place.start <= place.point <= place.end <= drawing.WIDTH


@given(estimate=NUMBER, threshold=NUMBER)
def test_the_other_direction_is_the_mirror_image(estimate: float, threshold: float) -> None:
    one = target(estimate=estimate, ci_low=None, ci_high=None, threshold=threshold)
    here, there = bar_of(one).place.point, bar_of(replace(one, direction="at_most")).place.point
    assert here is not None
    assert there is not None
    assert here + there == pytest.approx(drawing.WIDTH, abs=0.02)
