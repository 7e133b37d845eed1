"""Loading the shipped example through the real services."""

from itertools import count
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.utils import timezone

from annotations.models import Assignment, Campaign, ComparisonTask, Judgment
from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import CampaignResult
from experiments.services import demo, demo_live, demo_reviews, demo_verdicts, results

pytestmark = pytest.mark.django_db(transaction=True)
CASE_COUNTED = {"annotations", "experiments", "platform"}


@pytest.fixture(autouse=True)
def without_live_tests_and_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs are tests of their own: ten thousand visitors need not come again for each of these."""
    monkeypatch.setattr(demo_live, "EXAMPLES", ())
    monkeypatch.setattr(demo_verdicts, "EXAMPLES", ())


def rows() -> dict[str, int]:
    models = [model for model in apps.get_models() if model._meta.app_label in CASE_COUNTED]
    return {model.__name__: model._default_manager.count() for model in models}


def test_one_round_is_finished_and_tells_the_direction_the_other_is_under_way_and_does_not() -> None:
    call_command("load_demo")
    pilot = Campaign.objects.get(title=demo.PILOT.title)
    running = Campaign.objects.get(title=demo.RUNNING.title)
    assert pilot.status == Campaign.Status.CLOSED
    assert running.status == Campaign.Status.OPEN
    assert running.n_tasks == 38
    assert running.n_identical == 2
    finished = CampaignResult.objects.get(campaign=pilot)
    assert finished.revealed
    assert all(finished.payload["human"]["outcomes"].values())
    assert 0.3 < finished.payload["human"]["agreement"]["krippendorff_alpha"]["estimate"] < 0.8
    assert not CampaignResult.objects.get(campaign=running).revealed
    gold = CampaignResult.objects.get(campaign=running).payload["human"]["gold"]
    assert (gold["n_pairs"], gold["failed"]) == (4, False)
    assert 0.7 < gold["accuracy"]["estimate"] < 1
    for reviewer, done in (demo.RUNNING.done or {}).items():
        assert (
            Judgment.objects.filter(assignment__campaign=running, assignment__reviewer__username=reviewer).count()
            == done
        )


def test_the_one_who_tries_it_finds_pairs_to_judge_and_learns_the_direction_after_the_last() -> None:
    call_command("load_demo")
    running = Campaign.objects.get(title=demo.RUNNING.title)
    judged = Assignment.objects.filter(campaign=running, reviewer__username="reviewer").values("task")
    assert ComparisonTask.objects.filter(campaign=running).wanting_judgments().exclude(pk__in=judged).count() == 22
    visitor = demo_reviews.review(
        campaign=running,
        reviewer=User.objects.get(username="reviewer"),
        opinions=demo.read_opinions()["reviewer1"],
        target=38,
        start=timezone.now(),
        rng=Random(1),
    )
    results.refresh(campaign=running, now=timezone.now())
    assert visitor == 22
    assert CampaignResult.objects.get(campaign=running).revealed


def test_judgments_lie_behind_the_opening_and_before_now_and_took_as_long_as_the_file_says() -> None:
    call_command("load_demo")
    for judgment in Judgment.objects.select_related("assignment__campaign"):
        campaign = judgment.assignment.campaign
        assert campaign.opened_at is not None
        assert campaign.opened_at < judgment.assignment.claimed_at < judgment.created_at
        assert campaign.closed_at is None or judgment.created_at < campaign.closed_at
        assert 15_000 <= judgment.active_ms <= 120_000
    assert audit.first_broken_entry() is None


def test_loading_goes_on_where_it_was_interrupted_and_once_done_makes_nothing_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge_next, calls = demo_reviews.judge_next, count(1)

    def interrupted(**given: Any) -> Any:
        if next(calls) == 60:
            raise KeyboardInterrupt
        return judge_next(**given)

    with monkeypatch.context() as patch:
        patch.setattr("experiments.services.demo_reviews.judge_next", interrupted)
        with pytest.raises(KeyboardInterrupt):
            call_command("load_demo")
    assert Judgment.objects.count() == 59
    call_command("load_demo")
    assert Judgment.objects.count() == 3 * 16 + sum((demo.RUNNING.done or {}).values())
    assert Campaign.objects.count() == 2
    whole = rows()
    call_command("load_demo")
    assert rows() == whole


def test_the_judgments_are_also_a_file_that_can_be_imported() -> None:
    call_command("load_demo")
    call_command("import_judgments", str(demo.CONTENT / "judgments.jsonl"), experiment=demo.EXPERIMENT)
    imported = Campaign.objects.exclude(title__in=[demo.PILOT.title, demo.RUNNING.title]).get()
    assert Judgment.objects.filter(assignment__campaign=imported).count() == 3 * 38
