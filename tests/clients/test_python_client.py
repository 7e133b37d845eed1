"""The Python client assigns without the network, and sends each event until the site has answered for it."""

import ast
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from unittest.mock import patch

import pytest

from evalsite_client import MOST_AT_ONCE, Evalsite, EvalsiteError, Plan, seconds_to_wait
from tests.clients.receiving import PLAN, Receiver, Told, accept_all
from tests.clients.vectors import CLIENTS

QUICK: dict[str, Any] = {"flush_seconds": 0.01, "first_pause": 0.01, "longest_pause": 0.02, "timeout": 5.0}
CONTROL_UNIT = next(f"u{n}" for n in range(100) if Plan(PLAN).arm(f"u{n}") == "control")
TREATED_UNIT = next(f"u{n}" for n in range(100) if Plan(PLAN).arm(f"u{n}") == "treatment")


@pytest.fixture
def site() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def client_of(site: Receiver, **options: Any) -> Evalsite:
    return Evalsite(site.url + "/", "evs_x", **{**QUICK, **options})


@pytest.fixture
def client(site: Receiver) -> Iterator[Evalsite]:
    with client_of(site) as client:
        yield client


def answered(*statuses: str) -> Told:
    return Told(202, {"results": [{"event_id": "", "status": status, "reason": "so"} for status in statuses]})


def test_an_arm_is_computed_here_and_its_exposure_told_once(site: Receiver, client: Evalsite) -> None:
    assert client.arm("bot", TREATED_UNIT, {"country": "NO", "email": "a@b.example"}) == "treatment"
    assert client.arm("bot", TREATED_UNIT) == "treatment"
    assert client.arm("bot", CONTROL_UNIT) == "control"
    assert client.flush(10)
    told = [(one["event"], one["unit_id"], one["properties"]) for one in site.events]
    assert told == [
        ("exposure", TREATED_UNIT, {"country": "NO", "arm": "treatment"}),
        ("exposure", CONTROL_UNIT, {"arm": "control"}),
    ]
    assert site.asked.count("/api/v1/live-tests/bot/plan") == 1
    assert site.tokens == {"Bearer evs_x"}


def test_a_ramp_moves_nobody_who_was_told_an_arm(site: Receiver) -> None:
    with client_of(site, refresh_seconds=0) as client:
        assert client.arm("bot", CONTROL_UNIT) == "control"
        site.plan = Told(200, {**PLAN, "routing": {"version": 2, "salt": "s", "buckets": 10_000, "split": 1.0}})
        assert client.arm("bot", CONTROL_UNIT) == "control"
        assert client.arm("bot", "new") == "treatment"


def test_a_stopped_test_gives_control_and_tells_nothing(site: Receiver, client: Evalsite) -> None:
    site.plan = Told(200, {**PLAN, "running": False})
    assert client.arm("bot", TREATED_UNIT) == "control"
    assert client.flush(10)
    assert not site.events


def test_without_the_site_a_kept_plan_still_assigns_and_without_one_everybody_is_in_control(site: Receiver) -> None:
    site.plan = Told(503, {"message": "down"})
    with client_of(site, plans=[Plan(Plan(PLAN).to_dict())]) as client:
        assert client.arm("bot", TREATED_UNIT) == "treatment"
        assert client.arm("other", TREATED_UNIT) == "control"
        with pytest.raises(EvalsiteError, match="503: down"):
            client.plan("other")


def test_a_number_is_a_unit_and_a_visitor_without_id_is_in_no_test(site: Receiver, client: Evalsite) -> None:
    assert client.arm("bot", 17) == Plan(PLAN).arm("17")
    assert [client.arm("bot", nobody) for nobody in (None, "")] == ["control", "control"]
    assert client.ask("bot", [17, None, ""]) == {"17": "treatment"}
    assert client.flush(10)
    assert [one["unit_id"] for one in site.events] == ["17"]


def test_a_memory_that_fails_costs_nobody_an_arm(site: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(dict[str, str]):
        def get(self, *_: Any) -> Any:
            raise OSError("store away")

        def __setitem__(self, *_: Any) -> None:
            raise OSError("store away")

    with client_of(site, memory=Broken()) as client:
        assert client.arm("bot", TREATED_UNIT) == "treatment"
    assert "store away" in caplog.text


def test_an_asked_site_remembers_and_an_unreachable_one_gives_control(site: Receiver, client: Evalsite) -> None:
    assert client.ask("bot", ["a", "b", "a"]) == {"a": "treatment", "b": "treatment"}
    assert len(client.ask("bot", [f"u{n}" for n in range(1_500)])) == 1_500
    assert site.asked.count("/api/v1/assign") == 3
    with Evalsite("http://127.0.0.1:9", "evs_x", timeout=1) as lost:
        assert lost.ask("bot", ["a"]) == {"a": "control"}


def test_events_go_in_batches_with_all_they_hold(site: Receiver, client: Evalsite) -> None:
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    with client.changed:
        for number in range(MOST_AT_ONCE + 7):
            client.track("bot", f"u{number}", "done", value=1.5, properties={"a": 1}, conversation_id="c", at=at)
    assert client.flush(10)
    assert len(site.events) == MOST_AT_ONCE + 7 == client.counts["accepted"]
    assert [len(batch) for batch in site.batches] == [MOST_AT_ONCE, 7]
    assert len({one["event_id"] for one in site.events}) == MOST_AT_ONCE + 7
    assert site.events[0].items() >= {
        "event": "done", "experiment": "bot", "unit_id": "u0", "value": 1.5, "properties": {"a": 1},
        "conversation_id": "c", "timestamp": "2026-03-02T09:00:00+00:00",
    }.items()  # fmt: skip


@pytest.mark.parametrize(
    "trouble",
    [
        Told(drop=True),
        Told(500, "oops"),
        Told(503, {"message": "restarting"}),
        Told(429, {"message": "slowly"}, {"Retry-After": "0"}),
        Told(401, {"message": "unknown token"}),
        Told(302, "", {"Location": "http://127.0.0.1:9/"}),
        Told(202, "no JSON"),
        Told(202, {"results": []}),
        Told(202, [1]),
        Told(202, {"results": [7]}),
        Told(202, '{"res', {"Content-Length": "70", "Connection": "close"}),
        Told(503, '{"mes', {"Content-Length": "70", "Connection": "close"}),
    ],
    ids=[
        "dropped",
        "500",
        "503",
        "429",
        "401",
        "redirect",
        "no JSON",
        "too few answers",
        "no object",
        "no answer",
        "half an answer",
        "half an error",
    ],
)
def test_what_passes_by_is_sent_again_with_the_same_ids(site: Receiver, client: Evalsite, trouble: Told) -> None:
    site.script = [trouble, trouble]
    client.track("bot", "u", "done")
    assert client.flush(10)
    assert len(site.batches) == 3
    assert site.batches[0] == site.batches[2]
    assert client.counts == {"accepted": 1}


def test_an_answer_that_breaks_off_costs_nobody_an_arm(site: Receiver) -> None:
    half = {"Content-Length": "70", "Connection": "close"}
    for told in (Told(200, '{"exp', half), Told(200, []), Told(200, {"routing": {}})):
        site.plan = told
        with client_of(site) as client:
            assert client.arm("bot", TREATED_UNIT) == "control"


def test_a_batch_comes_back_whatever_happens_to_it(site: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with client_of(site) as client:
        with patch.object(client, "settle", side_effect=[RuntimeError("a surprise"), None]) as settled:
            client.track("bot", "u", "done")
            assert client.flush(10)
        assert settled.call_count == 2
    assert "a surprise" in caplog.text
    assert site.batches[0] == site.batches[1]


def test_a_failure_is_remembered_so_that_a_site_that_hangs_holds_up_one_call(site: Receiver) -> None:
    site.plan = Told(503, {"message": "down"})
    with client_of(site, retry_seconds=60) as client:
        assert [client.arm("bot", TREATED_UNIT) for _ in range(5)] == ["control"] * 5
        assert len(site.asked) == 1
        site.plan = Told(200, PLAN)
        client.failed["bot"] = (client.failed["bot"][0], time.monotonic())
        assert client.arm("bot", TREATED_UNIT) == "treatment"
        assert not client.failed


def test_while_one_asks_for_the_rule_others_go_on_with_what_is_known(site: Receiver) -> None:
    with client_of(site, plans=[Plan(PLAN)], retry_seconds=0) as client:
        with pytest.raises(EvalsiteError, match="no answer"), patch.object(site, "plan", Told(drop=True)):
            client.plan("other")
        for test in ("bot", "other"):
            client.asking.setdefault(test, threading.Lock()).acquire()
        assert client.arm("bot", TREATED_UNIT) == "treatment"
        assert client.arm("other", TREATED_UNIT) == "control"
        assert site.asked == ["/api/v1/live-tests/other/plan"]


def test_a_batch_too_large_is_halved(site: Receiver, client: Evalsite) -> None:
    def take(events: list[dict[str, Any]]) -> Told:
        return Told(413, {"message": "too large"}) if len(events) > 2 else accept_all(events)

    site.take = take
    with client.changed:
        for number in range(7):
            client.track("bot", f"u{number}", "done")
    assert client.flush(10)
    assert client.counts == {"accepted": 7}


def test_a_request_that_can_never_succeed_is_given_up(site: Receiver, client: Evalsite) -> None:
    site.script = [Told(422, {"message": "no list"})]
    client.track("bot", "u", "done")
    assert client.flush(10)
    assert client.counts == {"refused": 1}


def test_refused_events_are_counted_and_handed_over(site: Receiver) -> None:
    refused: list[tuple[str, str]] = []
    site.take = lambda events: answered(*[one["event"] for one in events])
    with client_of(site, on_refused=lambda event, answer: refused.append((event["event"], answer["reason"]))) as client:
        for status in ("accepted", "duplicate", "late", "malformed"):
            client.track("bot", "u", status)
        assert client.flush(10)
        assert client.counts == {"accepted": 1, "duplicate": 1, "late": 1, "malformed": 1}
    assert refused == [("late", "so"), ("malformed", "so")]


def test_an_event_before_its_exposure_is_sent_again_a_few_times(site: Receiver, client: Evalsite) -> None:
    site.script = [answered("not_exposed"), answered("not_exposed"), answered("accepted")]
    client.track("bot", "u", "done")
    assert client.flush(10)
    assert client.counts == {"accepted": 1}
    site.take = lambda events: answered(*["not_exposed"] * len(events))
    client.track("bot", "v", "done")
    assert client.flush(10)
    assert client.counts == {"accepted": 1, "not_exposed": 1}
    assert len(site.batches) == 3 + 4


def test_what_comes_above_the_queue_is_dropped_and_counted(site: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    site.script = [Told(503, {}, {"Retry-After": "3600"})]
    client = client_of(site, most_queued=3)
    with caplog.at_level(logging.ERROR), client.changed:
        for number in range(5):
            client.track("bot", f"u{number}", "done")
    assert client.counts == {"dropped": 2}
    assert "further ones are dropped" in caplog.text
    client.close(0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_hold_is_told_to_the_caller(client: Evalsite, value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        client.track("bot", "u", "done", value=value)
    with pytest.raises(ValueError, match="zone"):
        client.track("bot", "u", "done", at=datetime(2026, 3, 2))  # noqa: DTZ001 the mistake under test


def test_a_clock_behind_the_sites_dates_events_after_their_exposure(client: Evalsite) -> None:
    at = datetime.now(UTC) + timedelta(minutes=5)
    client.keep_up_with(at.isoformat().replace("+00:00", "Z"))
    client.track("bot", "u", "done")
    [event] = client.queue or [{"timestamp": at.isoformat()}]
    assert datetime.fromisoformat(event["timestamp"]) >= at


def test_a_clock_set_right_is_believed_again(client: Evalsite) -> None:
    site_at = datetime.now(UTC) + timedelta(minutes=5)
    client.keep_up_with(site_at.isoformat())
    client.keep_up_with((site_at - timedelta(days=1)).isoformat())
    assert site_at <= client.now() < site_at + timedelta(minutes=1)
    with patch("evalsite_client.datetime", wraps=datetime) as clock:
        clock.now.return_value = site_at + timedelta(minutes=2)
        assert client.now() == site_at + timedelta(minutes=2)


def run_program(body: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(CLIENTS / "python")}
    subprocess.run([sys.executable, "-c", body], check=True, timeout=60, env=environment)


def test_a_child_process_sends_its_own_events_only(site: Receiver) -> None:
    run_program(f"""
import os
from evalsite_client import Evalsite
client = Evalsite({site.url!r}, "evs_x", flush_seconds=60)
client.track("bot", "parent", "done")
child = os.fork()
if child == 0:
    client.track("bot", "child", "done")
    os._exit(0 if client.flush(10) else 1)
assert os.waitpid(child, 0)[1] == 0
""")
    assert [one["unit_id"] for one in site.events] == ["child", "parent"]


def test_what_waits_is_sent_when_the_program_ends(site: Receiver) -> None:
    run_program(f"""
from evalsite_client import Evalsite
Evalsite({site.url!r}, "evs_x", flush_seconds=60).track("bot", "u", "done")
""")
    assert [one["unit_id"] for one in site.events] == ["u"]


def test_pauses_double_with_chance_in_them_and_heed_the_site(site: Receiver) -> None:
    client = client_of(site, first_pause=1.0, longest_pause=60.0)
    for failures, bound in ((0, 1.0), (3, 8.0), (50, 60.0)):
        assert bound / 2 <= client.pause(failures, None) <= bound
    assert len({client.pause(5, None) for _ in range(5)}) > 1
    assert client.pause(0, 30.0) == 30.0
    client.close()


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert seconds_to_wait("7") == 7.0
    assert seconds_to_wait("-7") == 0.0
    assert 50 < (seconds_to_wait(format_datetime(datetime.now(UTC) + timedelta(minutes=1))) or 0) <= 60
    assert seconds_to_wait("soon") is None
    assert seconds_to_wait(None) is None


def test_the_client_is_one_file_of_the_standard_library_for_python_3_9() -> None:
    tree = ast.parse((CLIENTS / "python" / "evalsite_client.py").read_text(), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert imported <= sys.stdlib_module_names
