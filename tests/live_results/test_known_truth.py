"""A test whose truth is known to the last digit: 6,200 and 1,550 units, 71.3% and 78.9% completed."""

from datetime import timedelta
from typing import Any

import pytest

from experiments.models import LiveTest
from tests.factories.live_results_ import fill, first, result_of
from tests.factories.live_tests_ import COMPLETION, make_live_test
from tests.factories.platform_ import NOW

ESCALATION: dict[str, Any] = {
    "key": "escalation",
    "title": "Escalation",
    "role": "secondary",
    "kind": "rate",
    "event": "escalated",
    "direction": "lower",
}
CONTROL, TREATMENT = 4421, 1223


def support_bot() -> LiveTest:
    live_test = make_live_test(
        routing={"salt": "a1b2", "split": 0.2},
        metrics=[COMPLETION, ESCALATION],
        method="fixed_horizon",
        n_per_arm=1550,
        baseline=0.713,
        mde=0.04,
        small_reason="as published",
    )
    week = timedelta(days=7)
    fill(
        live_test,
        "control",
        6200,
        {"completion": first(CONTROL), "escalation": first(6200 - CONTROL)},
        spread=week,
        prefix="a",
    )
    fill(
        live_test,
        "treatment",
        1550,
        {"completion": first(TREATMENT), "escalation": first(1550 - TREATMENT)},
        spread=week,
    )
    return live_test


@pytest.mark.django_db
def test_the_page_prints_the_true_z_p_and_interval() -> None:
    payload = result_of(support_bot(), now=NOW + timedelta(days=8))
    row = payload.primary
    assert row is not None
    assert (row.control_n, row.treatment_n) == (6200, 1550)
    assert (row.control, row.treatment) == (CONTROL / 6200, TREATMENT / 1550)
    assert row.z == pytest.approx(6.01, abs=0.005)
    assert row.p_value == pytest.approx(1.8e-9, rel=0.03)
    assert [row.ci_low, row.ci_high] == pytest.approx([0.052, 0.099], abs=5e-4)
    assert row.p_corrected is None  # the plan's size was computed for this one test
    assert (row.significant, row.verdict) == (True, "better")
    assert payload.headline.startswith("Task completion is higher with treatment, which is better: 78.9% against 71.3%")
    assert "p = 1.8e-9" in payload.headline

    escalation = payload.metric("escalation")
    assert escalation is not None  # its complement
    assert escalation.p_value == pytest.approx(row.p_value)
    assert escalation.difference == pytest.approx(-(row.difference or 0))
    assert escalation.verdict == "better"
