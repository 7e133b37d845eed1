"""A lead enters a model server, stores its key, checks it, and makes two versions of a model on it."""

from experiments.models import Endpoint, ModelVersion
from tests.factories.results_ import make_lead
from tests.journeys.accessibility import problems_of
from tests.running.browser import WatchedBrowser
from tests.running.model_server import ModelServer


def test_from_an_address_to_two_versions_of_a_model(browser: WatchedBrowser) -> None:
    browser.forgive("422 (Unprocessable Entity)")
    page = browser.new_page(user=make_lead())
    problems: list[str] = []
    with ModelServer(key="sk-journey-0123456789") as server:
        page.goto("/models/")
        problems += problems_of(page)
        page.get_by_role("link", name="Enter an endpoint").click()
        problems += problems_of(page)
        page.get_by_label("Name").fill("House")
        page.get_by_label("Base URL").fill(server.base_url)
        page.get_by_role("button", name="Make the endpoint").click()

        page.get_by_role("button", name="Check this endpoint").click()
        page.get_by_text("The server does not accept the key (401).").first.wait_for()
        page.get_by_label("API key").fill("sk-journey-0123456789")
        page.get_by_role("button", name="Store the key").click()
        page.get_by_text("Nobody can read it here").wait_for()
        assert "sk-journey" not in page.content()
        page.get_by_role("button", name="Check again").click()
        page.get_by_text("It calls tools").wait_for()
        page.get_by_text("4 models it lists").click()
        problems += problems_of(page)

        page.get_by_role("link", name="logprobs", exact=True).click()
        problems += problems_of(page)
        assert page.get_by_role("combobox", name="Model").input_value() == "logprobs"
        page.get_by_role("combobox", name="Name").fill("Support bot")
        page.get_by_role("textbox", name="Prompt template").fill("Customer: {promt}")
        page.get_by_role("button", name="Make this version").click()
        page.get_by_text("Did you mean {prompt}?").wait_for()
        page.get_by_role("textbox", name="Prompt template").fill("Customer: {prompt}")
        page.get_by_role("button", name="Make this version").click()
        page.get_by_role("heading", name="Support bot version 1").wait_for()
        problems += problems_of(page)

        page.get_by_role("link", name="New version from this one").click()
        page.get_by_role("textbox", name="System prompt").fill("Be kind.")
        page.get_by_role("button", name="Make this version").click()
        page.get_by_role("heading", name="Support bot version 2").wait_for()
        page.goto("/models/")
        problems += problems_of(page)
        page.goto("/endpoints/")
        problems += problems_of(page)
        assert page.get_by_text("answering").is_visible()
    assert problems == []
    assert Endpoint.objects.get().name == "House"
    versions = ModelVersion.objects.filter(name="Support bot").order_by("pk")
    assert [(each.version, each.system_prompt) for each in versions] == [("1", ""), ("2", "Be kind.")]
