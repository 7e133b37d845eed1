"""Numbers in words, axes of round width, and guardrails against their margins."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from experiments.reports.live.cells import Cell, Stratum
from experiments.reports.live.contrasts import contrast
from experiments.reports.live.distributions import Axis, axis
from experiments.reports.live.guardrails import guardrail
from experiments.reports.live.headlines import headline, stop_because
from experiments.reports.live.health import lasting
from experiments.reports.live.over_time import slots_of
from experiments.reports.live.payload import MetricRow, PerArm
from experiments.reports.live.wording import MINUS, change, number, probability, span, value
from tests.factories.live_tests_ import COMPLETION, make_plan


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (12, "12"),
        (1.234, "1.23"),
        (123.456, "123.5"),
        (12345.6, "12,346"),
        (0.0123, "0.012"),
        (-2.5, f"{MINUS}2.50"),
    ],
)
def test_numbers_have_as_many_digits_as_can_be_read(amount: float, text: str) -> None:
    assert number(amount) == text


def test_rates_are_percent_and_their_differences_points() -> None:
    assert value(0.7131, "rate") == "71.3%"
    assert change(0.0759, "rate") == "+7.6 points"
    assert change(-0.0001, "rate") == f"{MINUS}0.01 points"
    assert span(0.052, -0.099, "rate") == f"+5.2 to {MINUS}9.9 points"
    assert value(None, "rate") == "–"
    assert span(None, 1.0, "mean") == "no interval"
    assert change(12.0, "mean", "ms") == "+12 ms"


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0744, "p = .074"), (1.8e-9, "p = 1.8e-9"), (1e-20, "p < 1e-12"), (1.0, "p = 1.000"), (None, "no p-value")],
)
def test_a_p_value_is_never_zero(p: float | None, text: str) -> None:
    assert probability(p) == text


def test_times_are_told_in_the_largest_unit_that_fits() -> None:
    told = [lasting(seconds) for seconds in (0, 0.4, 59, 300, 7300, 200_000, -5)]
    assert told == ["0 seconds", "0.4 seconds", "59 seconds", "5 minutes", "2 hours", "2 days", "0 seconds"]


def test_axes_have_round_widths_and_an_open_end() -> None:
    assert axis(0, 3, 3, whole=True) == Axis(0, 1.0, 4)
    assert axis(0, 90, 40_000, whole=True) == Axis(0, 5.0, 19)
    drawn = axis(0.2, 11.3, 50, whole=False)
    assert (drawn.low, drawn.width) == (0.0, 0.5)
    assert drawn.edges()[-1][1] >= 11.3
    assert axis(4.5, 4.5, 4.5, whole=False).n == 1


def test_exposures_at_one_moment_cannot_be_cut_into_stretches() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert slots_of(now, now) is None
    assert slots_of(None, None) is None
    assert slots_of(now, now + timedelta(hours=1)) is not None


def judged(control: float, treatment: float, *, n: int = 5000, hidden: bool = False, **fields: Any) -> Any:
    crashes = {**COMPLETION, "key": "crashes", "role": "guardrail", "direction": "lower", **fields}
    plan = make_plan(metrics=[COMPLETION, crashes])
    cells = (Stratum(Cell(n=n, y=control), Cell(n=n, y=treatment)),)
    metric = plan.metric("crashes")
    return guardrail(metric, contrast(metric, cells, alpha=0.05), plan, hidden=hidden)


def test_a_margin_may_be_a_share_of_control() -> None:
    found = judged(0.2, 0.23, margin=0.5, margin_is_relative=True)
    assert (found.margin, found.status) == (pytest.approx(0.1), "kept")
    assert judged(0.2, 0.21, n=800, margin=0.01, margin_is_relative=True).status == "open"


def test_a_margin_that_is_a_share_of_control_is_as_unsure_as_control() -> None:
    """Five times a control of 1% is 5%, give or take five times its error: 5.8% has not passed it yet."""
    large: dict[str, Any] = {"n": 20_000, "margin_is_relative": True}
    assert judged(0.01, 0.058, margin=4.0, **large).status == "open"
    assert judged(0.01, 0.068, margin=4.0, **large).status == "breached"
    assert judged(0.01, 0.058, n=20_000, margin=0.04).status == "breached"  # four points are four points
    fallen: dict[str, Any] = {"n": 20_000, "margin_is_relative": True, "direction": "higher"}
    assert judged(0.5, 0.1, margin=0.75, **fallen).status == "breached"
    assert judged(0.5, 0.14, margin=0.75, **fallen).status == "kept"


def test_without_a_margin_any_shown_worsening_is_a_breach() -> None:
    assert judged(0.2, 0.3).status == "breached"
    assert judged(0.3, 0.2).status == "kept"
    assert judged(0.2, 0.2).status == "open"


def test_where_higher_is_better_a_fall_is_the_worsening() -> None:
    found = judged(0.3, 0.2, direction="higher")
    assert found.status == "breached"
    assert found.difference == pytest.approx(-0.1)
    assert found.ci_low < -0.1 < found.ci_high < 0


def test_hidden_guardrails_tell_a_breach_and_nothing_else() -> None:
    assert [judged(0.3, 0.2, hidden=True).status, judged(0.2, 0.2, hidden=True).status] == ["watched", "watched"]
    assert judged(0.3, 0.2, hidden=True).difference is None
    assert judged(0.2, 0.3, hidden=True).status == "breached"


def test_too_few_units_judge_nothing() -> None:
    assert judged(0.1, 0.9, n=60).status == "undefined"


@pytest.mark.parametrize("decides", [True, False])
def test_the_headline_and_stop_now_say_what_the_verdict_says(decides: bool) -> None:
    plan = make_plan(method="confidence_sequence")
    row = MetricRow(
        key="completion",
        title="Completion",
        role="primary",
        kind="rate",
        control=0.3,
        treatment=0.4,
        difference=0.1,
        ci_low=0.01,
        ci_high=0.2,
        p_value=0.0301,
        p_corrected=0.0302 if decides else 0.06,
        significant=decides,
        verdict="better" if decides else "no_difference_shown",
    )
    stop = stop_because(row, plan, status="running", reached=False, blocked=False, guardrails=())
    assert bool(stop) == decides
    exposed = PerArm(control=100, treatment=100)
    told = headline(row, plan, exposed=exposed, hidden_why="", blocked_why="", guardrails=(), running=True)
    assert told.endswith(probability(row.p_corrected) + ".")  # the p that decides
    assert ("better" in told) == decides
