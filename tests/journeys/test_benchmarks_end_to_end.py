"""From a file of cases to the ones that got worse: upload, endpoint, two models, two runs, one comparison."""

import json
from pathlib import Path

from django.utils import timezone
from playwright.sync_api import Page, expect

from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.models import Sweep
from experiments.models import BenchmarkRun, EvalSet, ModelVersion, Output, RunComparison
from tests.factories.platform_ import make_user
from tests.journeys.accessibility import assert_accessible
from tests.running.browser import WatchedBrowser
from tests.running.model_answers import slips
from tests.running.model_server import ModelServer

N_CASES = 60
SLOW = 60_000  # a worker on a busy machine
CATEGORIES = ["ports", "rivers"]
# Watches the bar through every renewal of the page; a reload would forget it.
WATCH_THE_BAR = """() => {
    window.seen = [];
    new MutationObserver(() => {
        const bar = document.querySelector("[aria-labelledby=generation] progress");
        if (bar) window.seen.push(bar.value);
    }).observe(document.body, {childList: true, subtree: true});
}"""


def cases() -> list[dict[str, str]]:
    """The model server answers with what follows `answer=`, but for the prompts at which `slips` slips."""
    return [
        {
            "id": f"place-{number}",
            "prompt": f"Name {CATEGORIES[number % 2][:-1]} number {number * 7919 % 1009}. answer=Name-{number * 37}",
            "expected": f"Name-{number * 37}",
            "category": CATEGORIES[number % 2],
        }
        for number in range(N_CASES)
    ]


def lost_cases() -> list[str]:
    return [case["id"] for case in cases() if slips(case["prompt"])]


def import_the_set(page: Page, file: Path) -> None:
    page.goto("/eval-sets/")
    assert_accessible(page)
    page.get_by_role("link", name="Upload the first eval set").click()
    assert_accessible(page)
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text(f"{N_CASES} cases, no error")).to_be_visible(timeout=SLOW)
    preview = page.get_by_role("region", name="The first cases as they will look")
    expect(preview.get_by_role("article").first).to_contain_text("place-0")
    assert not EvalSet.objects.exists()
    assert_accessible(page)
    page.get_by_label("Name of the set").fill("Places")
    page.get_by_role("button", name=f"Import {N_CASES} cases").click()
    page.get_by_role("link", name="Open the eval set").click(timeout=SLOW)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Places")
    expect(page.get_by_label("Category").get_by_role("option", name="ports (30)")).to_be_attached()
    assert_accessible(page)


def make_endpoint(page: Page, address: str) -> None:
    page.goto("/models/")
    page.get_by_role("link", name="Enter an endpoint").click()
    page.get_by_label("Name").fill("House")
    page.get_by_label("Base URL").fill(address)
    page.get_by_label("Calls at once").fill("4")
    assert_accessible(page)
    page.get_by_role("button", name="Make the endpoint").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("House")


def make_version(page: Page, *, name: str, model: str) -> None:
    page.goto("/endpoints/")
    page.get_by_role("link", name="House").click()
    page.get_by_role("link", name="New model version").click()
    page.get_by_role("combobox", name="Model").fill(model)
    page.get_by_role("combobox", name="Name").fill(name)
    page.get_by_role("button", name="Make this version").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def see_it_done(page: Page) -> None:
    """The bar moves while the page stays; then the scores stand there."""
    page.evaluate(WATCH_THE_BAR)
    assert_accessible(page)
    expect(page.get_by_role("link", name="Compare with another run")).to_be_visible(timeout=SLOW)
    seen = page.evaluate("window.seen")
    assert seen == sorted(seen)
    assert len({value for value in seen if 0 < value < N_CASES}) >= 2, seen
    expect(page.get_by_role("region", name=f"{N_CASES} of {N_CASES} cases")).to_be_visible()
    expect(page.get_by_text("No case ended in an error.")).to_be_visible()
    assert_accessible(page)


def passed(page: Page, n: int) -> None:
    primary = page.get_by_role("region", name="Scores of this run").get_by_role("row").filter(has_text="primary")
    expect(primary.first).to_contain_text(f"{n} of {N_CASES}")


def run_from_the_set(page: Page, *, model: str) -> None:
    page.goto("/eval-sets/")
    page.get_by_role("link", name="Places").click()
    page.get_by_role("link", name="Run a model over it").click()
    expect(page.get_by_label("Eval set").locator("option:checked")).to_contain_text("Places")
    choose(page, "Model version", model)
    start(page)


def run_from_the_model(page: Page, *, model: str) -> None:
    page.goto("/models/")
    page.get_by_role("link", name=model).click()
    page.get_by_role("link", name="Run a benchmark").click()
    expect(page.get_by_label("Model version").locator("option:checked")).to_contain_text(model)
    choose(page, "Eval set", "Places")
    start(page)


def start(page: Page) -> None:
    assert_accessible(page)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(f"{N_CASES} of {N_CASES}")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("over Places")


def choose(page: Page, label: str, words: str) -> None:
    """As somebody does who reads the options, which hold more than these words."""
    field = page.get_by_label(label)
    field.select_option(value=field.get_by_role("option").filter(has_text=words).get_attribute("value"))


def compare(page: Page, *, baseline: str) -> None:
    page.get_by_role("link", name="Compare with another run").click()
    expect(page.get_by_label("Candidate run").locator("option:checked")).to_contain_text("Slippery")
    choose(page, "Baseline run", baseline)
    assert_accessible(page)
    page.get_by_role("button", name="Compare these runs").click()
    finding = page.get_by_role("region", name="Finding")
    expect(finding).to_contain_text("Worse", timeout=SLOW)
    expect(finding).to_contain_text("against 100")
    expect(finding).to_contain_text(f"n {N_CASES}")
    assert_accessible(page)


def page_through_the_lost(page: Page) -> None:
    lost = lost_cases()
    page.get_by_role("link", name=f"{len(lost)} worse").first.click()
    heading, announced = page.locator("#case"), page.locator("#announcement")
    expect(heading).to_contain_text(f"1 of {len(lost)}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Was right, is wrong")
    assert_accessible(page)
    met = {heading_id(page)}
    for place in range(2, len(lost) + 1):
        page.keyboard.press("j")
        expect(heading).to_contain_text(f"{place} of {len(lost)}")
        expect(heading).to_be_focused()
        met.add(heading_id(page))
        expect(announced).to_have_text(f"{place} of {len(lost)}: case {heading_id(page)}")
    assert met == set(lost)
    expect(page.locator("#changes")).to_contain_text("Nobody knows.")
    page.keyboard.press("j")
    expect(announced).to_have_text("This is the last case.")
    page.keyboard.press("k")
    expect(heading).to_contain_text(f"{len(lost) - 1} of {len(lost)}")
    expect(announced).to_contain_text(f"{len(lost) - 1} of {len(lost)}: case ")
    assert_accessible(page)


def heading_id(page: Page) -> str:
    return str(page.locator("#case").get_attribute("data-announce")).rpartition(" ")[2]


def test_from_a_file_of_cases_to_those_that_got_worse(browser: WatchedBrowser, tmp_path: Path) -> None:
    assert wait_until(lambda: Sweep.objects.workers_alive(now=timezone.now()), seconds=60, every=0.5)
    file = tmp_path / "places.jsonl"
    file.write_text("\n".join(json.dumps(case) for case in cases()))
    page = browser.new_page(user=make_user(username="ada", roles=["admin"]))
    with ModelServer(wait_ms=500) as server:
        import_the_set(page, file)
        make_endpoint(page, server.base_url)
        make_version(page, name="Steady", model="instant")
        make_version(page, name="Slippery", model="slips")
        run_from_the_set(page, model="Steady")
        see_it_done(page)
        passed(page, N_CASES)
        run_from_the_model(page, model="Slippery")
        see_it_done(page)
        passed(page, N_CASES - len(lost_cases()))
        assert server.record.per_case.total() == 2 * N_CASES
    compare(page, baseline="Steady")
    page_through_the_lost(page)

    assert sorted(ModelVersion.objects.values_list("name", flat=True)) == ["Slippery", "Steady"]
    assert list(BenchmarkRun.objects.values_list("status", "n_done", "n_errors")) == [("done", N_CASES, 0)] * 2
    assert Output.objects.count() == 2 * N_CASES
    assert RunComparison.objects.get().state == "worse"
