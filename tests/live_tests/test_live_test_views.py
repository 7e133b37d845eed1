"""The pages of live tests before and beside their results: the list, the form of a plan, the plan, the steps."""

from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from experiments.models import Exposure, LiveAmendment, LivePlan, LiveResult, LiveTest
from tests.factories.experiments_ import make_experiment, make_model_version
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db
Status = LiveTest.Status
NEW = "/live-tests/new"


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_user(roles=["lead"]))
    return client


def filled_in(*metrics: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """As a browser sends it."""
    said = {
        "token": str(uuid4()),
        "salt": "a1b2",
        "name": "Support bot",
        "unit": "user",
        "split": "20 %",
        "buckets": "10000",
        "routing": "2",
        "baseline": "71.3 %",
        "mde": "5 %",
        "alpha": "5 %",
        "power": "0.8",
        "units_per_day": "800",
        "method": "confidence_sequence",
        "looks": "5",
        "spending": "obrien_fleming",
        "correction": "holm",
        "segments": "plan, country",
        "late_hours": "168",
        "early_minutes": "10",
        "bot_events_per_day": "1000",
    } | fields
    if "control" not in said and "experiment" not in said:
        said |= {"control": make_model_version().pk, "treatment": make_model_version().pk}
    asked = metrics or ({"title": "Task completion", "role": "primary", "kind": "rate", "event": "task_completed"},)
    said |= {"metrics-TOTAL_FORMS": len(asked), "metrics-INITIAL_FORMS": len(asked)}
    for place, metric in enumerate(asked):
        for name, value in {"direction": "higher", "per": "unit", **metric}.items():
            said[f"metrics-{place}-{name}"] = value
    return said


def text(response: Any) -> str:
    return str(response.content.decode())


def test_an_empty_list_says_what_to_do_next(lead: Client) -> None:
    page = text(lead.get(reverse("live_tests")))
    assert "No live test yet" in page
    assert NEW in page


def test_the_list_shows_how_far_each_test_is_and_what_it_found(
    lead: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    running = make_live_test(name="In production")
    make_live_test(name="Being planned", status=Status.DRAFT)
    make_live_test(name="Over", status=Status.STOPPED)
    payload = {"exposed": {"control": 1000, "treatment": 900}, "headline": "Better by 5 points.", "blocked": False}
    LiveResult.objects.create(live_test=running, payload=payload, computed_at=NOW)
    with django_assert_max_num_queries(10):
        page = text(lead.get(reverse("live_tests")))
    assert "Better by 5 points." in page
    assert "1,900" in page
    assert all(name in page for name in ("In production", "Being planned", "Over"))


def test_the_list_is_narrowed_by_state_name_and_experiment(lead: Client) -> None:
    experiment = make_experiment()
    make_live_test(name="Alpha", experiment=experiment)
    make_live_test(name="Beta", key="second", status=Status.DRAFT)

    def shown(**query: Any) -> str:
        return text(lead.get(reverse("live_tests"), query))

    assert "Alpha" in shown(status="running")
    assert "Beta" not in shown(status="running")
    assert "Alpha" not in shown(search="seco")
    assert "Beta" not in shown(experiment=experiment.pk)
    assert "No live test fits this filter" in shown(search="nothing")


def test_a_plan_is_kept_as_a_draft_with_its_size_worked_out(lead: Client) -> None:
    response = lead.post(NEW, filled_in())
    live_test = LiveTest.objects.get()
    assert response.headers["Location"] == reverse("live_test", args=["support-bot"])
    assert (live_test.status, live_test.split, live_test.key) == (Status.DRAFT, 0.2, "support-bot")
    assert live_test.draft["n_per_arm"] == 1472
    assert live_test.draft["days"] == 10
    assert live_test.draft["segments"] == ["plan", "country"]
    assert live_test.draft["metrics"][0]["key"] == "task_completion"


def test_an_experiment_brings_its_arms(lead: Client) -> None:
    experiment = make_experiment()
    lead.post(NEW, filled_in(experiment=experiment.pk))
    made = LiveTest.objects.get()
    assert (made.control, made.treatment, made.experiment) == (experiment.baseline, experiment.candidate, experiment)


def test_a_form_sent_twice_makes_one_test_and_what_was_changed_between_is_taken_over(lead: Client) -> None:
    sent = filled_in()
    lead.post(NEW, sent)
    lead.post(NEW, sent)
    lead.post(NEW, sent | {"mde": "4 %"})
    assert LiveTest.objects.get().draft["mde"] == 0.04


def test_what_is_wrong_stands_beside_its_field(lead: Client) -> None:
    bad = {"title": "P95", "role": "primary", "kind": "quantile", "event": "call"}
    response = lead.post(NEW, filled_in(bad, baseline_sd="", baseline="200", mde="x"))
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter a number" in text(response)
    response = lead.post(NEW, filled_in(bad, baseline="200"))
    page = text(response)
    assert "A quantile needs its q" in page
    assert "the spread of one unit" in page
    assert "does not hold together" in page
    assert not LiveTest.objects.exists()


def test_a_key_in_use_is_refused(lead: Client) -> None:
    make_live_test(key="support-bot")
    response = lead.post(NEW, filled_in())
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose another key" in text(response)


def test_one_more_metric_keeps_what_is_filled_in_and_leaves_out_what_was_removed(lead: Client) -> None:
    sent = filled_in(
        {"title": "Task completion", "role": "primary", "kind": "rate", "event": "task_completed"},
        {"title": "Gone", "role": "secondary", "kind": "rate", "event": "gone", "DELETE": "on"},
        name="Half a plan",
        mde="not yet",
    )
    response = lead.post(NEW, sent | {"add_metric": "1", "preset": "latency"})
    page = text(response)
    assert response.status_code == HTTPStatus.OK
    assert all(words in page for words in ("Half a plan", "not yet", "task_completed", "gateway_call", "latency_p95"))
    assert "Gone" not in page
    assert 'name="metrics-TOTAL_FORMS" value="2"' in page


def test_a_removed_metric_is_not_in_the_plan(lead: Client) -> None:
    lead.post(
        NEW,
        filled_in(
            {"title": "Unfinished", "DELETE": "on"},
            {"title": "Done", "role": "primary", "kind": "rate", "event": "done"},
        ),
    )
    assert [metric["title"] for metric in LiveTest.objects.get().draft["metrics"]] == ["Done"]


def test_the_size_is_shown_without_keeping_anything(lead: Client) -> None:
    response = lead.post(NEW, filled_in() | {"size": "1"})
    assert "1,472" in text(response)
    assert "<polyline" in text(response)
    assert not LiveTest.objects.exists()


def test_a_size_asked_for_while_typing_is_no_error(lead: Client) -> None:
    response = lead.post(NEW, filled_in(mde="") | {"size": "1"}, headers={"HX-Request": "true"})
    assert response.status_code == HTTPStatus.OK
    assert "as soon as the plan holds together" in text(response)


def test_a_draft_is_edited_and_a_registered_plan_is_not(lead: Client) -> None:
    live_test = make_live_test(status=Status.DRAFT, key="bot")
    address = reverse("edit_live_test", args=["bot"])
    assert 'value="Task completion"' in text(lead.get(address))
    lead.post(address, filled_in(name="Renamed", key="bot"))
    live_test.refresh_from_db()
    assert (live_test.name, live_test.split) == ("Renamed", 0.2)
    lead.post(reverse("step_live_test", args=["bot", "register"]))
    assert lead.get(address).headers["Location"] == reverse("live_test_plan", args=["bot"])


def test_a_copy_begins_with_the_plan_and_another_salt(lead: Client) -> None:
    make_live_test(key="bot", name="Bot", mde=0.03)
    page = text(lead.get(NEW, {"copy": "bot"}))
    assert 'value="Bot, again"' in page
    assert 'value="0.03"' in page
    assert 'name="salt" value="a1b2"' not in page


def test_a_draft_is_discarded_and_a_registered_test_stays(lead: Client) -> None:
    make_live_test(status=Status.DRAFT, key="bot")
    assert lead.post(reverse("discard_live_test", args=["bot"])).headers["Location"] == reverse("live_tests")
    assert not LiveTest.objects.exists()
    make_live_test(status=Status.REGISTERED, key="other")
    lead.post(reverse("discard_live_test", args=["other"]))
    assert LiveTest.objects.exists()


def test_the_plan_page_shows_formula_metrics_hash_and_curve(lead: Client) -> None:
    live_test = make_live_test(key="bot")
    page = text(lead.get(reverse("live_test_plan", args=["bot"])))
    assert live_test.plan.sha256 in page
    assert "Two-proportion z-test" in page
    assert "<polyline" in page
    assert "task_completed" in page


def test_the_plan_page_tells_days_at_the_traffic_of_now(lead: Client) -> None:
    live_test = make_live_test(key="bot", status=Status.STOPPED)
    LiveTest.objects.filter(pk=live_test.pk).update(
        stopped_at=NOW.replace(hour=NOW.hour - 2), started_at=NOW.replace(day=1)
    )
    late = NOW.replace(hour=NOW.hour - 4)
    Exposure.objects.bulk_create(
        Exposure(live_test=live_test, unit_id=str(unit), arm="control", source="assigned", exposed_at=late)
        for unit in range(70)
    )
    assert "new units come a day" in text(lead.get(reverse("live_test_plan", args=["bot"])))


def test_another_plan_is_told_the_traffic_of_a_running_test(lead: Client) -> None:
    live_test = make_live_test(key="bot", name="In production")
    LiveTest.objects.filter(pk=live_test.pk).update(started_at=timezone.now() - timedelta(days=2))
    Exposure.objects.bulk_create(
        Exposure(live_test=live_test, unit_id=str(unit), arm="control", source="assigned", exposed_at=timezone.now())
        for unit in range(70)
    )
    assert "In production gets 35 new users a day" in text(lead.get(NEW))
    assert 'name="units_per_day" value="35"' in text(lead.get(NEW, {"copy": "bot"}))


def test_the_hashed_bytes_are_downloaded(lead: Client) -> None:
    live_test = make_live_test(key="bot")
    response = lead.get(reverse("export_live_plan", args=["bot"]))
    assert sha256(response.content).hexdigest() == live_test.plan.sha256
    make_live_test(key="draft", status=Status.DRAFT)
    assert lead.get(reverse("export_live_plan", args=["draft"])).status_code == HTTPStatus.NOT_FOUND


def step(client: Client, key: str, name: str, **said: Any) -> Any:
    return client.post(
        reverse("step_live_test", args=[key, name]), {f"{name}-{field}": value for field, value in said.items()}
    )


def test_a_test_goes_its_way_by_buttons(lead: Client) -> None:
    live_test = make_live_test(status=Status.DRAFT, key="bot", routing={"split": 0.1})
    step(lead, "bot", "register")
    assert LivePlan.objects.filter(live_test=live_test).exists()
    step(lead, "bot", "start")
    step(lead, "bot", "ramp", split="30 %", reason="It holds.", token=uuid4())
    step(lead, "bot", "note", reason="An outage.", token=uuid4())
    step(lead, "bot", "stop", reason="Enough.", token=uuid4())
    live_test.refresh_from_db()
    assert (live_test.status, live_test.split, live_test.stop_reason) == (Status.STOPPED, 0.3, "Enough.")
    assert [row.kind for row in LiveAmendment.objects.order_by("pk")] == ["ramp", "note", "stopped_early"]
    page = text(lead.get(reverse("live_test_plan", args=["bot"])))
    assert all(words in page for words in ("It holds.", "An outage.", "Enough.", "30.0%"))


@pytest.mark.parametrize("name", ["register", "start", "ramp", "stop", "open", "extend", "add_metric", "note"])
def test_each_step_has_a_page_that_asks(lead: Client, name: str) -> None:
    make_live_test(key="bot")
    assert lead.get(reverse("step_live_test", args=["bot", name])).status_code == HTTPStatus.OK


def test_a_step_that_is_refused_says_why(lead: Client) -> None:
    make_live_test(key="bot")
    response = step(lead, "bot", "ramp", split="10 %", reason="Less.", token=uuid4())
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "only be raised" in text(response)
    assert "Nothing is hidden here" in text(step(lead, "bot", "open", reason="Now.", token=uuid4()))
    assert step(lead, "bot", "stop", reason="", token=uuid4()).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert LiveTest.objects.get().status == Status.RUNNING


def test_an_admin_does_not_open_a_result_early(client: Client) -> None:
    client.force_login(make_user(roles=["admin"]))
    make_live_test(key="bot", method="fixed_horizon")
    assert "Only a lead" in text(step(client, "bot", "open", reason="Now.", token=uuid4()))


def test_an_unknown_test_or_step_is_not_found(lead: Client) -> None:
    make_live_test(key="bot")
    for address in ("/live-tests/other/plan", "/live-tests/bot/steps/explode", "/live-tests/other/edit"):
        assert lead.get(address).status_code == HTTPStatus.NOT_FOUND
