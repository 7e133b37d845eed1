"""Coming in, leaving, jobs and the audit log, in a real browser."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from evalsite.platform.models import Job, User
from tests.factories.platform_ import PASSWORD, make_job, make_user
from tests.journeys.accessibility import assert_accessible
from tests.running.browser import WatchedBrowser

ACCOUNT_PAGES = ["/account", "/people", "/people/invite", "/jobs/", "/audit", "/audit/chain", "/styleguide?errors="]
ERROR_STATUS = "Failed to load resource"


def log_in(page: Page, name: str, password: str) -> None:
    page.goto("/login")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def test_an_invited_person_comes_in_and_an_admin_lets_them_go_again(browser: WatchedBrowser) -> None:
    boss = make_user(username="boss-of-journey", roles=["admin"])
    office = browser.new_page(user=boss)
    office.goto("/people")
    office.get_by_role("link", name="Invite somebody").click()
    office.get_by_role("checkbox", name="Reviewer").check()
    office.get_by_label("For whom").fill("Dana from support")
    office.get_by_role("button", name="Make the link").click()
    link = office.get_by_label("Invitation link").input_value()
    assert_accessible(office)

    home = browser.new_page()
    home.goto(link)
    assert_accessible(home)
    home.get_by_label("Name").fill("dana-of-journey")
    home.get_by_label("Password", exact=True).fill(PASSWORD)
    home.get_by_label("Password again").fill(PASSWORD)
    home.get_by_role("button", name="Make the account").click()
    expect(home.get_by_role("heading", name="My campaigns")).to_be_visible()

    office.goto("/people")
    expect(office.get_by_text("Dana from support")).to_have_count(0)
    office.get_by_role("link", name="dana-of-journey").click()
    assert_accessible(office)
    office.on("dialog", lambda dialog: dialog.accept())
    office.get_by_role("button", name="Switch the account off").click()
    expect(office.get_by_text("cannot log in any more")).to_be_visible()
    home.goto("/review/")
    expect(home.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_question_answered_with_no_does_nothing(browser: WatchedBrowser) -> None:
    page = browser.new_page(user=make_user(roles=["admin"]))
    someone = make_user()
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto(f"/people/{someone.pk}")
    page.get_by_role("button", name="Switch the account off").click()
    assert User.objects.get(pk=someone.pk).is_active


def test_colours_are_chosen_at_once_and_stay(browser: WatchedBrowser) -> None:
    page = browser.new_page(user=make_user(roles=["lead"]), color_scheme="light")
    page.goto("/account")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("main").get_by_role("button", name="Dark").click()
    assert page.evaluate(background) != light
    dark = page.evaluate(background)
    page.reload()
    assert page.evaluate(background) == dark
    page.locator("main").get_by_role("button", name="System").click()
    assert page.evaluate(background) == light


def test_the_menu_opens_and_closes_by_keyboard_and_logs_out(browser: WatchedBrowser) -> None:
    make_user(username="lena-of-journey", roles=["lead"])
    page = browser.new_page()
    log_in(page, "lena-of-journey", PASSWORD)
    page.goto("/account")
    menu = page.locator("summary", has_text="lena-of-journey")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    expect(menu).to_be_focused()
    menu.click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_everything_here_works_without_javascript(browser: WatchedBrowser) -> None:
    make_user(username="plain-of-journey", roles=["lead"])
    page = browser.new_page(java_script_enabled=False)
    log_in(page, "plain-of-journey", PASSWORD)
    page.goto("/account")
    page.locator("main").get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/audit")
    page.get_by_role("link", name="Check the chain").click()
    expect(page.get_by_text("The chain is whole")).to_be_visible()
    page.locator("summary", has_text="plain-of-journey").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_job_page_follows_its_job_to_the_end(browser: WatchedBrowser) -> None:
    now = timezone.now()
    job = make_job(
        status=Job.Status.RUNNING,
        created_at=now,
        started_at=now,
        lease_until=now + timedelta(minutes=5),
        progress_done=1,
        progress_total=10,
    )
    page = browser.new_page(user=make_user(roles=["lead"]))
    page.goto(f"/jobs/{job.pk}")
    expect(page.get_by_text("1 of 10")).to_be_visible()
    assert_accessible(page)
    Job.objects.filter(pk=job.pk).update(progress_done=7)
    expect(page.get_by_text("7 of 10")).to_be_visible()
    Job.objects.filter(pk=job.pk).update(status=Job.Status.FAILED, error="Row 7 is broken.", finished_at=now)
    expect(page.get_by_text("Row 7 is broken.")).to_be_visible()
    expect(page.get_by_role("button", name="Try again from the start")).to_be_visible()


def test_a_button_is_not_renewed_under_a_finger_and_keeps_the_keyboard(browser: WatchedBrowser) -> None:
    now = timezone.now()
    job = make_job(status=Job.Status.RUNNING, created_at=now, started_at=now, lease_until=now + timedelta(minutes=5))
    page = browser.new_page(user=make_user(roles=["lead"]))
    page.goto(f"/jobs/{job.pk}")
    stop = page.get_by_role("button", name="Stop", exact=True)

    stop.focus()
    Job.objects.filter(pk=job.pk).update(progress_done=7, progress_total=10)
    expect(page.get_by_text("7 of 10")).to_be_visible()
    expect(stop).to_be_focused()

    stop.hover()
    page.mouse.down()
    Job.objects.filter(pk=job.pk).update(progress_done=8)
    with page.expect_response(lambda response: response.url.endswith(f"/jobs/{job.pk}")):
        pass
    assert page.get_by_text("7 of 10").is_visible()
    page.mouse.up()
    expect(page.get_by_role("button", name="Stopping …")).to_be_visible()
    assert Job.objects.get(pk=job.pk).cancel_requested


def test_a_part_of_a_page_whose_session_is_over_leads_to_the_login(browser: WatchedBrowser) -> None:
    now = timezone.now()
    job = make_job(status=Job.Status.RUNNING, created_at=now, started_at=now, lease_until=now + timedelta(minutes=5))
    page = browser.new_page(user=make_user(roles=["lead"]))
    page.goto(f"/jobs/{job.pk}")
    Session.objects.all().delete()
    page.wait_for_url("**/login?**")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert page.locator("#state").count() == 0


def test_the_chain_is_checked_in_place(browser: WatchedBrowser) -> None:
    page = browser.new_page(user=make_user(roles=["lead"]))
    page.goto("/audit")
    page.get_by_role("link", name="Check the chain").click()
    expect(page.locator("#chain").get_by_text("The chain is whole")).to_be_visible()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()


@pytest.mark.parametrize("address", ACCOUNT_PAGES)
def test_account_pages_can_be_used_by_everybody(browser: WatchedBrowser, address: str) -> None:
    page = browser.new_page(user=make_user(roles=["admin", "lead"]))
    page.goto(address)
    assert_accessible(page)


@pytest.mark.parametrize("address", ["/nowhere", "/invite/invented"])
def test_error_pages_can_be_used_by_everybody(browser: WatchedBrowser, address: str) -> None:
    browser.forgive(ERROR_STATUS)
    page = browser.new_page(user=make_user(roles=["reviewer"]))
    page.goto(address)
    assert_accessible(page)


def test_a_part_that_cannot_be_loaded_is_told(browser: WatchedBrowser) -> None:
    browser.forgive(ERROR_STATUS)
    browser.forgive("Response Status Error Code")
    page = browser.new_page(user=make_user(roles=["lead"]))
    page.goto("/audit")
    page.route("**/audit/chain", lambda route: route.fulfill(status=503, body="gone"))
    page.get_by_role("link", name="Check the chain").click()
    expect(page.get_by_text("The server could not do this (503)")).to_be_visible()
