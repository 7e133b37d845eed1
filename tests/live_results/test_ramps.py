"""Ramps while a test runs: whom they take away, how bounds start anew, and what they cannot change any more."""

import math
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from scipy import special

from experiments.live_plan import Metric
from experiments.models import ArmConflict, Exposure, LiveLook, LiveTest, UnitMetric
from experiments.reports.live.cells import Cell, Stratum
from experiments.reports.live.contrasts import contrast
from experiments.reports.live.judging import Reading, look_bound
from experiments.reports.live.leaving import leaving
from experiments.reports.live.looks import stretches_of
from experiments.reports.live.payload import LivePayload
from experiments.reports.live.restarts import level_left
from experiments.services.live_tests import running
from experiments.stats.sequential import asymptotic_confidence_sequence
from tests.factories.live_results_ import result_of
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW, make_user
from tests.live_results.test_results import FIXED, GROUP, SMALL, both, expose_by_rule

HOUR = timedelta(hours=1)
HALVES: dict[str, Any] = {"salt": "s", "split": 0.5}


def look(information: float, **later: Any) -> LiveLook:
    return LiveLook(planned=True, figures={"information": information, **later})


def ramp(live_test: LiveTest, split: float, at: datetime) -> None:
    running.ramp(live_test=live_test, split=split, reason="fine so far", token=uuid4(), actor=None, now=at)


def complete(live_test: LiveTest) -> None:
    """Two in three of those who have not been asked yet."""
    told = set(UnitMetric.objects.filter(live_test=live_test).values_list("unit_id", flat=True))
    names = Exposure.objects.filter(live_test=live_test).order_by("pk").values_list("unit_id", flat=True)
    UnitMetric.objects.bulk_create(
        UnitMetric(live_test=live_test, metric="completion", unit_id=name, n=1, total=1)
        for number, name in enumerate(names)
        if number % 3 and name not in told
    )


def check(payload: LivePayload, key: str) -> Any:
    return next((one for one in payload.health if one.key == key), None)


def test_looks_since_a_ramp_that_took_units_away_are_a_stretch_of_their_own() -> None:
    plain = [look(0.2), look(0.4)]
    assert stretches_of(plain, 0, 0.6) == ()
    assert stretches_of(plain, 1, 300.0) == ((0.2, 0.4), (300.0,))
    later = [*plain, look(0.6, era=1, compared=300.0)]
    assert stretches_of(later, 1, 420.0) == ((0.2, 0.4), (300.0, 420.0))
    assert stretches_of(later, 2, 420.0) == ((0.2, 0.4), (300.0,), (420.0,))
    assert stretches_of(later, 1, 299.0) == ((0.2, 0.4), (300.0,), (299.0,))
    assert stretches_of([], 1, 80.0) == ((80.0,),)


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
def test_what_was_spent_stays_spent_and_nothing_is_credited_for_looks_at_other_units(spending: str) -> None:
    shares = (0.5, 0.75)
    whole = look_bound((0.75,), 0.05, spending), look_bound((0.5,), 0.05, spending)
    spent = [2 * float(special.ndtr(-bound)) for bound in whole]
    anew = look_bound(shares, 0.05, spending, ((0.5,), (130.0,)))
    assert 2 * special.ndtr(-anew) == pytest.approx(spent[0] - spent[1])
    assert anew > look_bound(shares, 0.05, spending)
    assert look_bound(shares, 0.05, spending, ((0.5, 0.75),)) == look_bound(shares, 0.05, spending)


def test_a_sequence_that_starts_anew_has_the_level_that_is_left() -> None:
    left = level_left(0.05, 4000, (2000,))
    assert 0.03 < left < 0.05
    assert level_left(0.05, 4000, ()) == 0.05
    assert level_left(0.05, 4000, (2000, 3000)) < left
    assert level_left(0.05, 4000, (10**12, 10**12)) > 0


@pytest.mark.django_db
def test_a_ramp_that_takes_units_away_starts_the_bounds_of_planned_looks_anew() -> None:
    live_test = make_live_test(**GROUP, routing=HALVES)
    expose_by_rule(live_test, 500, split=0.5, at=NOW, prefix="a")
    complete(live_test)
    first_look = result_of(live_test, now=NOW + HOUR).looks[-1]
    ramp(live_test, 0.75, NOW + 2 * HOUR)
    expose_by_rule(live_test, 600, split=0.75, at=NOW + 3 * HOUR, prefix="b")
    complete(live_test)
    payload = result_of(live_test, now=NOW + 4 * HOUR)
    second = payload.looks[-1]
    assert any(note.startswith("A ramp left out 125 units of control") for note in payload.notes)
    expose_by_rule(live_test, 400, split=0.75, at=NOW + 5 * HOUR, prefix="c")
    complete(live_test)
    third = result_of(live_test, now=NOW + 6 * HOUR).looks[-1]
    shares = (0.5, 0.8, 1.0)
    # 125 of 250 in control are left of the first phase; 4 times the product of the arms over their sum, phase by phase.
    halves = 4 * 125 * 250 / 375
    stretch = (halves + 4 * 150 * 450 / 600, halves + 4 * 250 * 750 / 1000)
    assert [one.information for one in (first_look, second, third)] == pytest.approx(list(shares))
    assert first_look.bound == look_bound(shares[:1], 0.05, "obrien_fleming")
    assert second.bound == pytest.approx(look_bound(shares[:2], 0.05, "obrien_fleming", (shares[:1], stretch[:1])))
    assert third.bound == pytest.approx(look_bound(shares, 0.05, "obrien_fleming", (shares[:1], stretch)))
    assert (third.bound or 0) > look_bound(shares, 0.05, "obrien_fleming")


@pytest.mark.django_db
@pytest.mark.parametrize("source", [Exposure.Source.ASSIGNED, Exposure.Source.EVENT])
def test_a_ramp_before_which_nobody_is_forgotten_leaves_the_bounds_as_they_were(source: str) -> None:
    """Those that the site remembers are compared on; of those told by clients here nobody came before the ramp."""
    live_test = make_live_test(**GROUP, routing=HALVES)
    told = source == Exposure.Source.EVENT
    expose_by_rule(live_test, 500, split=0.5, at=NOW, prefix="a", source=Exposure.Source.ASSIGNED)
    complete(live_test)
    result_of(live_test, now=NOW + HOUR)
    ramp(live_test, 0.75, NOW + 2 * HOUR)
    expose_by_rule(live_test, 20, split=0.5, at=NOW + 2 * HOUR + timedelta(minutes=told), prefix="b", source=source)
    expose_by_rule(live_test, 600, split=0.75, at=NOW + 3 * HOUR, prefix="c", source=source)
    complete(live_test)
    payload = result_of(live_test, now=NOW + 4 * HOUR)
    second = payload.looks[-1]
    assert all("anew" not in note for note in payload.notes)
    assert second.information is not None
    assert second.bound == look_bound((0.5, second.information), 0.05, "obrien_fleming")
    assert "era" not in LiveLook.objects.filter(live_test=live_test).latest("number").figures


@pytest.mark.django_db
def test_after_such_a_ramp_a_confidence_sequence_has_what_is_left_and_keeps_what_held() -> None:
    live_test = make_live_test(**SMALL, routing=HALVES)
    expose_by_rule(live_test, 1000, split=0.5, at=NOW, prefix="a")
    complete(live_test)
    before = result_of(live_test, now=NOW + HOUR).primary
    ramp(live_test, 0.9, NOW + 2 * HOUR)
    expose_by_rule(live_test, 500, split=0.9, at=NOW + 3 * HOUR, prefix="b")
    complete(live_test)
    after = result_of(live_test, now=NOW + 4 * HOUR).primary
    assert before is not None
    assert after is not None
    assert after.difference is not None
    assert after.se is not None
    assert (after.control_n, after.treatment_n) == (100 + 50, 500 + 450)
    alone = LiveLook.objects.filter(live_test=live_test).latest("number").figures["metrics"]["completion"]
    level = level_left(0.05, 1000, (1000,))
    information = 4 * (100 * 500 / 600 + 50 * 450 / 500)
    expected = asymptotic_confidence_sequence(after.difference, after.se, information, n_star=1000, alpha=level)
    assert [alone["low"], alone["high"]] == pytest.approx([expected.ci_low, expected.ci_high])
    assert alone["p"] == pytest.approx(min(1, (expected.p_value or 1) * 0.05 / level))
    assert after.ci_low == max(alone["low"], before.ci_low or -math.inf)


def test_the_p_value_of_a_sequence_started_anew_tells_what_its_interval_does() -> None:
    metric = Metric(key="done", title="Done", role="primary", kind="rate", event="done")
    reading = Reading("confidence_sequence", 0.05, n_star=4000, restarts=(3000,))
    for hits in range(1000, 1200, 4):
        found = contrast(metric, (Stratum(Cell(n=2000, y=0.5), Cell(n=2000, y=hits / 2000)),), alpha=0.05)
        assert found is not None
        assert found.result.estimate is not None
        sequence = reading.sequence(found.result.estimate, found.result.se or 0, found)
        assert ((sequence.p_value or 0) < 0.05) == ((sequence.ci_low or 0) > 0), hits


@pytest.mark.django_db
def test_a_ramp_and_a_conflict_after_the_one_reading_do_not_change_it() -> None:
    live_test = make_live_test(**FIXED, late_hours=24, routing=HALVES)
    expose_by_rule(live_test, 1000, split=0.5, at=NOW)
    complete(live_test)
    opened = result_of(live_test, now=NOW + HOUR)
    assert opened.primary is not None
    ramp(live_test, 0.9, NOW + 2 * HOUR)
    ArmConflict.objects.create(live_test=live_test, unit_id="old700", seen_arm="treatment", seen_at=NOW + 3 * HOUR)
    for hours in (4, 30):
        later = result_of(live_test, now=NOW + hours * HOUR)
        assert later.primary == opened.primary
        assert later.exposed == opened.exposed
        assert later.phases == opened.phases
        assert check(later, "moved") is None
        assert check(later, "both_arms").status == "ok"


@pytest.mark.django_db
def test_clients_with_a_rule_of_before_the_ramp_fail_the_split_and_are_not_left_out_in_silence() -> None:
    """One unit in twenty is still told by the rule of before, hours after the ramp."""
    live_test = make_live_test(**SMALL, routing={"salt": "s", "split": 0.1})
    noon = NOW + 4 * HOUR
    expose_by_rule(live_test, 1000, split=0.1, at=NOW)
    ramp(live_test, 0.5, noon)
    expose_by_rule(live_test, 9500, split=0.5, at=noon + HOUR, prefix="new")
    expose_by_rule(live_test, 500, split=0.1, at=noon + HOUR, prefix="stale")
    payload = result_of(live_test, now=noon + 9 * HOUR)
    assert payload.phases[1].units.control == 4750 + 450
    assert payload.blocked
    assert check(payload, "moved").figures[0].value == "400"


@pytest.mark.django_db
def test_units_told_by_the_old_rule_just_after_a_ramp_are_left_out_like_those_before_it() -> None:
    live_test = make_live_test(**SMALL, routing={"salt": "s", "split": 0.1})
    both(live_test, 200, 50, 50)
    noon = NOW + 4 * HOUR
    ramp(live_test, 0.5, noon)
    expose_by_rule(live_test, 100, split=0.1, at=noon + timedelta(seconds=90), prefix="soon")
    payload = result_of(live_test, now=noon + HOUR)
    assert check(payload, "moved").figures[0].value == "40"
    assert payload.phases[1].units.control == 50


@pytest.mark.django_db
def test_how_many_units_a_ramp_would_leave_out_is_told_before_it_is_made() -> None:
    live_test = make_live_test(**SMALL, routing={"salt": "s", "split": 0.1})
    expose_by_rule(live_test, 1000, split=0.1, at=NOW)
    expose_by_rule(live_test, 500, split=0.1, at=NOW, prefix="site", source=Exposure.Source.ASSIGNED)
    told = {one.split: (one.n, one.control) for one in leaving(live_test, buckets=10_000)}
    assert told == {0.2: (100, 900), 0.3: (200, 900), 0.5: (400, 900), 0.7: (600, 900)}
    ramp(live_test, 0.5, NOW + HOUR)
    live_test.refresh_from_db()
    assert check(result_of(live_test, now=NOW + 2 * HOUR), "moved").figures[0].value == "400"
    assert [(one.split, one.n) for one in leaving(live_test, buckets=10_000)] == [(0.7, 200), (0.9, 400)]
    remembered = make_live_test(key="site", **SMALL, routing={"salt": "s", "split": 0.1})
    expose_by_rule(remembered, 500, split=0.1, at=NOW, source=Exposure.Source.ASSIGNED)
    assert leaving(remembered, buckets=10_000) == ()


@pytest.mark.django_db
def test_the_page_of_a_ramp_says_whom_it_leaves_out(client: Client) -> None:
    live_test = make_live_test(**SMALL, routing={"salt": "s", "split": 0.5})
    client.force_login(make_user(roles=["lead"]))
    page = reverse("step_live_test", args=[live_test.key, "ramp"])
    assert "left out" not in client.get(page).text
    expose_by_rule(live_test, 1000, split=0.5, at=NOW)
    assert "raised to 90.0%: 400 left out" in " ".join(client.get(page).text.split())
