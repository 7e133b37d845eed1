"""A metric added to a registered plan: of all events so far, told as such for ever, and never the primary one."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from evalsite.platform.models import AuditEntry
from experiments.live_plan import PlanRefused
from experiments.models import LiveAmendment, LiveTest, UnitMetric
from experiments.services.live_tests import adding, amending, running
from experiments.services.live_tests.drafting import TestRefused
from experiments.services.live_traffic import folding
from experiments.services.live_traffic.ingesting import ingest
from tests.api.calling import Program
from tests.factories.live_events_ import LATER, event, expose_units
from tests.factories.live_results_ import Sums, fill, first, result_of
from tests.factories.live_tests_ import COMPLETION, Status, make_live_test
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db
RATED: dict[str, Any] = {"key": "csat", "title": "CSAT", "kind": "mean", "event": "rated", "per": "unit_with_event"}
CRASHED: dict[str, Any] = {
    "key": "crashes",
    "kind": "rate",
    "event": "crashed",
    "role": "guardrail",
    "direction": "lower",
}


def add(live_test: LiveTest, raw: Any = RATED, **more: Any) -> LiveAmendment:
    said: dict[str, Any] = {"reason": "Support asked for it.", "token": uuid4(), "actor": None, "now": LATER} | more
    return adding.add_metric(live_test=live_test, raw=raw, **said)


def sums(metric: str) -> dict[str, tuple[int, float]]:
    return {one.unit_id: (one.n, one.total) for one in UnitMetric.objects.filter(metric=metric)}


def send(*events: dict[str, Any]) -> None:
    assert {one.status for one in ingest(list(events), now=LATER)} == {"accepted"}


def turns_and(more: float) -> Callable[[int], Sums | None]:
    return lambda unit: {"n": 1, "total": 4 + unit % 5 + more}


def test_it_is_summed_up_of_all_events_before_and_after_and_nothing_counts_twice() -> None:
    live_test = make_live_test(key="test")
    expose_units(live_test, "ada", "bob")
    send(event("task_completed"), event("rated", value=4), event("rated", value=2, unit_id="bob"))
    folding.fold(live_test.pk, now=LATER)
    send(event("rated", value=5))
    assert not sums("csat")
    add(live_test)
    assert sums("csat") == {"ada": (1, 4), "bob": (1, 2)}
    assert folding.fold(live_test.pk, now=LATER) == 1
    assert sums("csat") == {"ada": (2, 9), "bob": (1, 2)}
    assert sums("completion") == {"ada": (1, 1)}
    folding.refold(live_test.pk, now=LATER)
    assert sums("csat") == {"ada": (2, 9), "bob": (1, 2)}


def test_it_stands_beside_the_result_with_its_time_and_widens_its_family() -> None:
    """The earlier metrics keep what their looks have said; the correction counts one test more."""
    turns = {"key": "turns", "kind": "mean", "event": "turn", "direction": "lower"}
    live_test = make_live_test(metrics=[COMPLETION, turns], n_per_arm=400, small_reason="a test")
    fill(live_test, "control", 300, {"completion": first(150), "turns": turns_and(0)})
    fill(live_test, "treatment", 300, {"completion": first(150), "turns": turns_and(0.42)})
    before = result_of(live_test).metric("turns")
    add(live_test, now=NOW + timedelta(hours=1))
    payload = result_of(live_test, now=NOW + timedelta(hours=2))
    now, added = payload.metric("turns"), payload.metric("csat")
    assert before is not None
    assert now is not None
    assert added is not None
    assert (now.p_value, now.added_at, now.warnings) == (before.p_value, None, before.warnings)
    assert before.p_corrected == pytest.approx(before.p_value)
    assert added.added_at == NOW + timedelta(hours=1)
    assert "after the start" in added.warnings[-1]
    assert [one.kind for one in payload.amendments] == ["metrics"]
    for arm in ("control", "treatment"):
        for one in range(150):
            UnitMetric.objects.create(live_test=live_test, metric="csat", unit_id=f"{arm}{one}", n=1, total=1 + one % 5)
    corrected = result_of(live_test, now=NOW + timedelta(hours=3)).metric("turns")
    assert corrected is not None
    assert corrected.p_corrected == pytest.approx(min(1.0, 2 * (before.p_value or 0)))


def test_an_added_guardrail_is_watched() -> None:
    live_test = make_live_test(metrics=[COMPLETION], n_per_arm=400, small_reason="a test")
    for arm in ("control", "treatment"):
        fill(live_test, arm, 300, {"completion": first(150)})
    add(live_test, CRASHED)
    for arm, crashed in (("control", 10), ("treatment", 120)):
        units = [f"{arm}{number}" for number in range(crashed)]
        UnitMetric.objects.bulk_create(
            UnitMetric(live_test=live_test, metric="crashes", unit_id=unit, n=1, total=1) for unit in units
        )
    [guardrail] = result_of(live_test).guardrails
    assert guardrail.status == "breached"


def test_the_same_form_adds_it_once() -> None:
    live_test, token = make_live_test(), uuid4()
    assert add(live_test, token=token) == add(live_test, token=token)
    with pytest.raises(TestRefused, match="sent before"):
        add(live_test, {**RATED, "cap": 5}, token=token)
    assert [one.key for one in running.plan_of(live_test).metrics] == ["completion", "csat"]
    assert AuditEntry.objects.filter(action="live_test.metric_added", details__metric="csat").count() == 1


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({**RATED, "role": "primary"}, "the primary one stands"),
        ({**RATED, "covariate": {"event": "rated", "days": 7}}, "was not taken"),
        ({**RATED, "key": "completion"}, "in the plan already"),
        ({**RATED, "q": 0.5}, "only a quantile"),
        ({}, "metric.key"),
    ],
)
def test_what_may_not_be_added_is_named(raw: dict[str, Any], words: str) -> None:
    live_test = make_live_test()
    with pytest.raises(PlanRefused, match=words):
        add(live_test, raw)
    assert not LiveAmendment.objects.exists()


def opened(live_test: LiveTest) -> None:
    amending.open_early(live_test=live_test, reason="Curious.", token=uuid4(), actor=None, now=LATER)


def stopped(live_test: LiveTest) -> None:
    running.stop(live_test=live_test, reason="Enough.", token=uuid4(), actor=None, now=LATER)


@pytest.mark.parametrize(("end", "words"), [(opened, "is open"), (stopped, "is stopped")])
def test_a_metric_is_not_chosen_by_what_it_shows(end: Callable[[LiveTest], None], words: str) -> None:
    live_test = make_live_test(method="fixed_horizon")
    end(live_test)
    with pytest.raises(TestRefused, match=words):
        add(live_test)


def test_a_draft_is_changed_instead_and_a_reason_is_asked_for() -> None:
    with pytest.raises(TestRefused, match="draft"):
        add(make_live_test(status=Status.DRAFT))
    with pytest.raises(TestRefused, match="Say why"):
        add(make_live_test(key="other"), reason=" ")


def test_of_very_many_events_a_command_sums_it_up(tmp_path: Path) -> None:
    live_test = make_live_test(key="test")
    expose_units(live_test, "ada")
    send(event("rated", value=4), event("rated", value=5))
    folding.fold(live_test.pk, now=LATER)
    with pytest.raises(TestRefused, match="step_live_test test add_metric"):
        add(live_test, most_events=1)
    file = tmp_path / "metric.json"
    file.write_bytes(orjson.dumps(RATED))
    call_command("step_live_test", "test", "add_metric", "--metric", str(file), "--reason", "Support asked for it.")
    assert sums("csat") == {"ada": (2, 9)}
    for text, words in (("[]", "one metric"), ("{", "JSON")):
        file.write_text(text)
        with pytest.raises(CommandError, match=words):
            call_command("step_live_test", "test", "add_metric", "--metric", str(file), "--reason", "x")


def test_its_page_asks_and_the_test_tells(client: Client) -> None:
    client.force_login(make_user(roles=["lead"]))
    live_test = make_live_test(key="test")
    target = reverse("step_live_test", args=["test", "add_metric"])
    page = client.get(target).content.decode()
    assert "covariate" not in page
    assert 'value="primary"' not in page
    said = {"title": "Crashes", "role": "guardrail", "kind": "rate", "event": "crashed", "direction": "lower"}
    sent = {f"add_metric-{name}": value for name, value in {**said, "reason": "They were forgotten."}.items()}
    refused = client.post(target, {**sent, "add_metric-q": ".5"})
    assert refused.status_code == 422
    assert "only a quantile" in refused.content.decode()
    assert client.post(target, sent).status_code == 302
    assert running.plan_of(live_test).metric("crashes").role == "guardrail"
    text = client.get(reverse("live_test_plan", args=["test"])).content.decode()
    assert "Crashes added as guardrail" in text
    assert "They were forgotten." in text
    assert "added later" in text
    assert "extended to" not in text
    expose_units(live_test, "ada")
    assert "Crashes" in client.get(reverse("live_test_unit", args=["test"]), {"id": "ada"}).content.decode()


def test_a_program_adds_it_too() -> None:
    make_live_test(key="test")
    program = Program("live")
    answer = program.post("/live-tests/test/steps/add_metric", {"metric": RATED, "reason": "Support asked for it."})
    assert answer.status_code == 200, answer.content
    assert answer.json()["amendments"][-1]["change"]["added"]["key"] == "csat"
    wrong = program.post("/live-tests/test/steps/add_metric", {"metric": {**RATED, "q": 2}, "reason": "x"})
    assert wrong.status_code == 422
    assert "metric.q" in wrong.content.decode()
