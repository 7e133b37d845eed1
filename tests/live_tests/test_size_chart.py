"""The size drawn against effect and power: inside its frame, with its finding in words and its numbers below."""

from typing import Any

import pytest

from experiments.reports.size_chart import HEIGHT, WIDTH, Axis, size_chart, size_words
from tests.factories.live_tests_ import make_plan


def test_the_finding_names_the_planned_effect_and_half_of_it() -> None:
    chart = size_chart(make_plan(baseline=0.713, method="fixed_horizon"))
    assert chart is not None
    assert chart.caption == "An effect of 5 pts takes 1,213 units per arm, one of 2.5 pts takes 5,001 at 80% power."


def test_lines_stand_inside_the_frame_and_the_planned_one_passes_through_the_point() -> None:
    chart = size_chart(make_plan(power=0.85))
    assert chart is not None
    assert [line.power for line in chart.from_top] == ["90%", "85%", "80%", "70%"]
    for line in chart.lines:
        places = [tuple(map(float, place.split(","))) for place in line.path.split()]
        assert all(0 <= across <= WIDTH and 0 <= down <= HEIGHT for across, down in places)
        if line.is_planned:
            assert min(abs(across - chart.point[0]) + abs(down - chart.point[1]) for across, down in places) < 1


def test_the_table_marks_the_planned_effect() -> None:
    chart = size_chart(make_plan())
    assert chart is not None
    [planned] = [row for row in chart.rows if row[2]]
    assert planned[0] == "5 pts"
    assert len(planned[1]) == len(chart.powers)


@pytest.mark.parametrize("fields", [{"baseline": 0.5, "mde": 0.49}, {"baseline": 0.99, "mde": 0.009}, {"mde": 0.0005}])
def test_an_effect_near_its_limit_is_drawn_as_far_as_it_goes(fields: dict[str, Any]) -> None:
    chart = size_chart(make_plan(**fields))
    assert chart is not None
    assert len(chart.up) >= 2


@pytest.mark.parametrize(("low", "high"), [(0.025, 0.1), (0.3, 0.31), (900, 91_000), (1, 1)])
def test_ticks_lie_on_their_axis(low: float, high: float) -> None:
    axis = Axis(low, high, 100)
    assert all(0 <= axis.at(tick) <= 100 for tick in axis.ticks())
    assert axis.ticks() == sorted(axis.ticks())


def test_long_numbers_are_short_beside_the_axis() -> None:
    assert [size_words(n) for n in (500, 5000, 50_000, 2_000_000)] == ["500", "5,000", "50k", "2M"]
