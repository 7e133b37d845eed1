"""Would the verdict be another without one reviewer, one category, a few cases? Decided anew for each."""

from dataclasses import replace

import pytest

from experiments.deciding.catalogue import EACH_CATEGORY
from experiments.models import EvidenceSnapshot, Experiment
from experiments.policy import Criterion
from experiments.reports.evidence import fragility
from experiments.reports.evidence.page import Dashboard, Fragile
from tests.factories.annotations_ import make_reviewer
from tests.factories.evidence_ import (
    GAIN,
    PREFERRED,
    add_suite,
    gathered,
    make_empty_experiment,
    register_policy,
)
from tests.factories.experiments_ import make_experiment
from tests.factories.results_ import judge_arms, make_open_campaign

pytestmark = pytest.mark.django_db


def found(experiment: Experiment) -> Dashboard:
    row: EvidenceSnapshot = gathered(experiment)
    return Dashboard.from_dict(row.payload)


def by_name(shown: Dashboard) -> dict[str, Fragile]:
    return {one.leave_out: one for one in shown.fragility}


def test_a_category_that_carries_the_verdict_is_named_first() -> None:
    experiment = make_empty_experiment()
    register_policy(experiment, GAIN)
    add_suite(experiment, [0.0] * 20, [1.0, 0.0, 0.0, 0.0] * 5, categories=("strong", "weak", "weak", "weak"))
    shown = found(experiment)
    assert shown.verdict == "GO"
    first = shown.fragility[0]
    assert (first.kind, first.leave_out, first.verdict) == ("category", "category strong", "NO-GO")
    assert (first.estimate, first.estimate_before) == (0.0, 0.25)
    assert (first.n, first.ci_low is None) == (15, False)
    assert by_name(shown)["category weak"].changes_verdict is False
    assert shown.fragility_sentence.startswith("Without category strong the verdict would be NO-GO.")


def test_the_fewest_cases_that_change_the_verdict_are_counted() -> None:
    experiment = make_empty_experiment()
    register_policy(experiment, replace(GAIN, threshold=0.05))
    add_suite(experiment, [0.0] * 100, [1.0] * 7 + [0.0] * 93)
    shown = found(experiment)
    [row] = shown.fragility
    assert (row.kind, row.leave_out) == ("cases", "the 3 most influential cases")
    assert row.estimate == pytest.approx(4 / 97)
    assert shown.fragility_sentence == "Target task improves: without 3 cases of 100 it would be NO-GO."


def test_a_sturdy_verdict_says_how_much_it_bears() -> None:
    experiment = make_empty_experiment()
    register_policy(experiment, GAIN)
    add_suite(experiment, [0.0] * 40, [1.0] * 40, categories=("one", "two"))
    shown = found(experiment)
    assert not any(one.changes_verdict for one in shown.fragility)
    assert shown.fragility_sentence == (
        "No single category decides: without any of them it stays GO. "
        "Leaving out the most influential cases of one criterion, up to a twentieth of them, does not change it."
    )


def test_a_single_reviewer_who_decides_is_named() -> None:
    experiment = make_experiment(n_cases=12)
    register_policy(experiment, replace(PREFERRED, rule="observed", shown_beyond=None))
    fan, critic = make_reviewer(username="fan"), make_reviewer(username="critic")
    campaign = make_open_campaign(experiment=experiment, reviewers=[fan, critic])
    for seat in campaign.seats.select_related("campaign", "reviewer"):
        judge_arms(seat, ["candidate"] if seat.reviewer == fan else ["candidate", "baseline", "baseline"])
    shown = found(experiment)
    assert shown.verdict == "GO"
    rows = by_name(shown)
    assert rows["fan"].verdict == "NO-GO"
    assert rows["fan"].kind == "reviewer"
    assert rows["critic"].changes_verdict is False
    assert rows["fan"].url == f"/campaigns/{campaign.uuid}/pairs/?reviewer=fan"


RATE = replace(GAIN, key="rate", title="Pass rate", comparison="absolute", threshold=0.85)


def two_categories(*criteria: Criterion) -> Dashboard:
    """The candidate gains all of "good" and loses all of "bad"."""
    experiment = make_empty_experiment()
    register_policy(experiment, *criteria)
    add_suite(experiment, [0.0, 1.0] * 10, [1.0, 0.0] * 10, categories=("good", "bad"))
    return found(experiment)


def test_a_category_is_left_out_of_all_criteria_at_once() -> None:
    shown = two_categories(GAIN, RATE)
    assert shown.verdict == "NO-GO"
    [row] = [one for one in shown.fragility if one.leave_out == "category bad"]
    assert (row.verdict, row.changes_verdict, row.status) == ("GO", True, "met")


def test_each_category_is_decided_again_without_one_of_them() -> None:
    shown = two_categories(replace(GAIN, evidence=replace(GAIN.evidence, category=EACH_CATEGORY)))
    assert shown.verdict == "NO-GO"
    rows = by_name(shown)
    assert (rows["category bad"].verdict, rows["category good"].verdict) == ("GO", "NO-GO")


def test_what_was_not_tried_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragility, "MOST_PARTS", 1)
    errors = replace(
        RATE,
        key="errors",
        title="Errors",
        evidence=replace(GAIN.evidence, metric="error_share"),
        direction="at_most",
        threshold=0.01,
    )
    experiment = make_empty_experiment()
    register_policy(experiment, GAIN, errors)
    add_suite(experiment, [0.0] * 40, [1.0] * 40, categories=("one", "two"))
    shown = found(experiment)
    assert shown.fragility_sentence.startswith(
        "None of those that move it most decides (1 of 2 categories): without any of them it stays GO."
    )
    assert shown.fragility_sentence.endswith("Not tried: Errors.")
