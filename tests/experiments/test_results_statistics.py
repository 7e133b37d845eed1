"""The figures of human review from votes alone: known values, and what must not change them."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.agreement import cohen_kappa, contingency
from experiments.reports.human import human_report
from experiments.reports.human.agreement import agreement, shared_judgments, weighted_mean
from experiments.reports.human.gold import GoldRule, gold_report
from experiments.reports.human.repeats import TAKEN_AS_INDEPENDENT
from experiments.reports.human.tallies import majorities, majority
from experiments.reports.human.votes import BASELINE, BOTH_BAD, CANDIDATE, TIE, Pairs, Votes
from tests.factories.results_ import make_votes

SWAPPED = np.array([CANDIDATE, BASELINE, TIE, BOTH_BAD], dtype=np.int8)


@st.composite
def some_votes(draw: st.DrawFn) -> Votes:
    n_pairs, n_reviewers = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    cells = [(task, reviewer) for task in range(n_pairs) for reviewer in range(n_reviewers)]
    given_cells = draw(st.lists(st.sampled_from(cells), unique=True, min_size=1))
    outcome = draw(st.lists(st.integers(0, 3), min_size=len(given_cells), max_size=len(given_cells)))
    sides = draw(st.lists(st.integers(0, 1), min_size=len(given_cells), max_size=len(given_cells)))
    return make_votes(
        task=[task for task, _ in given_cells],
        reviewer=[reviewer for _, reviewer in given_cells],
        outcome=outcome,
        side=[side if answer <= CANDIDATE else -1 for side, answer in zip(sides, outcome, strict=True)],
        n_pairs=n_pairs,
        reviewers=tuple(f"reviewer{place}" for place in range(n_reviewers)),
    )


def report(votes: Votes) -> dict[str, object]:
    return human_report(votes, reveal=True, labels={}).to_dict()


def with_arms_swapped(votes: Votes) -> Votes:
    pairs = replace(votes.pairs, length_difference=-votes.pairs.length_difference)
    return Votes(**{**vars(votes), "pairs": pairs, "outcome": SWAPPED[votes.outcome]})


def with_sides_swapped(votes: Votes) -> Votes:
    return Votes(**{**vars(votes), "side": np.where(votes.side >= 0, 1 - votes.side, votes.side).astype(np.int8)})


def mirrored(value: float | None) -> object:
    return None if value is None else pytest.approx(1 - value, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(some_votes())
def test_swapping_the_arms_changes_nothing_but_the_sign(votes: Votes) -> None:
    one, two = report(votes), report(with_arms_swapped(votes))
    for name in ("outcomes", "majority"):
        counts, swapped = one[name], two[name]
        assert isinstance(counts, dict)
        assert isinstance(swapped, dict)
        assert swapped == {**counts, "baseline": counts["candidate"], "candidate": counts["baseline"]}
    for name in ("win_rate", "win_rate_decisive", "sign_test"):
        rate, swapped = one[name], two[name]
        assert isinstance(rate, dict)
        assert isinstance(swapped, dict)
        assert swapped["estimate"] == mirrored(rate["estimate"])
        assert swapped["ci_low"] == mirrored(rate["ci_high"])
        assert swapped["p_value"] == (None if rate["p_value"] is None else pytest.approx(rate["p_value"], abs=1e-9))
    assert two["position_bias"] == one["position_bias"]
    assert two["agreement"] == close_to(one["agreement"])
    assert two["reviewers"] == close_to(one["reviewers"])


@settings(max_examples=60, deadline=None)
@given(some_votes())
def test_swapping_all_sides_changes_only_the_position_bias(votes: Votes) -> None:
    one, two = report(votes), report(with_sides_swapped(votes))
    for name in ("outcomes", "majority", "win_rate", "win_rate_decisive", "sign_test", "length_bias", "agreement"):
        assert two[name] == one[name]
    before, after = one["position_bias"], two["position_bias"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert after["estimate"] == mirrored(before["estimate"])


@settings(max_examples=40, deadline=None)
@given(some_votes())
def test_what_is_told_while_hidden_is_the_same_for_swapped_arms(votes: Votes) -> None:
    hidden = [human_report(one, reveal=False, labels={}).to_dict() for one in (votes, with_arms_swapped(votes))]
    assert hidden[1] == close_to(hidden[0])


def close_to(value: object) -> object:
    """Equal up to the order in which sums were taken."""
    if isinstance(value, dict):
        return {name: close_to(part) for name, part in value.items()}
    if isinstance(value, list):
        return [close_to(part) for part in value]
    return pytest.approx(value, abs=1e-9) if isinstance(value, float) else value


@settings(max_examples=40, deadline=None)
@given(some_votes())
def test_the_order_of_votes_does_not_matter(votes: Votes) -> None:
    order = np.random.default_rng(3).permutation(votes.n)
    moved = {name: value[order] for name, value in vars(votes).items() if isinstance(value, np.ndarray)}
    assert report(Votes(**{**vars(votes), **moved})) == close_to(report(votes))


def test_the_majority_is_the_commonest_answer_and_a_shared_lead_is_a_tie() -> None:
    counts = np.array([[2, 1, 0, 0], [0, 1, 0, 2], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]])
    assert majority(counts).tolist() == [BASELINE, BOTH_BAD, TIE, TIE, TIE, -1]


def test_a_pair_nobody_judged_is_in_no_majority() -> None:
    votes = make_votes(task=[0, 0, 1], reviewer=[0, 1, 0], outcome=[CANDIDATE, CANDIDATE, TIE], n_pairs=9)
    assert majorities(votes) == {"baseline": 0, "candidate": 1, "tie": 1, "both_bad": 0}


def judged_in(n_campaigns: int, votes: Votes) -> Votes:
    """The same votes on the same cases, given anew in each campaign."""
    n = votes.pairs.task_id.size

    def repeated(of: Pairs | Votes) -> dict[str, Any]:
        columns = {one.name: getattr(of, one.name) for one in fields(of)}
        return {name: np.tile(one, n_campaigns) for name, one in columns.items() if isinstance(one, np.ndarray)}

    pairs = {**repeated(votes.pairs), "task_id": np.arange(n * n_campaigns)}
    task = np.concatenate([votes.task + n * place for place in range(n_campaigns)])
    return replace(votes, **{**repeated(votes), "task": task, "pairs": replace(votes.pairs, **pairs)})


@pytest.mark.parametrize("n_campaigns", [1, 2, 3])
def test_a_case_judged_in_several_campaigns_is_one_case_in_the_sign_test(n_campaigns: int) -> None:
    votes = make_votes(task=range(8), reviewer=[0] * 8, outcome=[CANDIDATE] * 6 + [BASELINE] * 2)
    found = human_report(judged_in(n_campaigns, votes), reveal=True, labels={}).to_dict()
    assert found["majority"] == {"baseline": 2, "candidate": 6, "tie": 0, "both_bad": 0}
    assert found["n_pairs"] == 8
    assert found.get("repeated_cases") == (8 if n_campaigns > 1 else None)
    sign_test = found["sign_test"]
    assert isinstance(sign_test, dict)
    assert (sign_test["n"], sign_test["p_value"]) == (8, pytest.approx(0.2890625))


def test_all_votes_on_a_case_make_one_majority_whatever_the_campaign() -> None:
    once = make_votes(task=[0, 0, 1], reviewer=[0, 1, 0], outcome=[CANDIDATE, TIE, TIE], n_pairs=2)
    twice = judged_in(2, once)
    again = replace(twice, outcome=np.array([CANDIDATE, TIE, TIE, BASELINE, BASELINE, BOTH_BAD], dtype=np.int8))
    assert majorities(again) == {"baseline": 1, "candidate": 0, "tie": 1, "both_bad": 0}


def test_agreement_counts_items_as_shown_but_takes_no_case_for_two_independent_ones() -> None:
    rng = np.random.default_rng(4)
    ratings = rng.integers(0, 3, size=(2, 40))
    ratings[1, :25] = ratings[0, :25]
    reviewer, task = (axis.ravel() for axis in np.indices(ratings.shape))
    votes = make_votes(task=task.tolist(), reviewer=reviewer.tolist(), outcome=ratings.ravel().tolist())
    once, twice = (human_report(one, reveal=False, labels={}).agreement for one in (votes, judged_in(2, votes)))
    assert (once.percent.n, twice.percent.n) == (40, 80)
    for name in ("estimate", "ci_low", "ci_high"):
        assert getattr(twice.mean_kappa, name) == pytest.approx(getattr(once.mean_kappa, name))
    for name in ("percent", "gwet_ac1", "krippendorff_alpha"):
        assert TAKEN_AS_INDEPENDENT not in getattr(once, name).warnings
        assert TAKEN_AS_INDEPENDENT in getattr(twice, name).warnings
    assert TAKEN_AS_INDEPENDENT not in once.cohen_kappa[0].kappa.warnings
    assert TAKEN_AS_INDEPENDENT in twice.cohen_kappa[0].kappa.warnings


def test_a_kappa_of_cases_that_its_two_reviewers_met_once_needs_no_warning() -> None:
    """The first two meet in one campaign, the last two in the other, over the same cases."""
    once = make_votes(task=[0, 0, 1, 1], reviewer=[0, 1, 0, 1], outcome=[0, 1, 1, 1], reviewers=("a", "b", "c", "d"))
    votes = judged_in(2, once)
    votes = replace(votes, reviewer=np.array([0, 1, 0, 1, 2, 3, 2, 3]))
    found = human_report(votes, reveal=False, labels={}).agreement
    assert [TAKEN_AS_INDEPENDENT in pair.kappa.warnings for pair in found.cohen_kappa] == [False, False]
    assert TAKEN_AS_INDEPENDENT in found.percent.warnings


def test_a_known_answer_given_in_two_campaigns_is_said_to_be_taken_as_independent() -> None:
    once = make_votes(task=[0, 1, 1], reviewer=[0, 0, 1], outcome=[1, 1, 0], gold=[1, 1])
    rule = GoldRule(share=0.1, threshold=0.7)
    single, pooled = (gold_report(one, rule=rule) for one in (once, judged_in(2, once)))
    assert TAKEN_AS_INDEPENDENT not in single.overall.right.warnings
    assert all(TAKEN_AS_INDEPENDENT in one.right.warnings for one in (pooled.overall, *pooled.reviewers))


def test_kappa_of_each_two_reviewers_is_that_of_their_shared_pairs() -> None:
    rng = np.random.default_rng(11)
    ratings = rng.integers(0, 4, size=(4, 60))
    ratings[rng.random(ratings.shape) < 0.4] = -1
    reviewer, task = np.nonzero(ratings >= 0)
    found = agreement(
        task, reviewer, ratings[reviewer, task].astype(np.int8), n_pairs=60, n_reviewers=4, answers=(0, 1, 2, 3)
    )
    assert len(found.cohen_kappa) == 6
    for pair in found.cohen_kappa:
        expected = cohen_kappa(contingency(ratings[pair.first], ratings[pair.second], 4))
        assert pair.kappa.estimate == pytest.approx(expected.estimate)
        assert pair.kappa.n == expected.n
        alone = np.count_nonzero((ratings[pair.first] >= 0) ^ (ratings[pair.second] >= 0))
        assert pair.kappa.left_out == alone
    weights = [pair.kappa.n for pair in found.cohen_kappa]
    values = [pair.kappa.estimate or 0.0 for pair in found.cohen_kappa]
    assert found.mean_kappa.estimate == pytest.approx(np.average(values, weights=weights))


def test_the_mean_kappas_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Reviewers copy a hidden truth with probability .7, else guess: the kappa of each two tends to .49."""
    rng = np.random.default_rng(5)
    covered, rounds = 0, 300
    for _ in range(rounds):
        truth = rng.integers(0, 4, 150)
        ratings = np.where(rng.random((3, 150)) < 0.7, truth, rng.integers(0, 4, (3, 150)))
        reviewer, task = (axis.ravel() for axis in np.indices(ratings.shape))
        found = agreement(
            task, reviewer, ratings.ravel().astype(np.int8), n_pairs=150, n_reviewers=3, answers=(0, 1, 2, 3)
        ).mean_kappa
        assert found.ci_low is not None
        assert found.ci_high is not None
        covered += found.ci_low <= 0.49 <= found.ci_high
    assert 0.91 <= covered / rounds <= 0.985


def test_reviewers_who_share_no_pair_have_no_kappa_and_a_reason() -> None:
    votes = make_votes(task=[0, 1, 2], reviewer=[0, 1, 2], outcome=[1, 0, 1])
    found = report(votes)["agreement"]
    assert isinstance(found, dict)
    assert found["cohen_kappa"] == []
    assert found["mean_kappa"]["estimate"] is None
    assert found["mean_kappa"]["warnings"]
    assert found["krippendorff_alpha"]["estimate"] is None
    assert found["percent"]["left_out"] == 3


def test_shared_judgments_hold_every_two_votes_on_a_pair_once() -> None:
    task = np.array([0, 0, 0, 1, 1, 2])
    reviewer = np.array([2, 0, 1, 0, 1, 1])
    shared = shared_judgments(task, reviewer, np.array([1, 1, 0, 2, 2, 3], dtype=np.int8), 3)
    totals = {
        (first, second): int(table.sum())
        for first, second, table in zip(shared.first, shared.second, shared.totals, strict=True)
    }
    assert totals == {(0, 1): 2, (0, 2): 1, (1, 2): 1}
    assert weighted_mean(np.zeros((0, 16))) is None


def test_sides_that_were_not_recorded_leave_the_position_bias_undefined_with_a_reason() -> None:
    found = report(make_votes(task=[0, 1], reviewer=[0, 0], outcome=[1, 0]))["position_bias"]
    assert isinstance(found, dict)
    assert found["estimate"] is None
    assert "left" in found["warnings"][0]


def test_votes_are_counted_by_hour_and_by_day_when_hours_would_be_too_many() -> None:
    hour = 3600
    near = make_votes(task=[0, 1, 2], reviewer=[0, 0, 0], outcome=[1, 1, 1], judged_at=np.array([0, 10, 2 * hour]))
    assert report(near)["votes_per_hour"] == {"step_seconds": hour, "start": 0, "counts": [2, 0, 1]}
    far = make_votes(task=[0, 1], reviewer=[0, 0], outcome=[1, 1], judged_at=np.array([0, 20 * 24 * hour]))
    found = report(far)["votes_per_hour"]
    assert isinstance(found, dict)
    assert found["step_seconds"] == 24 * hour
    assert len(found["counts"]) == 21


def test_median_seconds_are_each_reviewers_own() -> None:
    votes = make_votes(
        task=[0, 1, 2, 0, 1],
        reviewer=[0, 0, 0, 1, 1],
        outcome=[1] * 5,
        active_ms=np.array([10_000, 30_000, 20_000, 0, 8_000]),
    )
    rows = human_report(votes, reveal=False, labels={}).reviewers
    assert [row.median_seconds for row in rows] == [20.0, 8.0]
    assert [row.per_hour for row in rows] == [pytest.approx(180), pytest.approx(900)]
