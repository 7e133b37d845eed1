"""The page of one live test, for leads and admins."""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from experiments.models import LiveAmendment, LiveTest
from experiments.reports.live.payload import MetricRow, PerArm
from tests.factories.platform_ import NOW, make_user
from tests.live_pages.shown import COMPLETION, make_live_test, make_payload, make_result

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_user(roles=["lead"]))
    return client


def shown(client: Client, live_test: LiveTest, query: str = "") -> str:
    response = client.get(reverse("live_test", args=[live_test.key]) + query)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def test_an_unknown_key_is_not_found(lead: Client) -> None:
    assert lead.get(reverse("live_test", args=["nothing"])).status_code == HTTPStatus.NOT_FOUND


def test_the_table_tells_both_arms_the_difference_its_interval_p_and_n(lead: Client) -> None:
    live_test = make_live_test()
    make_result(live_test)
    text = shown(lead, live_test)
    for words in (
        *(
            "71.3%",
            "78.9%",
            "n 6,200",
            "n 1,550",
            "+7.6\N{NO-BREAK SPACE}points",
            "+5.2 to +9.8\N{NO-BREAK SPACE}points",
        ),
        *("relative +10.7%", "p 1.8e-9", "z 6.01", "corrected 3.6e-9", "significant", "not significant"),
        *("better", "worse", "no difference shown", "2,106 units have no value", "without the cap"),
        *("Holm", "takes away 21.0% of the variance", "40 times the median"),
    ):
        assert words in text, words


def test_health_comes_before_the_table_with_what_to_do(lead: Client) -> None:
    live_test = make_live_test()
    make_result(live_test)
    text = shown(lead, live_test)
    assert text.index("Refused events") < text.index("Against none")
    assert "Let clients send within seven days." in text
    assert reverse("live_test_refused", args=[live_test.key]) in text
    assert reverse("live_test_conflicts", args=[live_test.key]) in text


def test_a_blocked_result_is_invalid_and_its_figures_are_for_orientation(lead: Client) -> None:
    live_test = make_live_test()
    blocked = tuple(replace(row, verdict="blocked", significant=None) for row in make_payload().metrics)
    make_result(live_test, make_payload(blocked=True, blocked_why="The split is not the planned one.", metrics=blocked))
    text = shown(lead, live_test)
    assert "INVALID" in text
    assert "The split is not the planned one." in text
    assert "for orientation" in text
    assert "no verdict" in text


def test_a_hidden_result_shows_progress_and_health_and_no_direction(lead: Client) -> None:
    live_test = make_live_test()
    hidden = MetricRow(
        key="completed",
        title="Task completed",
        role="primary",
        kind="rate",
        control_n=6_200,
        treatment_n=1_550,
        verdict="hidden",
    )
    payload = make_payload(
        method="fixed_horizon",
        hidden=True,
        hidden_why="It is read once, at 2,000 units per arm.",
        headline="The result is hidden.",
        metrics=(hidden,),
        over_time=(),
        distributions=(),
        segments=(),
    )
    make_result(live_test, payload)
    text = shown(lead, live_test)
    assert "Hidden" in text
    assert "It is read once, at 2,000 units per arm." in text
    assert "Refused events" in text
    assert "6,200" in text
    for told in ("71.3%", "78.9%", "+7.6", "6.01"):
        assert told not in text, told
    assert 'data-chart="lines"' in text
    assert 'data-chart="band"' not in text


def test_a_test_opened_early_says_so_for_ever(lead: Client) -> None:
    live_test = make_live_test(status="stopped", stopped_at=NOW)
    make_result(live_test, make_payload(opened_early=True))
    assert "Opened early." in shown(lead, live_test)


def test_amendments_stand_beside_the_result(lead: Client) -> None:
    live_test = make_live_test()
    make_result(live_test)
    LiveAmendment.objects.create(
        token="6c1c4a55-2dc5-4e1f-9d69-8a7b6b1f0a11",
        live_test=live_test,
        kind="ramp",
        change={"before": 0.2, "after": 0.5},
        reason="No harm after three days.",
        made_by=make_user(username="grace"),
        made_at=NOW,
    )
    text = shown(lead, live_test)
    assert "No harm after three days." in text
    assert "grace" in text


def test_segments_are_called_exploration(lead: Client) -> None:
    live_test = make_live_test()
    make_result(live_test)
    text = shown(lead, live_test)
    assert "exploration" in text
    assert "Benjamini and Hochberg" in text
    assert "PL" in text


def test_each_chart_has_a_caption_and_a_table(lead: Client) -> None:
    live_test = make_live_test()
    make_result(live_test)
    text = shown(lead, live_test)
    assert text.count("data-chart=") == 3
    assert text.count("<canvas") == text.count('type="application/json"') == 3
    for caption in ("The sequence left zero after 12 hours", "Most need fewer than four.", "About 150 units an hour"):
        assert caption in text, caption
    assert "As a table, every few points" in text


def test_another_metric_can_be_drawn(lead: Client) -> None:
    live_test = make_live_test()
    make_result(live_test)
    assert "Task completed: the difference over time" in shown(lead, live_test)
    assert "Latency P95: the difference over time" in shown(lead, live_test, "?metric=latency_p95")
    assert "Task completed: the difference over time" in shown(lead, live_test, "?metric=nothing")


def test_a_running_test_asks_again_and_is_told_when_nothing_is_new(lead: Client) -> None:
    live_test = make_live_test()
    result = make_result(live_test)
    text = shown(lead, live_test)
    assert 'hx-trigger="every 3s"' in text
    asked = text.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    htmx = {"HX-Request": "true"}
    assert lead.get(asked, headers=htmx).status_code == HTTPStatus.NO_CONTENT
    result.payload = make_payload(exposed=PerArm(control=6_300, treatment=1_575)).to_dict()
    result.computed_at = NOW + timedelta(seconds=5)
    result.save()
    part = lead.get(asked, headers=htmx)
    assert part.status_code == HTTPStatus.OK
    assert "<html" not in part.content.decode()
    assert "6,300" in part.content.decode()


def test_the_whole_page_is_loaded_again_when_the_test_was_stopped(lead: Client) -> None:
    live_test = make_live_test()
    make_result(live_test)
    asked = shown(lead, live_test).split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    LiveTest.objects.update(status="stopped", stopped_at=NOW)
    answer = lead.get(asked, headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"


@pytest.mark.parametrize("status", ["draft", "registered", "stopped"])
def test_a_test_that_does_not_run_does_not_ask_again(lead: Client, status: str) -> None:
    live_test = make_live_test(status=status, stopped_at=NOW if status == "stopped" else None)
    make_result(live_test)
    assert 'hx-trigger="every' not in shown(lead, live_test)


def test_before_the_first_unit_the_page_says_how_to_send_events(lead: Client) -> None:
    text = shown(lead, make_live_test())
    assert "/api/v1/assign" in text
    assert "/api/v1/events" in text
    assert '"experiment": "support-reply"' in text.replace("&quot;", '"')
    assert "task_completed" in text
    assert "No unit yet" in text


def test_a_result_can_be_taken_away_as_json(lead: Client) -> None:
    live_test = make_live_test()
    target = reverse("export_live_result", args=[live_test.key])
    assert lead.get(target).status_code == HTTPStatus.NOT_FOUND
    make_result(live_test)
    answer = lead.get(target)
    assert answer.json() == make_payload().to_dict()
    assert "support-reply.json" in answer.headers["Content-Disposition"]


def test_names_are_written_as_they_are_and_never_as_html(lead: Client) -> None:
    live_test = make_live_test(name="<b>bold</b> & co")
    evil = replace(COMPLETION, title="</script><script>alert(1)</script>")
    make_result(live_test, make_payload(metrics=(evil,), headline="<img src=x>"))
    text = shown(lead, live_test)
    assert "<b>bold" not in text
    assert "<script>alert" not in text
    assert "<img src=x" not in text


def test_the_page_asks_a_few_queries_however_much_it_shows(
    lead: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    live_test = make_live_test()
    make_result(live_test)
    with django_assert_max_num_queries(8):
        shown(lead, live_test)
    with django_assert_max_num_queries(8):
        asked = reverse("live_test", args=[live_test.key]) + "?seen=earlier"
        lead.get(asked, headers={"HX-Request": "true"})
