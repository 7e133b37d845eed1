"""How values, differences and p are written on the pages of live tests."""

import pytest

from experiments.reports.live_page.words import Writer, digits_for, p_words, share, share_span


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1.8e-9, "1.8e-9"),
        (1.84e-10, "1.8e-10"),
        (0.0744, ".0744"),
        (0.00155, ".00155"),
        (0.633, ".633"),
        (0.0086, ".0086"),
        (0.00099, "9.9e-4"),
        (1.0, "1"),
        (0.99999, "1"),
        (0.0, "< 1e-300"),
        (None, "–"),
    ],
)
def test_p_has_three_figures_and_is_never_nought(p: float | None, words: str) -> None:
    assert p_words(p) == words


def test_a_rate_is_told_in_percent_and_its_difference_in_points() -> None:
    rate = Writer("rate")
    assert rate.value(0.789) == "78.9%"
    assert rate.difference(0.076) == "+7.6\N{NO-BREAK SPACE}points"
    assert rate.difference(-0.0452) == "\N{MINUS SIGN}4.5\N{NO-BREAK SPACE}points"
    assert rate.span(0.0521, 0.0987) == "+5.2 to +9.9\N{NO-BREAK SPACE}points"


def test_what_is_no_rate_keeps_its_unit_and_as_many_digits_as_its_interval_needs() -> None:
    latency = Writer("quantile", "ms")
    assert latency.value(1840.2) == "1,840\N{NO-BREAK SPACE}ms"
    assert latency.difference(272.0, 211.0, 334.0) == "+272\N{NO-BREAK SPACE}ms"
    turns = Writer("mean")
    assert turns.difference(-0.11, -0.29, 0.07) == "\N{MINUS SIGN}0.110"
    assert turns.span(-0.29, 0.07) == "\N{MINUS SIGN}0.290 to +0.070"


@pytest.mark.parametrize(
    ("values", "digits"), [((0.29, 0.07), 3), ((52.4,), 1), ((1840.0,), 0), ((0.0000001,), 6), ((None,), 0), ((), 0)]
)
def test_digits_show_three_figures_of_the_largest(values: tuple[float | None, ...], digits: int) -> None:
    assert digits_for(*values) == digits


def test_what_is_not_defined_is_a_dash_and_no_interval() -> None:
    for writer in (Writer("rate"), Writer("mean", "turns")):
        assert writer.value(None) == writer.difference(None) == "–"
        assert writer.span(None, 0.1) == writer.span(0.1, None) == "no interval"
    assert share(None) == "–"
    assert share_span(None, None) == "no interval"


def test_nothing_is_written_as_minus_nought() -> None:
    assert Writer("rate").difference(-0.00001) == "+0.0\N{NO-BREAK SPACE}points"
    assert share(-0.00001) == "+0.0%"


def test_an_end_that_is_all_but_nought_still_shows_on_which_side_it_lies() -> None:
    assert Writer("rate").span(-0.0368, -0.00033) == "\N{MINUS SIGN}3.68 to \N{MINUS SIGN}0.03\N{NO-BREAK SPACE}points"
    assert share_span(0.0004, 0.087) == "+0.04 to +8.70%"
    assert share_span(0.0, 0.087) == "+0.0 to +8.7%"
    assert share_span(-0.0000001, 0.087) == "+0.000 to +8.700%"
