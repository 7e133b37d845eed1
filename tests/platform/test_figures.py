import pytest

from evalsite.platform.templatetags.figures import bare, count, duration, figure, p_value, span


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.584, "percent", "58.4%"),
        (0, "percent", "0.0%"),
        (0.081, "points", "+8.1 pts"),
        (-0.012, "points", "−1.2 pts"),
        (0.7149, "coefficient", ".71"),
        (-0.11, "coefficient", "−.11"),
        (0.999, "coefficient", "1.00"),
        (1, "coefficient", "1.00"),
        (1.1, "ratio", "1.10 ×"),
        (1234.5, "number", "1,234.50"),
        (100000, "count", "100,000"),
        (2.25, "seconds", "2.2 s"),
        (None, "percent", "–"),
    ],
)
def test_a_figure_is_written_in_its_unit(value: float | None, unit: str, text: str) -> None:
    assert figure(value, unit) == text


def test_a_span_names_its_unit_once() -> None:
    assert span(0.539, 0.628, "percent") == "53.9 to 62.8%"
    assert span(-0.11, 0.27, "coefficient") == "−.11 to .27"


def test_half_an_interval_is_none() -> None:
    assert span(None, 0.6, "percent") == "no interval"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.0, "p < .001"), (0.00099, "p < .001"), (0.032, "p = .032"), (1.0, "p = 1.000")]
)
def test_p_is_never_written_as_zero(value: float | None, text: str) -> None:
    assert p_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (90, "2 min"),
        (3599, "1 h"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (4 * 86400, "4 days"),
    ],
)
def test_durations_are_said_as_a_person_would(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_counts_have_their_thousands_marked() -> None:
    assert count(1_000_000) == "1,000,000"


def test_a_negative_zero_has_no_sign() -> None:
    assert bare(-0.0001, "percent") == "0.0"
