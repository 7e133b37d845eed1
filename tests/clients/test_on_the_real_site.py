"""Both clients against the site itself, the JavaScript one in a browser on a page of another origin."""

from collections.abc import Iterator

import pytest
from django.test import override_settings
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from evalsite.platform.embedded.processes import wait_until
from evalsite_client import Evalsite
from experiments.models import ArmConflict, EventBatch, Exposure, LiveEvent, LiveTest
from experiments.routing import assign
from tests.api.calling import Program
from tests.clients.javascript import IN_CHROMIUM
from tests.clients.receiving import Receiver
from tests.factories.live_tests_ import make_live_test

pytestmark = pytest.mark.django_db(transaction=True)

UNITS = [f"user-{number}" for number in range(40)]
IN_A_PAGE = """
async ({ Evalsite }, { site, token, units }) => {
  const evalsite = new Evalsite(site, token, { flushSeconds: 0.01, timeoutSeconds: 60, storage: localStorage });
  const arms = {};
  for (const unit of units) arms[unit] = await evalsite.arm("bot", unit, { country: "NO" });
  for (const unit of units) evalsite.track("bot", unit, "task_completed", { value: 1 });
  const flushed = await evalsite.flush(60);
  const asked = await evalsite.ask("bot", units);
  await evalsite.close();
  return { arms, asked, flushed, counts: evalsite.counts };
}
"""

LEAVING = """
async ({ site, token }) => {
  const { Evalsite } = await import("/evalsite-client.js");
  new Evalsite(site, token, { flushSeconds: 600 }).track("bot", "user-1", "left");
}
"""


def arms_by_the_rule() -> dict[str, str]:
    return {unit: assign("bot", unit, split=0.5, salt="a1b2", version=2) for unit in UNITS}


@pytest.fixture
def test() -> LiveTest:
    return make_live_test(key="bot", segments=["country"])


def test_what_the_python_client_assigns_is_what_the_site_stores(live_server: LiveServer, test: LiveTest) -> None:
    with Evalsite(live_server.url, Program("events").secret, flush_seconds=0.01, timeout=60) as client:
        arms = {unit: client.arm("bot", unit, {"country": "NO"}) for unit in UNITS}
        for unit in UNITS:
            client.track("bot", unit, "task_completed", value=1)
        assert client.flush(60)
        assert client.counts == {"accepted": 2 * len(UNITS)}
        assert client.ask("bot", UNITS) == arms == arms_by_the_rule()
    assert dict(Exposure.objects.values_list("unit_id", "arm")) == arms
    assert set(Exposure.objects.values_list("segment__country", flat=True)) == {"NO"}
    assert LiveEvent.objects.filter(name="task_completed").count() == len(UNITS)
    assert not ArmConflict.objects.exists()


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_page_of_another_origin_does_the_same_in_a_browser(
    live_server: LiveServer, test: LiveTest, shop: Receiver, chromium: Browser
) -> None:
    page = chromium.new_page()
    argument = {"site": live_server.url, "token": Program("events").secret, "units": UNITS}
    page.goto(shop.url)
    with override_settings(CORS_ALLOWED_ORIGINS=[shop.url]):
        found = page.evaluate(IN_CHROMIUM.format(body=IN_A_PAGE), argument)
    assert found == {
        "arms": arms_by_the_rule(), "asked": arms_by_the_rule(), "flushed": True,
        "counts": {"accepted": 2 * len(UNITS)},
    }  # fmt: skip
    assert dict(Exposure.objects.values_list("unit_id", "arm")) == arms_by_the_rule()
    # What still waits when the page goes is sent on its way out.
    with override_settings(CORS_ALLOWED_ORIGINS=[shop.url]):
        page.evaluate(LEAVING, argument)
        page.goto("about:blank")
        assert wait_until(lambda: LiveEvent.objects.filter(name="left", unit_id="user-1").exists(), seconds=20)
    page.close()


def test_a_page_whose_origin_is_not_named_gets_control_and_stores_nothing(
    live_server: LiveServer, test: LiveTest, shop: Receiver, chromium: Browser
) -> None:
    page = chromium.new_page()
    page.goto(shop.url)
    body = """async ({ Evalsite }, { site, token }) => {
      const evalsite = new Evalsite(site, token);
      return [await evalsite.arm("bot", "user-1"), await evalsite.plan("bot").catch((error) => error.status)];
    }"""
    found = page.evaluate(IN_CHROMIUM.format(body=body), {"site": live_server.url, "token": Program("events").secret})
    assert found == ["control", 0]
    assert not Exposure.objects.exists()
    assert not EventBatch.objects.exists()
    page.close()
