"""Reading a comparison in a browser: by keyboard from case to case, in light and dark, wide and narrow."""

import pytest
from playwright.sync_api import Page, expect

from evalsite.platform.embedded.processes import wait_until
from experiments.models import RunComparison
from tests.comparisons.compared import make_comparison
from tests.factories.benchmarks_ import make_scored_run
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import make_user
from tests.journeys.accessibility import problems_of
from tests.running.browser import WatchedBrowser


@pytest.fixture
def page(browser: WatchedBrowser) -> Page:
    return browser.new_page(user=make_user(roles=["lead"]))


def test_regressions_are_paged_by_keyboard(page: Page) -> None:
    comparison = make_comparison([1.0] * 30, [0.0] * 27 + [1.0] * 3)
    page.goto(f"/comparisons/{comparison.pk}/")
    page.get_by_role("link", name="27 worse").click()
    page.wait_for_load_state("load")
    heading = page.locator("#case")
    expect(heading).to_contain_text("1 of 27")
    page.keyboard.press("j")
    expect(heading).to_contain_text("2 of 27")
    expect(heading).to_be_focused()
    expect(page.locator("#announcement")).to_have_text("2 of 27: case 2")
    page.keyboard.press("n")
    expect(heading).to_contain_text("3 of 27")
    page.keyboard.press("k")
    page.keyboard.press("ArrowRight")
    expect(heading).to_contain_text("2 of 27")
    page.keyboard.press("p")
    expect(heading).to_contain_text("1 of 27")
    page.keyboard.press("p")
    expect(page.locator("#announcement")).to_have_text("This is the first case.")
    page.go_back()
    expect(heading).to_contain_text("2 of 27")
    page.reload()
    expect(heading).to_contain_text("2 of 27")


def test_finished_runs_of_a_suite_are_compared_by_a_worker_on_its_own(page: Page) -> None:
    experiment = make_experiment(n_cases=20, role="general")
    eval_set = experiment.suites.get().eval_set
    make_scored_run(eval_set=eval_set, model_version=experiment.baseline, values=[1.0] * 20)
    make_scored_run(eval_set=eval_set, model_version=experiment.candidate, values=[0.0] * 12 + [1.0] * 8)
    assert wait_until(lambda: RunComparison.objects.filter(experiment=experiment, state="worse").exists(), seconds=90)
    page.goto(f"/experiments/{experiment.pk}/")
    page.get_by_role("link", name="Comparison", exact=True).click()
    expect(page.get_by_label("Finding")).to_contain_text("Worse")
    expect(page.get_by_role("link", name="12 worse")).to_be_visible()


def test_keys_do_nothing_while_somebody_writes(page: Page) -> None:
    comparison = make_comparison()
    page.goto(f"/comparisons/{comparison.pk}/changes/")
    page.keyboard.press("/")
    page.keyboard.type("is 2 j?")
    expect(page.locator("#case")).to_contain_text("1 of 2")
    expect(page.locator("#q")).to_have_value("is 2 j?")
    page.locator("#q").fill("is 2")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("#case")).to_contain_text("1 of 1")


def test_the_keys_are_told_by_a_key(page: Page) -> None:
    comparison = make_comparison()
    page.goto(f"/comparisons/{comparison.pk}/changes/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#case")).to_contain_text("1 of 2")
    page.keyboard.press("v")
    expect(page.get_by_role("link", name="Show differences")).to_be_visible()


def test_pages_are_fit_for_everybody(page: Page) -> None:
    comparison = make_comparison([1.0] * 30, [0.0] * 27 + [1.0] * 3, details={"found": "8"}, errors={"30": "timeout"})
    eval_set = comparison.baseline_run.eval_set_id
    for address in (
        "/comparisons/",
        "/comparisons/new",
        f"/comparisons/{comparison.pk}/",
        f"/comparisons/{comparison.pk}/changes/",
        f"/comparisons/history/{eval_set}/",
    ):
        page.goto(address)
        assert not problems_of(page)
