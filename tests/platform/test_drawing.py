import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsite.platform import drawing

COUNTS = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 10_000_000), max_size=6)


def test_a_scale_puts_values_between_its_ends() -> None:
    scale = drawing.Scale(-1, 1, width=100)
    assert [scale.at(value) for value in (-1, 0, 0.5, 1)] == [0, 50, 75, 100]


@pytest.mark.parametrize(("value", "place"), [(-7.0, 0.0), (7.0, 100.0)])
def test_what_lies_outside_is_drawn_at_the_end(value: float, place: float) -> None:
    assert drawing.Scale(0, 1, width=100).at(value) == place


@pytest.mark.parametrize(("low", "high"), [(1, 1), (1, 0), (float("nan"), 1)])
def test_a_scale_without_extent_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="lower to a higher"):
        drawing.Scale(low, high)


def test_an_interval_has_its_parts_in_order() -> None:
    place = drawing.interval(
        estimate=0.584, ci_low=0.539, ci_high=0.628, threshold=0.5, scale=drawing.Scale(0, 1, width=1000)
    )
    assert place == drawing.Interval(point=584, start=539, end=628, threshold=500)


def test_what_is_undefined_is_not_drawn() -> None:
    place = drawing.interval(estimate=None, ci_low=None, ci_high=0.6, threshold=None, scale=drawing.Scale(0, 1))
    assert place == drawing.Interval(point=None, start=None, end=None, threshold=None)


def test_a_split_lays_the_shares_side_by_side() -> None:
    candidate, tie, baseline = drawing.split({"candidate": 50, "tie": 25, "baseline": 25}, width=200)
    assert (candidate.x, candidate.width, candidate.share) == (0, 100, 0.5)
    assert (tie.x, tie.width) == (100, 50)
    assert (baseline.x, baseline.width) == (150, 50)


@given(COUNTS)
def test_a_split_fills_its_bar_exactly_or_is_empty(counts: dict[str, int]) -> None:
    parts = drawing.split(counts, width=200)
    if sum(counts.values()) == 0:
        assert parts == []
    else:
        assert sum(part.width for part in parts) == pytest.approx(200, abs=0.05)
        assert sum(part.share for part in parts) == pytest.approx(1)
        assert [part.x for part in parts] == sorted(part.x for part in parts)


def test_the_highest_column_fills_the_chart() -> None:
    low, high = drawing.columns([("8:00", 5), ("9:00", 10)], width=200, height=100, gap=0.2)
    assert (low.x, low.width, low.y, low.height) == (10, 80, 50, 50)
    assert (high.x, high.y, high.height) == (110, 0, 100)


def test_columns_of_nothing_lie_on_the_base_line() -> None:
    (column,) = drawing.columns([("8:00", 0)], width=200, height=100)
    assert (column.y, column.height) == (100, 0)
    assert drawing.columns([], width=200, height=100) == []


@pytest.mark.parametrize(
    ("kappa", "level"),
    [(None, "unknown"), (-0.1, "negative"), (0, "1"), (0.4, "2"), (0.61, "3"), (0.8, "4"), (1, "4")],
)
def test_shades_follow_the_usual_words_for_kappa(kappa: float | None, level: str) -> None:
    assert drawing.heat_level(kappa) == level
