"""Simulated units: as many as asked, doing what was asked, the same for the same seed."""

from collections import Counter
from typing import Any

import pytest

from experiments.services.live_tests.truths import SimulatedUnit, Truth, arm_of, deal, simulated
from tests.factories.live_tests_ import COMPLETION, make_plan

TRUTH = {"completion": Truth(control=0.713, treatment=0.789)}
CSAT: dict[str, Any] = {"key": "csat", "kind": "mean", "event": "csat_rated"}


def made(**fields: Any) -> list[SimulatedUnit]:
    said: dict[str, Any] = {"split": 0.2, "units": (620, 155), "truths": TRUTH, "exact": True, "seed": 1, **fields}
    plan = said.pop("plan", None) or make_plan(metrics=[COMPLETION, CSAT], routing={"split": 0.2, "salt": "x"})
    return simulated(plan, **said)


def completed(units: list[SimulatedUnit]) -> dict[str, int]:
    return dict(Counter(unit.arm for unit in units if any(act.event == "task_completed" for act in unit.acts)))


def test_exact_traffic_has_exactly_the_units_and_rates_asked_for() -> None:
    units = made()
    assert Counter(unit.arm for unit in units) == {"control": 620, "treatment": 155}
    assert completed(units) == {"control": round(0.713 * 620), "treatment": round(0.789 * 155)}


def test_every_unit_stands_in_the_arm_of_the_rule() -> None:
    plan = make_plan(routing={"split": 0.2, "salt": "x"})
    dealt = deal(plan, split=0.2, units=500, name="user", first=1)
    assert all(arm == arm_of(plan, unit, 0.2) for unit, arm in dealt)
    assert len({unit for unit, _ in dealt}) == 500


def test_the_same_seed_makes_the_same_traffic_and_another_one_other_units() -> None:
    assert made() == made()
    assert not {unit.unit_id for unit in made()} & {unit.unit_id for unit in made(seed=2)}


def test_drawn_traffic_varies_about_its_rate() -> None:
    found = completed(made(exact=False, units=(4000, 1000)))
    assert found["control"] / 4000 == pytest.approx(0.713, abs=0.03)
    assert found["treatment"] / 1000 == pytest.approx(0.789, abs=0.05)
    assert found != completed(made(exact=True, units=(4000, 1000)))


def test_values_have_the_mean_and_spread_asked_for() -> None:
    units = made(truths={"csat": Truth(control=4, treatment=4.5, sd=0.8)}, units=(4000, 1000))
    values = [
        act.value or 0 for unit in units if unit.arm == "control" for act in unit.acts if act.event == "csat_rated"
    ]
    mean = sum(values) / len(values)
    assert mean == pytest.approx(4, abs=0.06)
    assert (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5 == pytest.approx(0.8, abs=0.05)
    assert min(values) > 0


def test_each_kind_of_metric_gets_its_events() -> None:
    plan = make_plan(
        metrics=[
            {**COMPLETION, "at_least": 2},
            {"key": "turns", "kind": "mean", "event": "turn", "field": "count"},
            {"key": "p95", "kind": "quantile", "event": "call", "field": "properties.ms", "q": 0.95},
            {"key": "likes", "kind": "ratio", "event": "liked", "field": "count",
             "denominator": {"event": "answered", "field": "count"}},
            {"key": "spent", "kind": "mean", "event": "paid", "covariate": {"event": "paid_before", "days": 14}},
            {"key": "liked_once", "kind": "rate", "event": "liked"},
        ],
        segments=["country"],
    )  # fmt: skip
    units = made(plan=plan, units=40, split=0.5, truths={"completion": Truth(control=1, treatment=1)})
    events = Counter(act.event for unit in units for act in unit.acts)
    assert events["task_completed"] == 80
    assert events["call"] == 120
    assert 0 < events["liked"] < events["answered"]
    assert events["paid"] == events["paid_before"] == 40
    assert all(act.minutes < 0 for unit in units for act in unit.acts if act.event == "paid_before")
    assert all(act.properties["ms"] > 0 for unit in units for act in unit.acts if act.event == "call")
    assert {unit.attributes["country"] for unit in units} <= {"a", "b", "c"}


def test_a_truth_of_no_metric_is_refused() -> None:
    with pytest.raises(KeyError):
        made(truths={"other": Truth(control=0, treatment=1)})
