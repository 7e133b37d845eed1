"""A lead registers the policy, watches evidence arrive from all three layers, signs against it, prints, signs again."""

import json
from datetime import timedelta
from uuid import uuid4

from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from annotations.models import Campaign
from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.models import Sweep, User
from experiments.models import Decision, EvalSet, Experiment, ExperimentSuite, LiveTest
from experiments.policy import Criterion, EvidenceRef, Policy
from experiments.services import decisions
from experiments.services.live_tests import drafting, registering, running, simulating
from experiments.services.live_tests.truths import Truth
from tests.factories.experiments_ import content_hash, make_case, make_model_version, make_output
from tests.factories.live_tests_ import raw_plan
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import make_judged_campaign
from tests.journeys.accessibility import assert_accessible
from tests.running.browser import WatchedBrowser

N_CASES = 40
N_UNITS = 600
SLOW = 90_000  # a worker on a busy machine
GAIN, PREFERENCE, COMPLETION = "Target task improves", "Reviewers prefer it", "Users complete their task"


def policy() -> dict[str, object]:
    """One criterion of each layer."""
    target = EvidenceRef(layer="benchmark", metric="value", role="target")
    criteria = (
        Criterion(key="gain", title=GAIN, evidence=target, comparison="points", direction="at_least", threshold=0.05),
        Criterion(
            key="preference",
            title=PREFERENCE,
            evidence=EvidenceRef(layer="human", metric="win_rate"),
            comparison="absolute",
            direction="at_least",
            threshold=0.6,
            rule="observed",
        ),
        Criterion(
            key="completion",
            title=COMPLETION,
            evidence=EvidenceRef(layer="live", metric="primary"),
            comparison="points",
            direction="at_least",
            threshold=0.0,
        ),
    )
    return Policy(title="Support bot", criteria=criteria).to_dict()


def make_world() -> Experiment:
    """The candidate answers every case rightly, the baseline every second one; nothing has been run or judged."""
    baseline, candidate = make_model_version(name="Hazel"), make_model_version(name="Rowan")
    experiment = Experiment.objects.create(
        name="Rowan on support", baseline=baseline, candidate=candidate, created_at=NOW
    )
    eval_set = EvalSet.objects.create(
        name="Refunds", version=1, n_cases=N_CASES, content_hash=content_hash(), created_at=NOW
    )
    for number in range(N_CASES):
        case = make_case(eval_set=eval_set, position=number, expected=f"Form {number}", category=["a", "b"][number % 2])
        make_output(model_version=candidate, case=case, text=f"Form {number}")
        make_output(model_version=baseline, case=case, text=f"Form {number}" if number % 2 else "Who knows.")
    ExperimentSuite.objects.create(experiment=experiment, eval_set=eval_set)
    return experiment


def row(page: Page, title: str) -> Locator:
    return page.locator("tbody.criterion").filter(has_text=title)


def register_the_policy(page: Page, experiment: Experiment) -> None:
    page.goto("/experiments/")
    page.get_by_role("link", name=experiment.name).click()
    expect(page.get_by_role("heading", name="No policy registered yet")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Write the policy").click()
    page.get_by_label("Or its text").fill(json.dumps(policy()))
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("button", name="Register the policy").click()
    page.get_by_role("link", name="Dashboard").click()
    for title in (GAIN, PREFERENCE, COMPLETION):
        expect(row(page, title)).to_contain_text("no evidence", timeout=SLOW)
    expect(page.get_by_label("Verdict", exact=True)).to_contain_text("INCONCLUSIVE")
    assert_accessible(page)


def run_the_suite(page: Page) -> None:
    page.get_by_role("button", name="Run both models").click()
    page.evaluate("window.stayed = true")  # a reload would forget it
    expect(row(page, GAIN).locator("tr").first).to_contain_text("met", timeout=SLOW)
    expect(row(page, GAIN)).to_contain_text("+50.0 pts")


def let_reviewers_judge(page: Page, experiment: Experiment) -> Campaign:
    row(page, GAIN).locator("summary").click()  # stays open, and keeps the keyboard, while the page renews itself
    campaign = make_judged_campaign(experiment=experiment, winners=["candidate", "candidate", "candidate", "baseline"])
    expect(row(page, PREFERENCE).locator("tr").first).to_contain_text("75.0%", timeout=SLOW)
    expect(row(page, PREFERENCE).locator("tr").first).to_contain_text("met")
    expect(row(page, GAIN).locator("dl")).to_be_visible()
    expect(row(page, GAIN).locator("summary")).to_be_focused()
    return campaign


def let_users_come(page: Page, experiment: Experiment) -> LiveTest:
    start = timezone.now() - timedelta(hours=1)
    live_test = drafting.create(
        name="Rowan for half of all users",
        key="rowan",
        control=experiment.baseline,
        treatment=experiment.candidate,
        draft=raw_plan(),
        experiment=experiment,
        token=uuid4(),
        created_by=None,
        now=start,
    )
    registering.register(live_test=live_test, registered_by=None, now=start)
    live_test = running.start(live_test=live_test, actor=None, now=start)
    coming = simulating.traffic(
        live_test,
        units=(N_UNITS // 2, N_UNITS // 2),
        truths={"completion": Truth(control=0.5, treatment=0.8)},
        exact=True,
        seed=3,
    )
    simulating.spread(live_test, coming, start=start, end=timezone.now())
    expect(row(page, COMPLETION).locator("tr").first).to_contain_text("+30.0 pts", timeout=SLOW)
    return live_test


def sign_against_the_rule(page: Page) -> None:
    expect(page.get_by_label("Verdict", exact=True)).to_contain_text("GO")
    expect(page.get_by_label("Verdict", exact=True)).to_contain_text("All three criteria are met.")
    assert page.evaluate("window.stayed") is True
    expect(page.locator("#verdict-news")).to_have_text("The verdict is now GO.")
    assert_accessible(page)
    page.get_by_role("link", name="Sign a decision").click()
    page.get_by_label("NO-GO, against the rule").check()
    page.get_by_label("Comment").fill("We wait for the audit of the refunds.")
    assert_accessible(page)
    page.get_by_role("button", name="Sign as").click()
    expect(page.get_by_text("The rule gives GO. Say why you sign NO-GO.")).to_be_visible()
    expect(page.get_by_label("Comment")).to_have_value("We wait for the audit of the refunds.")
    page.get_by_label("Why against the rule").fill("Legal has not signed the new refund texts.")
    page.get_by_role("button", name="Sign as").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Decision 1")
    expect(page.get_by_label("Signed against the rule")).to_contain_text("Legal has not signed")
    expect(page.get_by_text("Recomputed just now: the same bytes.")).to_be_visible()
    assert_accessible(page)


def print_it(page: Page) -> None:
    page.get_by_role("link", name="Report to print").click()
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    assert_accessible(page)
    page.emulate_media(media="print")
    for hidden in (page.get_by_role("navigation", name="Main"), page.get_by_role("button", name="Print")):
        expect(hidden).to_be_hidden()
    for title in ("Health of the data", "On the record", "What was compared", "Frozen with the signature"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="screen")
    with page.expect_download() as download:
        page.get_by_role("link", name="Markdown").click()
    assert "Signed against the rule, which gave GO." in download.value.path().read_text()


def sign_as_the_rule_gives(page: Page, experiment: Experiment) -> None:
    page.goto(f"/experiments/{experiment.pk}/")
    page.get_by_role("link", name="Sign a new decision").click()
    page.get_by_label("Comment").fill("Legal has signed. To all customers from Monday.")
    page.get_by_role("button", name="Sign as").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Decision 2")
    page.get_by_role("link", name="Decisions", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="Decision 1")).to_contain_text("overridden")
    assert_accessible(page)
    page.get_by_role("link", name="Decision 1").click()
    expect(page.get_by_text("Superseded by decision 2")).to_be_visible()
    expect(page.get_by_label("Signed against the rule")).to_contain_text("Legal has not signed")


def read_the_overview(page: Page, experiment: Experiment) -> None:
    page.goto("/experiments/?verdict=GO&signed=yes")
    expect(page.get_by_role("row").filter(has_text=experiment.name)).to_contain_text("+50.0 pts")
    assert_accessible(page)


def test_a_lead_decides_by_evidence_from_all_three_layers(browser: WatchedBrowser) -> None:
    assert wait_until(lambda: Sweep.objects.workers_alive(now=timezone.now()), seconds=60, every=0.5)
    browser.forgive("422 (Unprocessable")  # the override without its reason
    lead: User = make_user(username="ada", roles=["lead"])
    experiment = make_world()
    page = browser.new_page(user=lead)
    register_the_policy(page, experiment)
    run_the_suite(page)
    let_reviewers_judge(page, experiment)
    let_users_come(page, experiment)
    sign_against_the_rule(page)
    print_it(page)
    sign_as_the_rule_gives(page, experiment)
    read_the_overview(page, experiment)

    signed = list(Decision.objects.order_by("number"))
    assert [(one.verdict, one.computed_verdict) for one in signed] == [("NO-GO", "GO"), ("GO", "GO")]
    assert all(decisions.recompute(one).is_same for one in signed)
