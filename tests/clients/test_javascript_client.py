"""The JavaScript client does what the Python one does: arms without the network, events until they are answered."""

from collections.abc import Iterator
from typing import Any

import pytest

from evalsite_client import Plan
from tests.clients import javascript
from tests.clients.receiving import PLAN, Receiver, Told
from tests.clients.test_python_client import CONTROL_UNIT, TREATED_UNIT, answered

# A client with short pauses; what the test does with it, then what it counted.
BODY = """
async ({ Evalsite, Plan }, { url, plans = [], more = {} }) => {
  const refused = [];
  const evalsite = new Evalsite(url, "evs_x", {
    flushSeconds: 0.01, firstPause: 0.01, longestPause: 0.02, refreshSeconds: 60, ...more,
    plans: plans.map((raw) => new Plan(raw)), onRefused: (event, answer) => refused.push([event.event, answer.status]),
  });
  const said = await (async () => { %s })();
  const flushed = await evalsite.close(10);
  return { said, flushed, refused, counts: evalsite.counts };
}
"""


@pytest.fixture
def site() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def run(site: Receiver, acts: str, **argument: Any) -> dict[str, Any]:
    found: dict[str, Any] = javascript.run(BODY % acts, {"url": site.url, **argument})
    return found


def test_arms_are_computed_remembered_and_told_once(site: Receiver) -> None:
    acts = f"""
      const arms = [];
      for (const unit of ["{TREATED_UNIT}", "{CONTROL_UNIT}", "{TREATED_UNIT}"]) {{
        arms.push(await evalsite.arm("bot", unit, {{ country: "NO", email: "x" }}));
      }}
      const [one, two] = await Promise.all([evalsite.ask("bot", ["a", "b", "a"]), evalsite.plan("bot")]);
      return [arms, one, two.split];
    """
    found = run(site, acts)
    assert found["said"] == [["treatment", "control", "treatment"], {"a": "treatment", "b": "treatment"}, 0.5]
    assert [(one["event"], one["unit_id"], one["properties"]) for one in site.events] == [
        ("exposure", TREATED_UNIT, {"country": "NO", "arm": "treatment"}),
        ("exposure", CONTROL_UNIT, {"country": "NO", "arm": "control"}),
    ]
    assert site.asked.count("/api/v1/live-tests/bot/plan") == 1
    assert found["counts"] == {"accepted": 2}
    assert site.tokens == {"Bearer evs_x"}


def test_a_number_is_a_unit_and_a_visitor_without_id_is_in_no_test(site: Receiver) -> None:
    acts = """
      delete globalThis.crypto;  // as in Node 18 and on pages without TLS
      return [await evalsite.arm("bot", 17), await evalsite.arm("bot", null), await evalsite.arm("bot", ""),
              await evalsite.ask("bot", [17, undefined, ""])];
    """
    assert run(site, acts)["said"] == [Plan(PLAN).arm("17"), "control", "control", {"17": "treatment"}]
    assert [one["unit_id"] for one in site.events] == ["17"]


def test_without_the_site_a_kept_plan_assigns_and_without_one_everybody_is_in_control(site: Receiver) -> None:
    site.plan = Told(503, {"message": "down"})
    acts = f"""
      return [await evalsite.arm("bot", "{TREATED_UNIT}"), await evalsite.arm("other", "{TREATED_UNIT}"),
              await evalsite.plan("other").catch((error) => [error.message, error.status])];
    """
    found = run(site, acts, plans=[PLAN])
    assert found["said"] == ["treatment", "control", ["the site answered 503: down", 503]]


def test_a_failure_is_remembered_and_a_clock_set_right_is_believed_again(site: Receiver) -> None:
    site.plan = Told(503, {"message": "down"})
    acts = f"""
      const arms = [];
      for (let n = 0; n < 3; n += 1) arms.push(await evalsite.arm("bot", "{TREATED_UNIT}"));
      const right = Date.now;
      const siteAt = right() + 300_000;
      evalsite.keepUpWith(new Date(siteAt).toISOString());
      evalsite.keepUpWith(null);
      const behind = evalsite.now() - siteAt;
      Date.now = () => siteAt + 120_000;
      const after = evalsite.now() - siteAt;
      Date.now = right;
      return [arms, behind >= 0 && behind < 60_000, after];
    """
    assert run(site, acts)["said"] == [["control"] * 3, True, 120_000]
    assert len([one for one in site.asked if one.endswith("/plan")]) == 1


def test_a_stopped_test_gives_control_and_tells_nothing(site: Receiver) -> None:
    site.plan = Told(200, {**PLAN, "running": False})
    assert run(site, f'return evalsite.arm("bot", "{TREATED_UNIT}");')["said"] == "control"
    assert not site.events


def test_what_passes_by_is_sent_again_with_the_same_ids(site: Receiver) -> None:
    site.script = [
        Told(drop=True),
        Told(500, "oops"),
        Told(429, {"message": "slowly"}, {"Retry-After": "0"}),
        Told(401, {}),
        Told(202, "no JSON"),
        Told(202, {"results": []}),
    ]
    found = run(site, 'evalsite.track("bot", "u", "done", { value: 2, properties: { a: 1 }, conversationId: "c" });')
    assert found["flushed"]
    assert found["counts"] == {"accepted": 1}
    # A browser repeats a POST by itself when the connection breaks before an answer.
    assert len(site.batches) >= 7
    assert all(batch == site.batches[0] for batch in site.batches)
    [event] = site.batches[0]
    assert event.items() >= {"event": "done", "value": 2, "properties": {"a": 1}, "conversation_id": "c"}.items()
    assert event["timestamp"].endswith("Z")


def test_batches_hold_500_and_a_batch_too_large_is_halved(site: Receiver) -> None:
    site.script = [Told(413, {"message": "too large"})]
    found = run(site, 'for (let n = 0; n < 600; n += 1) evalsite.track("bot", `u${n}`, "done");')
    assert found["counts"] == {"accepted": 600}
    assert [len(batch) for batch in site.batches][:2] == [500, 250]
    assert {one["unit_id"] for one in site.events} == {f"u{n}" for n in range(600)}


def test_refused_events_are_counted_and_handed_over(site: Receiver) -> None:
    site.script = [Told(422, {"message": "no list"})]
    site.take = lambda events: answered(*[one["event"] for one in events])
    acts = """
      evalsite.track("bot", "u", "never");
      await evalsite.flush(10);
      for (const status of ["accepted", "duplicate", "late", "not_exposed"]) evalsite.track("bot", "u", status);
    """
    found = run(site, acts)
    assert found["counts"] == {"refused": 1, "accepted": 1, "duplicate": 1, "late": 1, "not_exposed": 1}
    assert found["refused"] == [["late", "late"], ["not_exposed", "not_exposed"]]
    assert [one["event"] for one in site.events].count("not_exposed") == 4


def test_what_is_above_the_queue_is_dropped_and_a_value_that_is_no_number_is_told_at_once(site: Receiver) -> None:
    acts = """
      for (let n = 0; n < 5; n += 1) evalsite.track("bot", `u${n}`, "done");
      try { evalsite.track("bot", "u", "done", { value: NaN }); } catch (error) { return error.message; }
    """
    found = run(site, acts, more={"mostQueued": 3})
    assert (found["said"], found["counts"]) == ("value is no number", {"dropped": 2, "accepted": 3})


def test_a_storage_of_the_pages_own_remembers_arms_over_a_ramp(site: Receiver) -> None:
    acts = f"""
      const kept = new Map([["evalsite/bot/{TREATED_UNIT}", "control"]]);
      const storage = {{ getItem: (key) => kept.get(key) ?? null, setItem: () => {{ throw new Error("full"); }} }};
      const other = new Evalsite(url, "evs_x", {{ storage, flushSeconds: 0.01 }});
      const arms = [await other.arm("bot", "{TREATED_UNIT}"), await other.arm("bot", "{CONTROL_UNIT}")];
      await other.close(10);
      return arms;
    """
    assert run(site, acts)["said"] == ["control", "control"]
    assert [one["unit_id"] for one in site.events] == [CONTROL_UNIT]
