"""Results over the database: what is shown when, what is hidden, what is remembered."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import numpy as np
import pytest
from django.db.models.expressions import RawSQL

from experiments.live_plan import Plan
from experiments.models import (
    ArmConflict,
    EventBatch,
    Exposure,
    LiveAmendment,
    LiveEvent,
    LiveLook,
    LiveResult,
    LiveTest,
    UnitMetric,
)
from experiments.reports.live import sums
from experiments.reports.live.cells import cell_of
from experiments.reports.live.measuring import MOST_SEGMENTS
from experiments.reports.live.sums import Scope, fetch
from experiments.reports.live.values import quantile_contrast, read_values
from experiments.services import live_results
from experiments.services.live_tests import amending, running
from tests.factories.live_results_ import Sums, fill, first, result_of
from tests.factories.live_tests_ import COMPLETION, Status, make_live_test
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db
LATENCY: dict[str, Any] = {
    "key": "latency",
    "title": "Latency P95",
    "role": "secondary",
    "kind": "quantile",
    "event": "answered",
    "q": 0.95,
    "direction": "lower",
    "unit": "ms",
}
CRASHES: dict[str, Any] = {
    "key": "crashes",
    "title": "Crashes",
    "role": "guardrail",
    "kind": "rate",
    "event": "crashed",
    "direction": "lower",
    "margin": 0.01,
}
SMALL: dict[str, Any] = {"n_per_arm": 500, "small_reason": "a test"}
FIXED: dict[str, Any] = {"method": "fixed_horizon", **SMALL}
GROUP: dict[str, Any] = {"method": "group_sequential", "looks": 5, **SMALL}


def both(
    live_test: LiveTest, units: int, control: int, treatment: int, *, at: datetime = NOW, prefix: str = ""
) -> None:
    fill(live_test, "control", units, {"completion": first(control)}, at=at, prefix=f"{prefix}c")
    fill(live_test, "treatment", units, {"completion": first(treatment)}, at=at, prefix=f"{prefix}t")


def test_a_fixed_horizon_test_says_nothing_of_its_direction_before_the_planned_size() -> None:
    live_test = make_live_test(**FIXED, metrics=[COMPLETION, CRASHES])
    both(live_test, 499, 100, 400)
    payload = result_of(live_test)
    assert payload.hidden
    assert payload.progress == pytest.approx(499 / 500)
    assert "hidden until 500 units" in payload.headline
    assert [row.verdict for row in payload.metrics] == ["hidden", "hidden"]
    told = [(row.difference, row.control, row.p_value, row.se, row.z) for row in payload.metrics]
    assert told == [(None,) * 5] * 2
    assert (payload.over_time, payload.distributions, payload.segments) == ((), (), ())
    assert payload.guardrails[0].difference is None
    assert payload.health[0].status == "ok"
    assert not LiveLook.objects.filter(live_test=live_test).exists()


def test_at_the_planned_size_it_opens_and_later_units_do_not_count() -> None:
    live_test = make_live_test(**FIXED)
    both(live_test, 500, 150, 200)
    opened = result_of(live_test, now=NOW + timedelta(hours=1))
    assert not opened.hidden
    assert [look.n for look in opened.looks] == [1000]
    both(live_test, 300, 0, 300, at=NOW + timedelta(hours=2), prefix="late")
    later = result_of(live_test, now=NOW + timedelta(hours=3))
    assert later.exposed.total == 1000
    assert later.primary == opened.primary
    assert "later ones are not" in later.notes[0]
    assert LiveLook.objects.get(live_test=live_test).planned


def test_opened_early_it_shows_its_direction_marked() -> None:
    live_test = make_live_test(**FIXED)
    both(live_test, 300, 90, 120)
    amending.open_early(
        live_test=live_test, reason="the board asks", token=uuid4(), actor=make_user(roles=["lead"]), now=NOW
    )
    payload = result_of(live_test)
    assert (payload.hidden, payload.opened_early) == (False, True)
    assert payload.primary is not None
    assert payload.primary.difference == pytest.approx(0.1)
    assert "opened before" in payload.notes[0]
    assert payload.amendments[0].reason == "the board asks"


def test_a_confidence_sequence_is_shown_from_the_start_and_its_looks_are_remembered() -> None:
    live_test = make_live_test(**SMALL)
    both(live_test, 150, 45, 45)
    first_look = result_of(live_test, now=NOW + timedelta(minutes=1))
    assert first_look.primary is not None
    assert first_look.primary.p_kind == "always_valid"
    result_of(live_test, now=NOW + timedelta(hours=5))
    assert LiveLook.objects.filter(live_test=live_test).count() == 1  # nothing came in between
    both(live_test, 300, 30, 270, prefix="more", at=NOW + timedelta(hours=5))
    strong = result_of(live_test, now=NOW + timedelta(hours=6)).primary
    both(live_test, 2000, 1300, 700, prefix="turned", at=NOW + timedelta(hours=6))
    turned = result_of(live_test, now=NOW + timedelta(hours=7)).primary
    assert strong is not None
    assert turned is not None
    assert LiveLook.objects.filter(live_test=live_test, planned=False).count() == 3
    assert strong.verdict == "better"
    assert any("has changed over time" in note for note in turned.warnings)
    assert turned.difference is not None
    assert turned.ci_low is not None
    assert turned.ci_high is not None
    assert turned.significant == (turned.ci_low > 0 or turned.ci_high < 0)  # p and interval are of one look


def test_a_group_sequential_test_speaks_at_its_planned_looks_only() -> None:
    live_test = make_live_test(**GROUP)
    both(live_test, 99, 20, 60)
    early = result_of(live_test)
    assert early.hidden
    assert early.next_look_n == 100
    assert early.primary is not None
    assert early.primary.difference is None
    both(live_test, 21, 5, 15, prefix="b")
    at_look = result_of(live_test)
    assert at_look.primary is not None
    assert (len(at_look.looks), at_look.next_look_n) == (1, 200)
    assert at_look.looks[0].information == pytest.approx(120 / 500)
    assert at_look.looks[0].crossed == at_look.primary.significant
    both(live_test, 50, 50, 0, prefix="c")
    between = result_of(live_test)
    assert between.primary == at_look.primary
    assert between.exposed.total == 340
    assert between.distributions == at_look.distributions
    assert "look 1" in between.notes[0]
    both(live_test, 400, 200, 200, prefix="d")
    last = result_of(live_test)
    assert [look.information for look in last.looks] == [pytest.approx(0.24), 1.0]
    assert last.next_look_n is None
    assert last.stop_now


def test_a_group_sequential_test_stopped_between_looks_is_read_where_it_stopped() -> None:
    live_test = make_live_test(**GROUP)
    both(live_test, 250, 60, 140)
    running.stop(live_test=live_test, reason="a release", token=uuid4(), actor=None, now=NOW)
    payload = result_of(live_test)
    assert payload.primary is not None
    assert payload.primary.p_kind == "group_sequential"
    assert payload.primary.stopping_bound == pytest.approx(2.963, abs=1e-3)
    assert payload.status == Status.STOPPED


def test_a_split_that_is_not_as_planned_blocks_every_verdict() -> None:
    live_test = make_live_test(**SMALL, metrics=[COMPLETION, {**CRASHES, "margin": 0}], guardrail_stops=True)
    fill(live_test, "control", 700, {"completion": first(100), "crashes": first(0)})
    fill(live_test, "treatment", 540, {"completion": first(400), "crashes": first(300)})
    payload = result_of(live_test)
    assert payload.blocked
    assert payload.health[0].status == "failed"
    assert payload.headline.startswith("No verdict: ")
    assert [(row.verdict, row.significant) for row in payload.metrics] == [("blocked", None)] * 2
    live_test.refresh_from_db()
    assert live_test.status == Status.RUNNING  # what cannot be believed stops nothing
    assert payload.guardrails[0].status == "undefined"
    assert not LiveLook.objects.filter(live_test=live_test).exists()
    assert payload.over_time[0].caption.endswith("not judged, since the split is not as planned.")


def test_a_blocked_look_does_not_say_that_it_crossed_its_bound() -> None:
    live_test = make_live_test(**GROUP)
    fill(live_test, "control", 500, {"completion": first(100)})
    fill(live_test, "treatment", 700, {"completion": first(600)})
    [look] = result_of(live_test).looks
    assert (look.crossed, look.information) == (None, 1.0)


def test_a_mismatch_between_one_in_a_hundred_and_one_in_a_thousand_warns() -> None:
    live_test = make_live_test(**SMALL)
    fill(live_test, "control", 1080, {})
    fill(live_test, "treatment", 950, {})
    payload = result_of(live_test)
    assert (payload.blocked, payload.health[0].status) == (False, "warning")


def test_after_a_ramp_the_split_is_checked_and_the_arms_compared_within_each_phase() -> None:
    live_test = make_live_test(**SMALL, routing={"salt": "s", "split": 0.1})
    fill(live_test, "control", 1800, {"completion": first(180)}, prefix="mon")
    fill(live_test, "treatment", 200, {"completion": first(20)}, prefix="mon")
    noon = NOW + timedelta(hours=4)
    running.ramp(live_test=live_test, split=0.5, reason="fine so far", token=uuid4(), actor=None, now=noon)
    fill(live_test, "control", 500, {"completion": first(250)}, prefix="tue", at=noon + timedelta(hours=1))
    fill(live_test, "treatment", 500, {"completion": first(250)}, prefix="tue", at=noon + timedelta(hours=1))
    payload = result_of(live_test, now=noon + timedelta(hours=9))
    assert payload.health[0].status == "ok"
    assert [(phase.split, phase.units.control, phase.units.treatment) for phase in payload.phases] == [
        (0.1, 1800, 200),
        (0.5, 500, 500),
    ]
    assert payload.primary is not None
    assert payload.primary.difference == pytest.approx(0, abs=1e-12)  # pooled it would be +20 points


def test_units_seen_in_both_arms_are_left_out_and_told() -> None:
    live_test = make_live_test(**SMALL)
    both(live_test, 200, 50, 60)
    ArmConflict.objects.create(live_test=live_test, unit_id="ccontrol0", seen_arm="treatment", seen_at=NOW)
    payload = result_of(live_test)
    assert (payload.exposed.control, payload.exposed.treatment) == (199, 200)
    assert payload.primary is not None
    assert payload.primary.control == pytest.approx(49 / 199)
    check = next(one for one in payload.health if one.key == "both_arms")
    assert check.status == "warning"
    assert check.sentence.startswith("1 of 400 units")


def test_a_breached_guardrail_stops_the_test_where_the_plan_says_so() -> None:
    live_test = make_live_test(**FIXED, metrics=[COMPLETION, CRASHES], guardrail_stops=True)
    fill(live_test, "control", 400, {"crashes": first(8)})
    fill(live_test, "treatment", 400, {"crashes": first(120)})
    payload = result_of(live_test)
    live_test.refresh_from_db()
    assert live_test.status == Status.STOPPED
    amendment = LiveAmendment.objects.get(live_test=live_test, kind=LiveAmendment.Kind.GUARDRAIL)
    assert amendment.change["guardrails"] == ["crashes"]
    assert payload.status == Status.STOPPED
    assert payload.guardrails[0].status == "breached"
    assert "Crashes is shown to be worse" in payload.headline
    assert payload.metrics[0].difference is None  # the primary metric stays hidden
    assert result_of(live_test).status == Status.STOPPED  # once


def test_a_breached_guardrail_only_says_so_where_the_plan_leaves_it_to_people() -> None:
    live_test = make_live_test(**SMALL, metrics=[COMPLETION, CRASHES])
    fill(live_test, "control", 400, {"completion": first(200), "crashes": first(8)})
    fill(live_test, "treatment", 400, {"completion": first(200), "crashes": first(120)})
    payload = result_of(live_test)
    live_test.refresh_from_db()
    assert live_test.status == Status.RUNNING
    assert payload.stop_now
    assert "guardrail" in payload.stop_why


def test_a_guardrail_within_its_margin_is_kept_or_still_open() -> None:
    live_test = make_live_test(**SMALL, metrics=[COMPLETION, {**CRASHES, "margin": 0.1}, {**CRASHES, "key": "tight"}])
    counted = {"crashes": first(40), "tight": first(40)}
    fill(live_test, "control", 800, counted)
    fill(live_test, "treatment", 800, counted)
    payload = result_of(live_test)
    assert [one.status for one in payload.guardrails] == ["kept", "open"]


def test_quantiles_are_of_single_values_that_units_cluster() -> None:
    live_test = make_live_test(**SMALL, metrics=[COMPLETION, LATENCY])

    def answers(slow: int) -> Callable[[int], Sums | None]:
        return lambda unit: {"n": 2, "values": [100.0 + unit, 400.0 + slow + unit]} if unit else None

    fill(live_test, "control", 300, {"latency": answers(0)})
    fill(live_test, "treatment", 300, {"latency": answers(100)})
    row = result_of(live_test).metric("latency")
    assert row is not None
    assert (row.control, row.treatment, row.difference) == (670.0, 770.0, 100.0)
    assert (row.control_n, row.left_out) == (299, 2)
    assert (row.verdict, row.significant) == ("worse", True)


def test_a_mean_of_units_with_events_leaves_the_others_out_and_a_cap_is_told() -> None:
    rating = {**COMPLETION, "key": "csat", "kind": "mean", "event": "rated", "per": "unit_with_event", "cap": 5}
    live_test = make_live_test(**SMALL, metrics=[rating], baseline_sd=1)
    fill(live_test, "control", 200, {"csat": lambda unit: {"n": 2, "total": 6 + unit % 3} if unit < 150 else None})
    fill(live_test, "treatment", 200, {"csat": lambda unit: {"n": 1, "total": 4 + unit % 3}})
    row = result_of(live_test).primary
    assert row is not None
    assert (row.control_n, row.treatment_n, row.left_out) == (150, 200, 50)
    assert row.control == pytest.approx(3.5)
    assert row.capped == 66
    assert row.uncapped_difference == pytest.approx(sum(4 + unit % 3 for unit in range(200)) / 200 - 3.5)


def test_a_covariate_narrows_the_interval_and_says_by_how_much() -> None:
    mean = {**COMPLETION, "kind": "mean", "covariate": {"event": "task_completed", "days": 7}}
    live_test = make_live_test(**{**FIXED, "n_per_arm": 300}, metrics=[mean], baseline_sd=1)

    def turns(lead: float) -> Callable[[int], Sums | None]:
        return lambda unit: {"n": 1, "total": unit % 7 + unit % 2 + lead, "before": unit % 7}

    fill(live_test, "control", 300, {"completion": turns(0)})
    fill(live_test, "treatment", 300, {"completion": turns(0.5)})
    row = result_of(live_test).primary
    assert row is not None
    assert row.difference == pytest.approx(0.5)
    assert row.cuped_reduction == pytest.approx(0.94, abs=0.02)
    assert "CUPED" in row.method


def test_the_database_sums_up_what_the_units_values_give() -> None:
    """Third powers too, where a mean or a ratio needs them."""
    kinds: list[dict[str, Any]] = [
        {"key": "likes", "kind": "ratio", "event": "like", "denominator": {"event": "answered", "field": "count"}},
        {"key": "turns", "kind": "mean", "event": "turn", "cap": 40},
        {"key": "spent", "kind": "mean", "event": "paid", "covariate": {"event": "paid", "days": 7}},
    ]
    live_test = make_live_test(metrics=[COMPLETION, *kinds])
    values = [float(unit * unit % 47) for unit in range(60)]
    others = [float(1 + unit * 7 % 13) for unit in range(60)]
    kept: dict[str, Callable[[int], Sums | None]] = {
        "completion": first(20),
        "likes": lambda unit: {"n": 1, "total": values[unit], "denominator": others[unit]},
        "turns": lambda unit: {"n": 1, "total": values[unit]},
        "spent": lambda unit: {"n": 1, "total": values[unit], "before": others[unit]},
    }
    fill(live_test, "control", 60, kept)
    plan = Plan.from_dict(live_test.plan.body)
    found = sums.read_sums(Scope(live_test.pk), plan.metrics)
    expected = {
        "likes": cell_of(values, others),
        "turns": cell_of(np.minimum(values, 40)),
        "spent": cell_of(values, others),
    }
    for key, cell in expected.items():
        read = found.strata(plan.metric(key))[0].control
        for name in ("n", "y", "x", "yy", "xx", "xy", "y3", "y2x", "yx2", "x3"):
            assert getattr(read, name) == pytest.approx(getattr(cell, name), rel=1e-9, abs=1e-6), (key, name)
    rate = found.strata(plan.primary)[0].control
    assert rate.n == 60
    assert rate.y == pytest.approx(20 / 60)


def test_a_ratio_is_one_sum_over_another_and_spreads_over_units() -> None:
    likes = {**COMPLETION, "key": "likes", "kind": "ratio", "denominator": {"event": "answered", "field": "count"}}
    live_test = make_live_test(**{**FIXED, "n_per_arm": 200}, metrics=[likes], baseline_sd=1, baseline=0.3)
    fill(live_test, "control", 200, {"likes": lambda unit: {"n": 1, "total": unit % 3, "denominator": 5}})
    fill(live_test, "treatment", 200, {"likes": lambda unit: {"n": 2, "total": unit % 5, "denominator": 5}})
    payload = result_of(live_test)
    row = payload.primary
    assert row is not None
    assert [row.control, row.treatment] == pytest.approx([199 / 1000, 0.4])
    assert "delta method" in row.method
    assert row.verdict == "better"
    [drawn] = payload.distributions
    assert sum(one.control for one in drawn.bins) == 200
    assert drawn.bins[0].low == 0


def test_of_very_many_values_a_sample_of_units_is_read_and_said_to_be_one() -> None:
    live_test = make_live_test(**SMALL, metrics=[COMPLETION, LATENCY])
    for arm in ("control", "treatment"):
        fill(live_test, arm, 300, {"latency": lambda unit: {"n": 2, "values": [1.0 + unit, 2.0 + unit]}})
    metric = Plan.from_dict(live_test.plan.body).metric("latency")
    halves = read_values(Scope(live_test.pk, ramps=(NOW - timedelta(hours=1), NOW + timedelta(hours=1))), metric)
    assert halves.control_phase is not None
    assert set(halves.control_phase.tolist()) == {1}
    found = read_values(Scope(live_test.pk), metric, most=600)
    assert found.control_phase is None
    assert found.share == pytest.approx(0.5)
    assert 400 < found.n < 800
    units = np.concatenate([found.control_unit, found.treatment_unit])
    assert set(np.unique(units, return_counts=True)[1].tolist()) == {2}  # whole units
    contrast = quantile_contrast(metric, found, alpha=0.05)
    assert contrast is not None
    assert "Of 50.0% of the units" in contrast.result.warnings[-1]


def test_segments_are_exploration_corrected_over_all_of_them() -> None:
    live_test = make_live_test(**SMALL, segments=["country", "os"])
    for arm, hits in (("control", 60), ("treatment", 160)):
        fill(
            live_test,
            arm,
            400,
            {"completion": first(hits)},
            segment=lambda unit: {"country": "de" if unit % 2 else "fr"} | ({"os": "ios"} if unit < 200 else {}),
        )
    found = result_of(live_test).segments
    assert [(one.attribute, one.value, one.row.control_n) for one in found] == [
        ("country", "de", 200),
        ("country", "fr", 200),
        ("os", "(none)", 200),
        ("os", "ios", 200),
    ]
    known = [one.row for one in found if one.row.p_value is not None]
    assert known
    assert all((row.p_corrected or 0) >= (row.p_value or 0) for row in known)


def test_of_an_attribute_with_endless_values_only_the_largest_segments_leave_the_database() -> None:
    live_test = make_live_test(**SMALL, segments=["country"])
    for arm in ("control", "treatment"):
        fill(
            live_test,
            arm,
            120,
            {"completion": first(60)},
            segment=lambda unit: {"country": f"c{unit % (unit // 2 + 1)}"},
        )
    read: list[int] = []

    def counted(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        rows = fetch(sql, params)
        read.append(len(rows))
        return rows

    with patch.object(sums, "fetch", counted):
        found = result_of(live_test).segments
    sizes = [one.row.control_n for one in found]
    assert len(found) == MOST_SEGMENTS
    assert sizes == sorted(sizes, reverse=True)
    assert max(read) <= 2 * MOST_SEGMENTS
    country = RawSQL("segment ->> 'country'", ())
    counts = Counter(Exposure.objects.annotate(country=country).values_list("country", flat=True))
    assert len(counts) > 2 * MOST_SEGMENTS
    expected = sorted(counts, key=lambda one: (-counts[one], one))
    assert [one.value for one in found] == expected[:MOST_SEGMENTS]


def test_health_tells_duplicates_refusals_silence_and_bots() -> None:
    live_test = make_live_test(**SMALL, bot_events_per_day=50)
    fill(
        live_test,
        "control",
        300,
        {"completion": lambda unit: {"n": 51, "total": 51, "last_at": NOW} if unit < 2 else None},
    )
    fill(live_test, "treatment", 300, {})
    EventBatch.objects.create(
        live_test=live_test, n=0, counts={"duplicate": 7, "late": 20, "accepted": 100}, received_at=NOW, folded_at=NOW
    )
    found = {one.key: one for one in result_of(live_test).health}
    assert found["duplicates"].sentence.startswith("7 events")
    assert (found["refused"].status, "too late (20)" in found["refused"].sentence) == ("warning", True)
    assert found["no_events"].status == "failed"
    assert "No unit of treatment" in found["no_events"].sentence
    assert (found["bots"].status, found["bots"].sentence.split()[0]) == ("warning", "2")


def test_without_units_there_is_a_page_and_no_finding() -> None:
    payload = result_of(make_live_test())
    assert payload.headline == "No unit has been exposed yet."
    assert payload.health[0].status == "unknown"
    assert payload.primary is not None
    assert payload.primary.verdict == "undefined"
    assert payload.eta_days is None


def test_days_left_follow_from_the_traffic_so_far() -> None:
    live_test = make_live_test(**SMALL)
    both(live_test, 100, 10, 10)
    payload = result_of(live_test, now=NOW + timedelta(days=2))
    assert payload.days_running == pytest.approx(2)
    assert payload.eta_days == pytest.approx(8)


def test_exposures_are_drawn_by_the_hour_and_empty_hours_with_them() -> None:
    live_test = make_live_test(**SMALL)
    fill(live_test, "control", 3, {})
    fill(live_test, "treatment", 2, {}, at=NOW + timedelta(hours=3))
    chart = result_of(live_test).exposures_per_hour
    assert [(one.control, one.treatment) for one in chart.steps] == [(3, 0), (0, 0), (0, 0), (0, 2)]


def test_a_result_is_stale_when_traffic_moved_and_it_has_rested() -> None:
    live_test = make_live_test(**SMALL)
    later, much_later = NOW + timedelta(seconds=1), NOW + timedelta(minutes=5)
    assert live_results.stale(now=NOW) == [live_test]
    kept = live_results.calculate(live_test=live_test, now=NOW)
    assert kept is not None
    assert live_results.stale(now=much_later) == []
    fill(live_test, "control", 1, {})
    assert live_results.is_stale(kept)
    assert live_results.stale(now=later) == []  # not yet: it was computed a second ago
    assert live_results.stale(now=much_later) == [live_test]
    assert live_results.refresh(live_test=live_test, now=later) == kept
    renewed = live_results.refresh(live_test=live_test, now=much_later)
    assert renewed is not None
    assert renewed.computed_at == much_later
    assert live_results.stale(now=much_later + timedelta(minutes=1)) == []
    assert live_results.stale(now=much_later + timedelta(hours=2)) == [live_test]  # days go by


def test_a_stopped_test_is_computed_until_its_last_events_can_have_come() -> None:
    live_test = make_live_test(**SMALL, late_hours=24)
    running.stop(live_test=live_test, reason="done", token=uuid4(), actor=None, now=NOW)
    live_results.calculate(live_test=live_test, now=NOW)
    assert live_results.stale(now=NOW + timedelta(minutes=30)) == []
    assert live_results.stale(now=NOW + timedelta(hours=25)) == [live_test]
    assert live_results.stale(now=NOW + timedelta(hours=27)) == []


def test_what_arrives_unfolded_is_told() -> None:
    live_test = make_live_test(**SMALL)
    EventBatch.objects.create(live_test=live_test, n=12, counts={"accepted": 12}, received_at=NOW)
    payload = result_of(live_test)
    assert (payload.events, payload.events_waiting) == (12, 12)
    assert "12 events" in payload.notes[0]


def test_a_draft_has_no_result() -> None:
    draft = make_live_test(status=Status.DRAFT)
    assert live_results.calculate(live_test=draft, now=NOW) is None
    with pytest.raises(live_results.NotStarted, match="before it starts"):
        live_results.payload_of(draft, now=NOW)
    assert not LiveResult.objects.exists()


def test_a_metric_changed_later_forgets_what_was_seen_before() -> None:
    live_test = make_live_test(**SMALL)
    both(live_test, 300, 30, 270)
    strong = result_of(live_test).primary
    LiveAmendment.objects.create(
        token=uuid4(),
        live_test=live_test,
        kind="metrics",
        change={},
        reason="renamed",
        made_at=NOW + timedelta(hours=1),
    )
    both(live_test, 2000, 1300, 700, prefix="new")
    now = result_of(live_test, now=NOW + timedelta(hours=2)).primary
    assert strong is not None
    assert now is not None
    assert now.p_value != strong.p_value


def test_between_looks_nothing_of_now_is_told_but_a_breach() -> None:
    live_test = make_live_test(**GROUP, metrics=[COMPLETION, {**CRASHES, "margin": 0.2}])
    both(live_test, 60, 30, 30)
    before = result_of(live_test)
    assert (before.guardrails[0].status, before.guardrails[0].difference) == ("watched", None)
    fill(live_test, "control", 60, {"completion": first(30), "crashes": first(20)}, prefix="b")
    fill(live_test, "treatment", 60, {"completion": first(30), "crashes": first(25)}, prefix="b")
    at_look = result_of(live_test)
    assert at_look.guardrails[0].difference is not None
    fill(live_test, "control", 20, {}, prefix="x")
    fill(live_test, "treatment", 20, {"completion": first(20)}, prefix="x")
    between = result_of(live_test)
    assert between.guardrails == at_look.guardrails
    assert not between.hidden
    assert between.units_hidden
    silent = next(check for check in between.health if check.key == "no_events")
    assert [figure.label for figure in silent.figures] == ["share without"]
    stopped = make_live_test(**GROUP)
    both(stopped, 120, 30, 60)
    running.stop(live_test=stopped, reason="enough", token=uuid4(), actor=None, now=NOW)
    assert not result_of(stopped).units_hidden


@pytest.mark.parametrize("plan", [FIXED, GROUP])
def test_a_planned_look_waits_for_the_events_that_have_arrived(plan: dict[str, Any]) -> None:
    live_test = make_live_test(**plan)
    both(live_test, 500, 150, 200)
    early = EventBatch.objects.create(live_test=live_test, n=12, received_at=NOW)
    waits = result_of(live_test, now=NOW + timedelta(seconds=1))
    assert (waits.hidden, waits.look_due_since) == (True, NOW + timedelta(seconds=1))
    assert "12 events that have arrived are being counted" in waits.hidden_why
    assert not LiveLook.objects.filter(live_test=live_test).exists()
    # With steady traffic some event always waits; those that came after the look was due are not waited for.
    EventBatch.objects.create(live_test=live_test, n=7, received_at=NOW + timedelta(seconds=9))
    assert result_of(live_test, now=NOW + timedelta(seconds=10)).look_due_since == waits.look_due_since
    EventBatch.objects.filter(pk=early.pk).update(folded_at=NOW)
    opened = result_of(live_test, now=NOW + timedelta(seconds=20))
    assert (opened.hidden, opened.look_due_since) == (False, None)
    assert len(opened.looks) == 1


def test_after_a_stop_the_last_look_is_read_once_more_at_its_own_bound() -> None:
    live_test = make_live_test(**GROUP)
    both(live_test, 500, 150, 200)
    looked = result_of(live_test, now=NOW + timedelta(hours=1))
    assert looked.primary is not None
    both(live_test, 100, 0, 100, prefix="later", at=NOW + timedelta(hours=2))
    UnitMetric.objects.bulk_create(
        UnitMetric(live_test=live_test, metric="completion", unit_id=f"ccontrol{unit}", n=1, total=1)
        for unit in range(150, 200)
    )
    assert result_of(live_test, now=NOW + timedelta(hours=3)).primary == looked.primary
    running.stop(live_test=live_test, reason="done", token=uuid4(), actor=None, now=NOW + timedelta(hours=4))
    again = result_of(live_test, now=NOW + timedelta(hours=5))
    assert again.primary is not None
    assert (again.primary.control_n, again.primary.treatment_n) == (500, 500)
    assert again.primary.difference == pytest.approx(0, abs=1e-12)
    assert again.primary.p_value == pytest.approx(1)  # it takes the place of what was read of the same units
    assert again.primary.stopping_bound == looked.primary.stopping_bound
    assert any("read once more" in note for note in again.notes)
    assert LiveLook.objects.filter(live_test=live_test).count() == 1


def test_a_fixed_horizon_result_stays_once_the_events_of_its_units_are_in() -> None:
    live_test = make_live_test(**FIXED, late_hours=24)
    both(live_test, 500, 150, 200)
    opened = result_of(live_test, now=NOW + timedelta(hours=1)).primary
    more = [
        UnitMetric(live_test=live_test, metric="completion", unit_id=f"ccontrol{unit}", n=1, total=1)
        for unit in range(150, 200)
    ]
    UnitMetric.objects.bulk_create(more[:20])
    ripening = result_of(live_test, now=NOW + timedelta(hours=24))
    assert ripening.primary is not None
    assert opened is not None
    assert ripening.primary.control == pytest.approx(170 / 500)
    ripe = result_of(live_test, now=NOW + timedelta(hours=25))
    assert ripe.primary == ripening.primary
    UnitMetric.objects.bulk_create(more[20:])
    kept = result_of(live_test, now=NOW + timedelta(hours=26))
    assert kept.primary == ripening.primary
    assert (kept.over_time, kept.distributions) == (ripe.over_time, ripe.distributions)
    assert (kept.hidden, kept.units_hidden, len(kept.looks)) == (False, False, 1)
    assert any("stays as it is" in note for note in kept.notes)


def test_what_a_unit_did_before_its_exposure_is_no_delay() -> None:
    mean = {**COMPLETION, "kind": "mean", "covariate": {"event": "task_completed", "days": 7}}
    live_test = make_live_test(**SMALL, metrics=[mean], baseline_sd=1)
    both(live_test, 10, 10, 10)
    batch = EventBatch.objects.create(live_test=live_test, n=4, received_at=NOW + timedelta(minutes=1), folded_at=NOW)
    for number, days in enumerate((6, 5, 4, 0)):
        LiveEvent.objects.create(
            live_test_id=live_test.pk,
            event_id=f"e{number}",
            batch_id=batch.pk,
            name="task_completed",
            unit_id="ccontrol1",
            at=NOW - timedelta(days=days),
            received_at=NOW + timedelta(minutes=1),
        )
    found = next(check for check in result_of(live_test).health if check.key == "delays")
    assert (found.status, "60 seconds" in found.sentence) == ("ok", True)


def test_a_client_that_forgot_its_units_after_a_ramp_does_not_fail_the_split() -> None:
    """It says treatment of units that were in control: none of these buckets are counted, seen in both arms or not."""
    live_test = make_live_test(**SMALL, routing={"salt": "s", "split": 0.1})
    buckets = live_test_buckets(live_test)
    expose_by_rule(live_test, 3000, split=0.1, at=NOW)
    noon = NOW + timedelta(hours=4)
    running.ramp(live_test=live_test, split=0.5, reason="fine so far", token=uuid4(), actor=None, now=noon)
    again = Exposure.objects.filter(live_test=live_test, bucket__gte=0.1 * buckets, bucket__lt=0.5 * buckets)
    ArmConflict.objects.bulk_create(
        ArmConflict(live_test=live_test, unit_id=one.unit_id, seen_arm="treatment", seen_at=noon)
        for one in again.order_by("pk")[:600]
    )
    expose_by_rule(live_test, 40, split=0.1, at=noon + timedelta(seconds=30), prefix="stale")
    expose_by_rule(live_test, 1000, split=0.5, at=noon + timedelta(hours=1), prefix="new")
    payload = result_of(live_test, now=noon + timedelta(hours=9))
    assert payload.health[0].status == "ok", payload.health[0].sentence
    assert [phase.units.total for phase in payload.phases] == [1800, 1024]


def test_units_that_a_forgetful_client_may_take_out_of_control_do_not_make_arms_lean() -> None:
    """Both models are alike: half of the units return, and those complete twice as often.

    After the ramp only those that return are seen in treatment too. Without them control would complete less.
    """
    live_test = make_live_test(**SMALL, routing={"salt": "s", "split": 0.1})
    buckets = live_test_buckets(live_test)
    expose_by_rule(live_test, 4000, split=0.1, at=NOW)
    noon = NOW + timedelta(hours=4)
    expose_by_rule(live_test, 2000, split=0.5, at=noon + timedelta(hours=1), prefix="new")
    exposed = list(Exposure.objects.filter(live_test=live_test).order_by("pk"))
    UnitMetric.objects.bulk_create(
        UnitMetric(live_test=live_test, metric="completion", unit_id=one.unit_id, n=1, total=1)
        for number, one in enumerate(exposed)
        if number % 10 < (8 if number % 20 < 10 else 4)
    )
    before = result_of(live_test, now=noon).primary
    running.ramp(live_test=live_test, split=0.5, reason="fine so far", token=uuid4(), actor=None, now=noon)
    moved = [one for one in exposed[:4000] if 0.1 * buckets <= (one.bucket or 0) < 0.5 * buckets]
    ArmConflict.objects.bulk_create(
        ArmConflict(live_test=live_test, unit_id=one.unit_id, seen_arm="treatment", seen_at=noon)
        for number, one in enumerate(moved)
        if number % 20 < 10
    )
    payload = result_of(live_test, now=noon + timedelta(hours=9))
    row = payload.primary
    assert row is not None
    assert before is not None
    assert before.control == pytest.approx(0.6, abs=0.01)
    assert [row.control, row.treatment] == pytest.approx([0.6, 0.6], abs=0.01)
    assert row.verdict == "no_difference_shown"
    check = next(one for one in payload.health if one.key == "moved")
    assert "800 of" in check.sentence
    assert [phase.units.control for phase in payload.phases] == [2000, 1000]


def test_units_that_the_site_itself_remembers_are_compared_on_after_a_ramp() -> None:
    live_test = make_live_test(**SMALL, routing={"salt": "s", "split": 0.1})
    expose_by_rule(live_test, 1000, split=0.1, at=NOW, source=Exposure.Source.ASSIGNED)
    noon = NOW + timedelta(hours=4)
    running.ramp(live_test=live_test, split=0.5, reason="fine so far", token=uuid4(), actor=None, now=noon)
    payload = result_of(live_test, now=noon + timedelta(hours=1))
    assert payload.exposed.control == 900
    assert all(one.key != "moved" for one in payload.health)


def live_test_buckets(live_test: LiveTest) -> int:
    return int(live_test.draft["routing"].get("buckets", 10_000))


def expose_by_rule(
    live_test: LiveTest,
    units: int,
    *,
    split: float,
    at: datetime,
    prefix: str = "old",
    source: str = Exposure.Source.EVENT,
) -> None:
    """Told by clients unless said otherwise, evenly over the buckets."""
    buckets = live_test_buckets(live_test)
    places = [number * buckets // units for number in range(units)]
    Exposure.objects.bulk_create(
        Exposure(
            live_test=live_test,
            unit_id=f"{prefix}{number}",
            arm="treatment" if place / buckets < split else "control",
            bucket=place,
            source=source,
            exposed_at=at,
        )
        for number, place in enumerate(places)
    )
