"""The result outside of the page: on the command line and over the API."""

from datetime import timedelta
from io import StringIO

import orjson
import pytest
from django.core.management import CommandError, call_command

from experiments.models import EventBatch, LiveTest
from experiments.reports.live.payload import LivePayload
from experiments.services import live_results
from tests.api.calling import Program
from tests.factories.live_results_ import fill, first
from tests.factories.live_tests_ import COMPLETION, Status, make_live_test
from tests.factories.platform_ import NOW
from tests.live_results.test_results import CRASHES, FIXED, LATENCY, SMALL

pytestmark = pytest.mark.django_db


@pytest.fixture
def live_test() -> LiveTest:
    live_test = make_live_test(
        key="support-bot", metrics=[COMPLETION, LATENCY, CRASHES], segments=["os"], correction="bh", **SMALL
    )
    for arm, hits in (("control", 100), ("treatment", 180)):
        counted = {"completion": first(hits), "crashes": first(3)}
        fill(live_test, arm, 300, counted, segment=lambda unit: {"os": "ios" if unit % 2 else "android"})
    return live_test


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("live_report", *arguments, stdout=out)
    return out.getvalue()


def test_the_report_says_in_words_what_the_page_says(live_test: LiveTest) -> None:
    text = printed("support-bot")
    assert text.startswith("Task completion is higher with treatment, which is better: 60.0% against 33.3%")
    for part in (
        "confidence sequence, valid at every look",
        "ok: 50.00% of 600 units are in treatment",
        "metrics, secondary ones corrected by Benjamini-Hochberg",
        "secondary: undefined",
        "n 300 and 300",
        "Crashes",
        "segments, exploration",
        "os ios",
    ):
        assert part in text, part


def test_the_report_as_json_is_the_payload(live_test: LiveTest) -> None:
    told = orjson.loads(printed("support-bot", "--format", "json"))
    kept = live_results.payload_of(live_test, now=NOW).to_dict()
    assert told["metrics"] == kept["metrics"]
    assert told["metrics"][0]["control"] == pytest.approx(1 / 3)


def test_the_report_counts_what_has_come_in_since(live_test: LiveTest) -> None:
    printed("support-bot")
    fill(live_test, "control", 10, {}, prefix="more", at=NOW + timedelta(hours=1))
    assert "310 control" in printed("support-bot")


def test_the_report_of_an_unknown_test_or_a_draft_says_so() -> None:
    with pytest.raises(CommandError, match="no live test 'nowhere'"):
        printed("nowhere")
    draft = make_live_test(status=Status.DRAFT)
    with pytest.raises(CommandError, match="no result before it starts"):
        printed(draft.key)


def test_the_api_tells_the_same_and_says_when_it_is_behind(live_test: LiveTest) -> None:
    program = Program("read")
    live_results.calculate(live_test=live_test, now=NOW)
    told = program.get("/live-tests/support-bot/results")
    assert told.status_code == 200
    assert LivePayload.from_dict(told.json()) == live_results.payload_of(live_test, now=NOW)
    EventBatch.objects.create(live_test=live_test, n=1, received_at=NOW)
    assert program.get("/live-tests/support-bot/results").status_code == 202


def test_the_api_hides_what_the_plan_hides() -> None:
    live_test = make_live_test(**FIXED)
    fill(live_test, "control", 100, {"completion": first(10)})
    fill(live_test, "treatment", 100, {"completion": first(90)})
    live_results.calculate(live_test=live_test, now=NOW)
    told = Program("read").get(f"/live-tests/{live_test.key}/results").json()
    assert told["hidden"]
    assert [row["difference"] for row in told["metrics"]] == [None]


def test_the_api_knows_no_result_before_the_start_and_needs_its_scope(live_test: LiveTest) -> None:
    registered = make_live_test(status=Status.REGISTERED)
    program = Program("read")
    assert program.get(f"/live-tests/{registered.key}/results").json()["code"] == "not_started"
    waiting = program.get("/live-tests/support-bot/results")
    assert (waiting.status_code, waiting.json()["code"], waiting.headers["Retry-After"]) == (409, "not_computed", "5")
    assert program.get("/live-tests/nowhere/results").status_code == 404
    assert Program("events").get("/live-tests/support-bot/results").status_code == 403
