"""A plan read from JSON, written as canonical JSON, and sized."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.live_plan import Metric, Plan, PlanRefused, curves, days_for, inflation, metrics_of, planned_size
from experiments.stats import power
from tests.factories.live_tests_ import COMPLETION, make_plan

CSAT: dict[str, Any] = {"key": "csat", "role": "primary", "kind": "mean", "event": "csat_rated"}
LATENCY: dict[str, Any] = {
    "key": "latency",
    "role": "guardrail",
    "kind": "quantile",
    "event": "call",
    "field": "properties.ms",
    "q": 0.95,
    "direction": "lower",
    "margin": 0.1,
    "margin_is_relative": True,
}


def problems(**fields: Any) -> dict[str, str]:
    with pytest.raises(PlanRefused) as refusal:
        make_plan(**fields)
    return {problem.field: problem.reason for problem in refusal.value.problems}


def test_a_plan_reads_back_what_it_writes() -> None:
    ratio = {"key": "r", "kind": "ratio", "event": "liked", "denominator": {"event": "answered", "field": "count"}}
    covered = {**CSAT, "role": "secondary", "covariate": {"event": "csat_rated", "days": 28}, "cap": 5}
    plan = make_plan(metrics=[COMPLETION, LATENCY, ratio, covered], segments=["country"], method="group_sequential")
    again = Plan.from_dict(json.loads(plan.canonical()))
    assert (again, again.sha256) == (plan, plan.sha256)


def test_the_hash_is_the_same_on_every_machine_and_for_ever() -> None:
    plan = make_plan(n_per_arm=2395, days=14)
    assert plan.canonical().startswith(b'{"alpha":0.05,"baseline":0.7,"baseline_sd":null,"bot_events_per_day":1000,')
    assert b": " not in plan.canonical().split(b'"formula"')[0]
    assert plan.sha256 == make_plan(n_per_arm=2395.0, alpha=0.05, days=14).sha256
    assert plan.sha256 != make_plan(n_per_arm=2396, days=14).sha256


def test_a_whole_number_stays_itself_whether_json_wrote_it_as_one_or_not() -> None:
    """PostgreSQL gives 5.0 back as 5.0, and JavaScript writes it as 5."""
    assert make_plan(metrics=[CSAT], baseline=4, baseline_sd=1, mde=1).sha256 == (
        make_plan(metrics=[CSAT], baseline=4.0, baseline_sd=1.0, mde=1.0).sha256
    )


@settings(max_examples=40)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda part: st.lists(part)))
def test_whatever_stands_in_a_field_it_is_read_or_refused(value: Any) -> None:
    for field in ("alpha", "routing", "metrics", "segments", "days", "n_per_arm", "method", "unit", "mde", "q"):
        with suppress(PlanRefused):
            plan = make_plan(**{field: value})
            assert Plan.from_dict(json.loads(plan.canonical())) == plan


def test_every_problem_is_named_at_once() -> None:
    found = problems(metrics=[{"kind": "quantile"}], alpha=2, unknown=1)
    assert set(found) == {"alpha", "unknown", "metrics", "metrics.0.key", "metrics.0.event", "metrics.0.q"}


@pytest.mark.parametrize(
    ("metric", "field"),
    [
        ({"kind": "rate", "q": 0.5}, "q"),
        ({"kind": "rate", "cap": 5}, "cap"),
        ({"kind": "rate", "per": "unit_with_event"}, "per"),
        ({"kind": "mean", "at_least": 2}, "at_least"),
        ({"kind": "mean", "margin": 1}, "margin"),
        ({"kind": "mean", "field": "price"}, "field"),
        ({"kind": "ratio"}, "denominator"),
        ({"kind": "ratio", "denominator": {"event": "x"}, "covariate": {"event": "x", "days": 7}}, "covariate"),
        ({"kind": "quantile", "q": 0.9, "field": "count"}, "field"),
        ({"kind": "quantile", "q": 1}, "q"),
        ({"kind": "mean", "covariate": {"event": "x", "days": 0}}, "covariate.days"),
        ({"kind": "mean", "key": "Über"}, "key"),
    ],
)
def test_what_would_silently_do_nothing_is_refused(metric: dict[str, Any], field: str) -> None:
    assert f"metrics.1.{field}" in problems(metrics=[COMPLETION, {"key": "other", "event": "e", **metric}])


def test_exactly_one_metric_is_primary_and_each_key_stands_once() -> None:
    assert "not 2" in problems(metrics=[COMPLETION, {**CSAT}])["metrics"]
    assert "not none" in problems(metrics=[{**COMPLETION, "role": "secondary"}])["metrics"]
    assert "twice" in problems(metrics=[COMPLETION, {**COMPLETION, "role": "secondary"}])["metrics.1.key"]


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"treatment_id": 1}, "treatment_id"),
        ({"routing": {"split": 0.00001}}, "routing.split"),
        ({"routing": {"buckets": 5000}}, "routing.buckets"),
        ({"routing": {"salt": "a\0b"}}, "routing.salt"),
        ({"segments": ["a", "b", "c", "d", "e", "f"]}, "segments"),
        ({"segments": ["a", "a"]}, "segments"),
        ({"baseline": 1.2}, "baseline"),
        ({"mde": 0.4}, "mde"),
        ({"mde": 1e-6}, "mde"),
        ({"metrics": [CSAT], "baseline": 4}, "baseline_sd"),
        ({"baseline_sd": 1}, "baseline_sd"),
        ({"key": "no spaces"}, "key"),
        ({"days": None}, "days"),
    ],
)
def test_a_plan_that_cannot_hold_is_refused(fields: dict[str, Any], at: str) -> None:
    assert at in problems(**fields)


def test_a_rate_counts_events_and_other_metrics_their_value() -> None:
    rate, mean = make_plan(metrics=[COMPLETION, {**CSAT, "role": "secondary"}]).metrics
    assert (rate.field, mean.field) == ("count", "value")
    assert Metric(key="m", title="M", role="secondary", kind="rate", event="e").field == "count"


def test_an_event_changes_the_metrics_that_read_it_in_any_part() -> None:
    ratio = {"key": "r", "kind": "ratio", "event": "liked", "denominator": {"event": "answered", "field": "count"}}
    plan = make_plan(metrics=[COMPLETION, ratio, {**LATENCY, "event": "answered"}])
    assert [metric.key for metric in metrics_of(plan, "answered")] == ["r", "latency"]
    assert metrics_of(plan, "unknown") == ()


def test_the_size_of_a_fixed_horizon_is_that_of_the_two_proportion_test() -> None:
    plan = make_plan(baseline=0.75, mde=0.05, method="fixed_horizon")
    assert plan.n_computed == power.sample_size_two_proportions(0.75, 0.05).control == 1094
    assert "1,094 units in each arm" in plan.formula
    assert (plan.n_per_arm, plan.n_total) == (1094, 2188)


def test_a_lower_rate_is_sized_downwards() -> None:
    down = make_plan(metrics=[{**COMPLETION, "direction": "lower"}], baseline=0.75, method="fixed_horizon")
    assert down.n_computed == power.sample_size_two_proportions(0.75, -0.05).control


def test_at_least_a_thousand_per_arm_are_planned_and_fewer_need_a_reason() -> None:
    assert make_plan(baseline=0.5, mde=0.4, method="fixed_horizon").n_per_arm == 1000
    assert "1,000" in problems(baseline=0.5, mde=0.4, n_per_arm=200, method="fixed_horizon")["small_reason"]
    assert "2,395" in problems(n_per_arm=2000)["small_reason"]
    assert make_plan(n_per_arm=200, small_reason="a pilot").n_per_arm == 200


def test_the_planned_size_is_that_of_the_smaller_arm() -> None:
    plan = make_plan(baseline=0.713, routing={"split": 0.2}, method="fixed_horizon", n_per_arm=1550)
    assert plan.n_total == 7750
    assert "at a split of 0.2" in plan.formula


def test_looking_costs_units_and_looking_any_time_costs_most() -> None:
    """1.015 for five O'Brien-Fleming-like and 1.21 for Pocock-like looks: Jennison & Turnbull 2000, chapter 7."""
    said = {"alpha": 0.05, "power": 0.8, "looks": 5}
    assert inflation("fixed_horizon", spending="", **said)[0] == 1
    assert inflation("group_sequential", spending="obrien_fleming", **said)[0] == pytest.approx(1.02, abs=0.01)
    assert inflation("group_sequential", spending="pocock", **said)[0] == pytest.approx(1.21, abs=0.02)
    assert inflation("confidence_sequence", spending="", **said)[0] == pytest.approx(1.91, abs=0.01)


def test_a_mean_is_sized_by_its_spread_and_the_same_from_either_side_of_the_split() -> None:
    fields: dict[str, Any] = {"metrics": [CSAT], "baseline": 4, "baseline_sd": 2, "mde": 0.2, "method": "fixed_horizon"}
    assert make_plan(**fields).n_computed == power.sample_size_means(2, 0.2).control
    small = [make_plan(**fields, routing={"split": split}).n_computed for split in (0.0002, 0.9998)]
    assert small[0] == small[1] == pytest.approx(785, abs=2)


def test_a_quantile_takes_more_than_a_mean_by_what_its_estimate_spreads_more() -> None:
    fields: dict[str, Any] = {"baseline": 4, "baseline_sd": 2, "mde": 0.2, "method": "fixed_horizon"}
    mean = make_plan(**fields, metrics=[CSAT]).n_computed
    median = make_plan(
        **fields, metrics=[{**LATENCY, "role": "primary", "q": 0.5, "margin": None, "margin_is_relative": False}]
    )
    assert median.n_computed / mean == pytest.approx(math.pi / 2, rel=0.01)


def test_the_curve_passes_through_the_plan() -> None:
    plan = make_plan()
    own = next(curve for curve in curves(plan) if curve.power == plan.power)
    middle = own.points[len(own.points) // 2]
    assert middle.effect == pytest.approx(plan.mde)
    assert middle.n == planned_size(plan)[0] == plan.n_computed
    assert [point.n for point in own.points] == sorted((point.n for point in own.points), reverse=True)


def test_days_follow_from_traffic() -> None:
    plan = make_plan(n_per_arm=2395)
    assert (days_for(plan, 4790), days_for(plan, 1000), days_for(plan, 1e9)) == (1, 5, 1)


def test_planned_looks_are_even() -> None:
    assert make_plan(method="group_sequential", looks=4).planned_looks == (0.25, 0.5, 0.75, 1)
    assert make_plan().planned_looks == ()
