"""The rows behind a live test's numbers: refused events, units, and units in both arms."""

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from experiments.models import ArmConflict, EventBatch, Exposure, LiveEvent, LiveTest, RefusedEvent, UnitMetric
from experiments.reports.live_page import units
from experiments.reports.live_page.refused import WAYS_OUT
from experiments.reports.live_page.units import PAGE_LENGTH, Wanted
from tests.factories.platform_ import NOW, make_user
from tests.live_pages.shown import make_live_test, make_payload, make_result

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_user(roles=["lead"]))
    return client


def shown(client: Client, name: str, live_test: LiveTest | None = None, **query: str) -> str:
    response = client.get(reverse(name, args=[live_test.key] if live_test else []), query)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def make_refused(live_test: LiveTest | None, *, reason: str = "late", **fields: Any) -> RefusedEvent:
    return RefusedEvent.objects.create(live_test=live_test, reason=reason, **{"received_at": NOW, **fields})


def make_units(live_test: LiveTest, n: int, *, at_once: bool = False, arm: str = "control") -> None:
    Exposure.objects.bulk_create(
        Exposure(
            live_test=live_test,
            unit_id=f"{arm}-{number:03}",
            arm=arm,
            source="assigned",
            exposed_at=NOW if at_once else NOW + timedelta(seconds=number),
        )
        for number in range(n)
    )


def test_every_reason_has_a_way_out() -> None:
    assert set(WAYS_OUT) == set(RefusedEvent.Reason)


def test_refused_events_are_listed_with_their_reason_and_counted(lead: Client) -> None:
    live_test = make_live_test()
    for _ in range(3):
        make_refused(live_test, detail="nine days old", unit_id="user-7")
    make_refused(live_test, reason="malformed", detail="value must be a number")
    make_refused(None, reason="unknown_test", detail="no test “reply”")
    text = shown(lead, "live_test_refused", live_test)
    assert "nine days old" in text
    assert "too old (3)" in text
    assert "any (4)" in text
    assert "no test “reply”" not in text
    assert "no test “reply”" in shown(lead, "refused_events")


def test_refused_events_are_filtered_by_reason_and_by_id(lead: Client) -> None:
    live_test = make_live_test()
    make_refused(live_test, detail="nine days old", unit_id="user-7", event_id="a-1")
    make_refused(live_test, reason="malformed", detail="value must be a number", event_id="b-2")
    late = shown(lead, "live_test_refused", live_test, reason="late")
    assert "nine days old" in late
    assert "value must be a number" not in late
    assert WAYS_OUT[RefusedEvent.Reason.LATE] in late
    assert "nine days old" in shown(lead, "live_test_refused", live_test, search="user-7")
    assert "value must be" in shown(lead, "live_test_refused", live_test, search="b-")
    assert "No such event" in shown(lead, "live_test_refused", live_test, search="zzz")
    assert "any (2)" in shown(lead, "live_test_refused", live_test, reason="invented")


def test_many_refused_events_stand_on_pages(
    lead: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    live_test = make_live_test()
    RefusedEvent.objects.bulk_create(
        RefusedEvent(
            live_test=live_test, reason="late", detail=f"number {n:03}", received_at=NOW + timedelta(seconds=n)
        )
        for n in range(120)
    )
    first = shown(lead, "live_test_refused", live_test)
    assert "number 119" in first
    assert "number 010" not in first
    assert "number 010" in shown(lead, "live_test_refused", live_test, page="3")
    with django_assert_max_num_queries(8):
        shown(lead, "live_test_refused", live_test)


@pytest.mark.parametrize("name", ["live_test_refused", "live_test_conflicts", "live_test_units"])
def test_an_empty_list_says_what_will_stand_there(lead: Client, name: str) -> None:
    assert 'class="empty"' in shown(lead, name, make_live_test())


def test_units_seen_in_both_arms_are_listed_with_both(lead: Client) -> None:
    live_test = make_live_test()
    make_units(live_test, 2)
    ArmConflict.objects.create(live_test=live_test, unit_id="control-001", seen_arm="treatment", seen_at=NOW)
    text = shown(lead, "live_test_conflicts", live_test)
    assert "control-001" in text
    assert "control-000" not in text
    assert "both arms" in shown(lead, "live_test_units", live_test)
    assert "left out of every comparison" in shown(lead, "live_test_unit", live_test, id="control-001")


@pytest.mark.parametrize("at_once", [False, True])
def test_every_unit_stands_on_exactly_one_page(lead: Client, at_once: bool) -> None:
    live_test = make_live_test()
    make_units(live_test, 2 * PAGE_LENGTH + 5, at_once=at_once)
    seen: list[str] = []
    query = ""
    for _ in range(3):
        page = lead.get(reverse("live_test_units", args=[live_test.key]) + query)
        found = page.context["found"]
        seen += [row.exposure.unit_id for row in found.rows]
        query = "?before=" + found.next.replace("+", "%2B")
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) == 2 * PAGE_LENGTH + 5
    assert not found.next


def test_units_are_filtered_by_arm_and_by_the_beginning_of_their_id(lead: Client) -> None:
    live_test = make_live_test()
    make_units(live_test, 3)
    make_units(live_test, 3, arm="treatment")
    text = shown(lead, "live_test_units", live_test, arm="treatment")
    assert "treatment-002" in text
    assert "control-002" not in text
    assert "control-001" in shown(lead, "live_test_units", live_test, unit="control-001")
    assert "No such unit" in shown(lead, "live_test_units", live_test, unit="%")


@pytest.mark.parametrize("words", ["", "x", "2026-13-99|a", "2026-01-01T00:00:00|a", "|", "\x00"])
def test_a_place_that_means_nothing_is_the_beginning(words: str) -> None:
    assert Wanted.from_query({"before": words}).before is None


@pytest.mark.parametrize("words", ["a\x00b", "\ud800"])
def test_letters_that_no_database_holds_find_nothing(lead: Client, words: str) -> None:
    live_test = make_live_test()
    make_units(live_test, 1)
    make_refused(live_test, unit_id="u")
    for name, field in (("live_test_units", "unit"), ("live_test_refused", "search"), ("live_test_unit", "id")):
        target = reverse(name, args=[live_test.key])
        encoded = "".join(f"%{byte:02X}" for byte in words.encode("utf-8", "surrogatepass"))
        answer = lead.get(f"{target}?{field}={encoded}")
        assert answer.status_code in (HTTPStatus.OK, HTTPStatus.NOT_FOUND)


def test_a_unit_shows_its_sums_and_events(lead: Client) -> None:
    live_test = make_live_test()
    make_units(live_test, 1)
    unit = "control-000"
    UnitMetric.objects.create(live_test=live_test, metric="completed", unit_id=unit, n=1, total=1)
    UnitMetric.objects.create(live_test=live_test, metric="turns", unit_id=unit, n=2, total=9)
    UnitMetric.objects.create(live_test=live_test, metric="latency_p95", unit_id=unit, n=3, values=[1, 2, 3])
    LiveEvent.objects.create(
        live_test_id=live_test.pk,
        event_id="e-1",
        batch_id=1,
        name="task_completed",
        unit_id=unit,
        at=NOW,
        received_at=NOW,
        value=1,
        properties={"page": "<i>faq</i>"},
    )
    text = shown(lead, "live_test_unit", live_test, id=unit)
    for words in ("e-1", "task_completed", "yes", "4.50", "3 values", "&lt;i&gt;faq"):
        assert words in text, words
    assert "4.50" in shown(lead, "live_test_units", live_test)


def test_a_units_id_is_taken_as_it_stands_with_blanks_and_without_what_no_text_holds(lead: Client) -> None:
    live_test = make_live_test()
    make_units(live_test, 1)
    Exposure.objects.create(live_test=live_test, unit_id=" u ", arm="control", source="assigned", exposed_at=NOW)
    assert "?id=%20u%20" in shown(lead, "live_test_units", live_test)
    assert shown(lead, "live_test_unit", live_test, id=" u ")
    assert shown(lead, "live_test_unit", live_test, id="control-000\0")
    assert "control-000" in shown(lead, "live_test_units", live_test, unit="control-000 ")


def make_events(live_test: LiveTest, unit: str, *hours: int) -> None:
    """One event of the unit in a batch of two, at each of these hours."""
    for hour in hours:
        at = NOW + timedelta(hours=hour)
        batch = EventBatch.objects.create(live_test=live_test, n=2, received_at=at)
        LiveEvent.objects.create(
            live_test_id=live_test.pk, event_id=f"came-{hour}", batch_id=batch.pk, name="x", unit_id=unit, at=at,
            received_at=at,
        )  # fmt: skip


def every_page(lead: Client, live_test: LiveTest, unit: str) -> list[str]:
    """The newest page and all that it leads to."""
    pages, place = [shown(lead, "live_test_unit", live_test, id=unit)], re.compile(r'before=([^"&]+)" rel="next"')
    while found := place.search(pages[-1]):
        pages.append(shown(lead, "live_test_unit", live_test, id=unit, before=unquote(found[1])))
    return pages


def test_no_event_of_a_unit_is_missed_in_a_test_with_many(lead: Client) -> None:
    """Whatever one page looks through, the next goes on from there, to the last one."""
    live_test = make_live_test()
    make_units(live_test, 1)
    unit, hours = "control-000", range(1, 8)
    make_events(live_test, "somebody", 8)
    make_events(live_test, unit, *hours)
    make_events(live_test, "somebody", -2)
    text = shown(lead, "live_test_unit", live_test, id=unit)
    assert all(f"came-{hour}<" in text for hour in hours)
    assert "Look further back" not in text
    for name, most in (("MOST_LOOKED_THROUGH", 4), ("MOST_BATCHES", 2), ("EVENTS_SHOWN", 3), ("EVENTS_SHOWN", 1)):
        with patch.object(units, name, most):
            pages = every_page(lead, live_test, unit)
        assert len(pages) > 1
        told = [re.findall(r"came-(-?[0-9]+)<", page) for page in pages]
        assert [hour for page in told for hour in page] == [str(hour) for hour in reversed(hours)], name
        assert "Newest" in pages[-1]


def test_windows_without_an_event_of_the_unit_are_passed_over(lead: Client) -> None:
    live_test = make_live_test()
    make_units(live_test, 1)
    unit = "control-000"
    make_events(live_test, unit, 1)
    make_events(live_test, "somebody", 2, 3, 4, 5)
    with patch.object(units, "MOST_BATCHES", 2):
        assert "came-1<" in shown(lead, "live_test_unit", live_test, id=unit)
    with patch.object(units, "MOST_BATCHES", 1):
        first, second = every_page(lead, live_test, unit)[:2]
    assert "came-" not in first
    assert "None came in during this time" in first
    assert "came-1<" in second


@pytest.mark.parametrize("words", ["", "x", "5", "5|never|", "-1|2026-03-02T09:00:00+00:00|", "9|2026-03-02|a|b"])
def test_a_place_that_means_nothing_begins_with_the_newest(lead: Client, words: str) -> None:
    live_test = make_live_test()
    make_units(live_test, 1)
    make_events(live_test, "control-000", 1)
    assert "came-1<" in shown(lead, "live_test_unit", live_test, id="control-000", before=words)


def test_a_unit_of_another_test_is_not_found(lead: Client) -> None:
    live_test, other = make_live_test(), make_live_test(key="other")
    make_units(other, 1)
    for unit in ("control-000", "nobody", ""):
        answer = lead.get(reverse("live_test_unit", args=[live_test.key]), {"id": unit})
        assert answer.status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "told", [{"hidden": True, "hidden_why": "Until 2,000 units are in."}, {"units_hidden": True}], ids=str
)
def test_while_the_direction_is_hidden_nobody_can_count_what_units_of_an_arm_did(
    lead: Client, told: dict[str, Any]
) -> None:
    """Also between planned looks, whose own figures are shown."""
    live_test = make_live_test()
    make_result(live_test, make_payload(**told))
    make_units(live_test, 1)
    UnitMetric.objects.create(live_test=live_test, metric="completed", unit_id="control-000", n=1, total=1)
    LiveEvent.objects.create(
        live_test_id=live_test.pk,
        event_id="e-1",
        batch_id=1,
        name="task_completed",
        unit_id="control-000",
        at=NOW,
        received_at=NOW,
    )
    pages = shown(lead, "live_test_units", live_test), shown(lead, "live_test_unit", live_test, id="control-000")
    for text in pages:
        assert "control-000" in text
        assert "Task completed" not in text
        assert "task_completed" not in text
        assert "hown when the direction is" in text
