"""Would the verdict be another without one reviewer, one category, a few cases? Decided anew for each."""

from dataclasses import replace

import pytest

from experiments.models import EvidenceSnapshot, Experiment
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
