"""Hostile texts go in by import, over every page and out by export, unharmed, and run nothing.

The browser runs without the Content-Security-Policy here, so that nothing but the pages themselves holds them back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
import pytest
from django.utils import timezone
from playwright.sync_api import Page

from annotations.models import Assignment, Campaign
from evalsite.platform.models import User
from evalsite.platform.safe_html import ATTRIBUTES, TAGS
from experiments.models import BlindedPair, FileImport
from experiments.services.campaigns import drafts, opening
from experiments.services.campaigns.drafts import CampaignDraft
from experiments.services.file_imports.pair_options import PairOptions
from tests.factories.platform_ import make_user
from tests.journeys.blinded_world import finish, import_rows
from tests.journeys.judging import pair_on
from tests.journeys.naughty_strings import OWN, injected_instructions, the_big_list
from tests.running.browser import WatchedBrowser

NOTE_WHAT_RUNS = """
window.ran = [];
for (const name of ["alert", "confirm", "prompt", "print", "open"]) {
    window[name] = (...said) => { window.ran.push([name, ...said.map(String)]); };
}
"""
# What a text must not have become: other elements, handlers, addresses.
WHAT_TEXTS_BECAME = """
([tags, attributes]) => {
    const odd = [];
    for (const node of document.querySelectorAll(".prose *")) {
        const name = node.localName;
        const known = [...node.attributes].every(({name: one}) => (attributes[name] ?? []).includes(one));
        const harmless = name !== "a" || ["http:", "https:", "mailto:"].includes(node.protocol);
        if (!tags.includes(name) || !known || !harmless) odd.push(node.outerHTML.slice(0, 200));
    }
    const foreign = "iframe, object, embed, base, style, meta[http-equiv], img, main script, .as-written *, pre.raw *";
    odd.push(...[...document.querySelectorAll(foreign)].map((node) => node.outerHTML.slice(0, 200)));
    return {ran: window.ran, odd};
}
"""
JUDGE = """
([comment]) => {
    const turn = document.getElementById("turn");
    const texts = (where) => [...turn.querySelectorAll(where)].map((node) => node.textContent);
    document.getElementById("comment").value = comment;
    return {
        pair: turn.dataset.pair,
        prompt: texts(".prompt-text")[0],
        folded: texts("details.fold .as-written"),
        responses: [...turn.querySelectorAll("article.response")].map(
            (article) => article.querySelector("pre.raw")?.textContent ?? ""),
    };
}
"""
ALLOWED = [sorted(TAGS), {name: sorted([*names, "rel"]) for name, names in ATTRIBUTES.items()}]


@dataclass(frozen=True)
class Naughty:
    texts: list[str]
    file_import: FileImport
    campaign: Campaign
    reviewer: User
    lead: User


def as_browsers_read(text: str) -> str:
    """HTML knows one kind of line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def rows_of(texts: list[str]) -> list[dict[str, Any]]:
    """Each text as prompt, system prompt, earlier turn, and on both sides; a blank one cannot be a prompt alone."""
    rows = []
    for place, text in enumerate(texts):
        following = texts[place - 1] if texts[place - 1] != text else f"{text}!"
        asked = text if text.strip() else f"blank: {text}"
        messages = [
            {"role": "system", "content": text},
            {"role": "user", "content": asked},
            {"role": "assistant", "content": following},
            {"role": "user", "content": asked},
        ]
        rows.append({"id": f"n{place}", "messages": messages, "baseline": text, "candidate": following})
    return rows


def make_naughty(texts: list[str], *, name: str) -> Naughty:
    lead, reviewer = make_user(roles=["lead", "admin"]), make_user(roles=["reviewer"])
    options = PairOptions(
        baseline_name=f"{name} <b>one</b>", candidate_name=f"{name} <b>two</b>", experiment=f"<i>{name}"
    )
    file_import = import_rows(rows_of(texts), filename=f"{name}<u>.jsonl", options=options, by=lead)
    assert file_import.experiment is not None
    draft = CampaignDraft(
        title=f"Round {name} <b>",
        question="<i>Which?",
        guidelines="\n\n".join(texts),
        reviewers=[reviewer],
        reviewers_per_pair=1,
    )
    now = timezone.now()
    campaign = drafts.create(experiment=file_import.experiment, draft=draft, created_by=lead, now=now, rng=Random(3))
    finish(opening.request_opening(campaign=campaign, requested_by=lead, now=now))
    campaign.refresh_from_db()
    return Naughty(texts, file_import, campaign, reviewer, lead)


def unprotected_page(browser: WatchedBrowser, user: User) -> Page:
    page = browser.new_page(user=user, bypass_csp=True)
    page.add_init_script(NOTE_WHAT_RUNS)
    page.on("dialog", lambda dialog: browser.note(f"dialog: {dialog.message}"))
    return page


def assert_nothing_ran(page: Page) -> None:
    assert page.evaluate(WHAT_TEXTS_BECAME, ALLOWED) == {"ran": [], "odd": []}


def judge_all(page: Page, naughty: Naughty) -> Iterator[dict[str, Any]]:
    """By keyboard, with each text as a comment too; what the page showed for each pair."""
    page.goto(f"/review/{naughty.campaign.uuid}/")
    for text in naughty.texts:
        assert_nothing_ran(page)
        shown: dict[str, Any] = page.evaluate(JUDGE, [text])
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        page.wait_for_function("pair => document.getElementById('turn').dataset.pair !== pair", arg=shown["pair"])
        yield {**shown, "comment": text}
    assert pair_on(page) == ""


def expected_by_pair(naughty: Naughty) -> dict[str, dict[str, Any]]:
    """What the page of each assignment has to show, from the rows of the file."""
    rows = {row["id"]: row for row in rows_of(naughty.texts)}
    pairs = {
        pair.task_id: pair for pair in BlindedPair.objects.filter(campaign=naughty.campaign).select_related("case")
    }
    expected = {}
    for assignment in Assignment.objects.filter(campaign=naughty.campaign):
        pair = pairs[assignment.task_id]
        row = rows[pair.case.external_id]
        sides = (
            ["candidate", "baseline"] if assignment.first_option == pair.candidate_option else ["baseline", "candidate"]
        )
        expected[str(assignment.uuid)] = {
            "id": row["id"],
            "prompt": row["messages"][-1]["content"],
            # An empty system prompt is none.
            "folded": [turn["content"] for turn in row["messages"][:-1] if turn["content"] or turn["role"] != "system"],
            "responses": [row[side] for side in sides],
        }
    return expected


def check_shown(seen: list[dict[str, Any]], expected: dict[str, dict[str, Any]]) -> None:
    assert len(seen) == len(expected)
    for shown in seen:
        wanted = expected[shown["pair"]]
        assert shown["prompt"] == as_browsers_read(wanted["prompt"])
        assert shown["folded"] == [as_browsers_read(text) for text in wanted["folded"]]
        # Of a blank response the page says so instead.
        told = [as_browsers_read(text) if text.strip() else "" for text in wanted["responses"]]
        assert shown["responses"] == told


def exported(page: Page, naughty: Naughty, table: str) -> list[dict[str, Any]]:
    answer = page.request.get(f"/campaigns/{naughty.campaign.uuid}/exports/{table}.jsonl")
    assert answer.ok, answer.status_text
    return [orjson.loads(line) for line in answer.body().splitlines()]


def check_exports(
    page: Page, naughty: Naughty, seen: list[dict[str, Any]], expected: dict[str, dict[str, Any]]
) -> None:
    rows = {row["id"]: row for row in rows_of(naughty.texts)}
    preferences = exported(page, naughty, "preferences")
    assert len(preferences) == len(rows)
    chosen = {wanted["id"]: wanted["responses"] for wanted in expected.values()}
    for preference in preferences:
        messages = rows[preference["id"]]["messages"]
        assert preference["system"] == messages[0]["content"]
        assert preference["turns"] == messages[1:-1]
        assert preference["prompt"] == messages[-1]["content"]
        assert [preference["chosen"], preference["rejected"]] == chosen[preference["id"]]
    comments = {expected[shown["pair"]]["id"]: as_browsers_read(shown["comment"]) for shown in seen}
    said = {judgment["question_id"]: judgment["comment"] for judgment in exported(page, naughty, "judgments")}
    assert said == comments


STRINGS: list[Any] = [
    pytest.param(lambda: OWN, id="own"),
    pytest.param(the_big_list, id="big-list", marks=pytest.mark.real_data),
    pytest.param(injected_instructions, id="injected", marks=pytest.mark.real_data),
]


@pytest.mark.parametrize("strings", STRINGS)
def test_texts_pass_import_page_and_export_unharmed_and_run_nothing(
    browser: WatchedBrowser, strings: Callable[[], list[str]], request: pytest.FixtureRequest
) -> None:
    naughty = make_naughty(strings(), name=request.node.callspec.id)
    seen = list(judge_all(unprotected_page(browser, naughty.reviewer), naughty))
    expected = expected_by_pair(naughty)
    check_shown(seen, expected)
    page = unprotected_page(browser, naughty.lead)
    check_exports(page, naughty, seen, expected)
    for path in pages_of_leads(naughty):
        page.goto(path)
        assert_nothing_ran(page)


PAIRS_LOOKED_AT = 20
ROWS_PER_PAGE = 25


def pages_of_leads(naughty: Naughty) -> list[str]:
    """Every page of lists and results; of the pages of single pairs, as many as time allows."""
    campaign = f"/campaigns/{naughty.campaign.uuid}/"
    tasks = sorted(naughty.campaign.tasks.values_list("pk", flat=True))
    numbers = range(1, len(tasks) // ROWS_PER_PAGE + 2)
    return [
        *("/experiments/", f"/experiments/{naughty.file_import.experiment_id}/", "/imports/", "/audit", "/jobs/"),
        *(f"/imports/{naughty.file_import.pk}/", campaign, f"{campaign}manage"),
        *(f"{campaign}pairs/?page={number}" for number in numbers),
        *(f"{campaign}pairs/{task}/" for task in tasks[:: max(1, len(tasks) // PAIRS_LOOKED_AT)]),
    ]
