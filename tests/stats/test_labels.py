import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.stats.labels import LabelledArm, dawid_skene, judge_corrected_rate, ppi_difference, ppi_mean
from tests.stats.vectors import vector

scores = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=2, max_size=40
)


def crowd(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 120)
    items, raters = np.repeat(np.arange(120), 5), np.tile(np.arange(5), 120)
    right = rng.random(600) < np.linspace(0.5, 0.95, 5)[raters]
    return items, raters, np.where(right, truth[items], rng.integers(0, 3, 600)), truth


def slow_dawid_skene(items: np.ndarray, raters: np.ndarray, labels: np.ndarray, rounds: int) -> np.ndarray:
    """The paper's formulas, one vote at a time."""
    n, m, q = items.max() + 1, raters.max() + 1, labels.max() + 1
    votes = np.zeros((n, m, q))
    for i, r, label in zip(items, raters, labels, strict=True):
        votes[i, r, label] += 1
    t = votes.sum(axis=1) / votes.sum(axis=(1, 2))[:, None]
    for _ in range(rounds):
        p = t.mean(axis=0)
        pi = np.zeros((m, q, q))
        for r, j, label in itertools.product(range(m), range(q), range(q)):
            pi[r, j, label] = (t[:, j] * votes[:, r, label]).sum() / (t[:, j] * votes[:, r].sum(axis=1)).sum()
        new = np.array([[p[j] * np.prod(pi[:, j, :] ** votes[i]) for j in range(q)] for i in range(n)])
        t = new / new.sum(axis=1, keepdims=True)
    return np.asarray(t)


def test_the_anaesthetists_match_vector_dawid_skene_1979() -> None:
    v = vector("dawid_skene_1979")
    item, rater, rating = np.array(v.inputs["votes"]).T
    result = dawid_skene(item, rater, rating - 1)
    assert result.class_marginals == v.near(tuple(v.expected["class_marginals"]))
    assert result.log_likelihood == v.near(v.expected["log_likelihood"])
    assert [label + 1 for label in result.labels] == v.expected["labels"]
    assert np.array(result.confusion[0]) == v.near(np.array(v.expected["observer1_error"]))
    assert result.converged


def test_means_match_vector_ppi_mean() -> None:
    v = vector("ppi_mean")
    case = v.inputs
    far = {"unlabelled_n": case["judge_unlabeled_n"], "unlabelled_sum": case["judge_unlabeled_sum"]}
    tuned = ppi_mean(case["human"], case["judge_on_human"], **far, alpha=case["alpha"])
    plain = ppi_mean(case["human"], case["judge_on_human"], **far, alpha=case["alpha"], tuned=False)
    wanted = v.expected["ppi_tuned"]
    assert (tuned.tuning, tuned.estimate, tuned.se) == v.near((wanted["lambda_"], wanted["estimate"], wanted["se"]))
    assert (tuned.ci_low, tuned.ci_high) == v.near(tuple(wanted["ci"]))
    wanted = v.expected["ppi_lambda1"]
    assert (plain.estimate, plain.se) == v.near((wanted["estimate"], wanted["se"]))
    assert (plain.ci_low, plain.ci_high) == v.near(tuple(wanted["ci"]))
    wanted = v.expected["classical"]
    assert (tuned.classical, tuned.classical_se) == v.near((wanted["estimate"], wanted["se"]))


def test_corrected_rates_match_vector_rogan_gladen() -> None:
    v = vector("rogan_gladen")
    assert judge_corrected_rate(**v.inputs).estimate == v.near(v.expected["rate"])


@pytest.mark.parametrize("seed", [1, 2])
def test_em_agrees_with_the_papers_formulas(seed: int) -> None:
    items, raters, labels, _ = crowd(seed)
    ours = dawid_skene(items, raters, labels, max_iterations=6, tolerance=0)
    assert np.array(ours.posterior) == pytest.approx(slow_dawid_skene(items, raters, labels, 6), abs=1e-9)
    assert not ours.converged
    assert "not settled" in ours.warnings[0]


def test_em_never_lowers_the_likelihood() -> None:
    items, raters, labels, _ = crowd(3)
    path = [dawid_skene(items, raters, labels, max_iterations=k, tolerance=0).log_likelihood for k in range(1, 12)]
    assert np.diff(path).min() > -1e-9


def test_em_beats_the_majority_where_raters_differ() -> None:
    items, raters, labels, truth = crowd(4)
    votes = np.zeros((120, 3))
    np.add.at(votes, (items, labels), 1)
    found = np.array(dawid_skene(items, raters, labels).labels)
    assert (found == truth).mean() > (votes.argmax(axis=1) == truth).mean()


@given(st.integers(0, 30))
@settings(max_examples=15)
def test_em_does_not_depend_on_the_order_of_votes(seed: int) -> None:
    items, raters, labels, _ = crowd(seed)
    order = np.random.default_rng(seed).permutation(items.size)
    one, other = dawid_skene(items, raters, labels), dawid_skene(items[order], raters[order], labels[order])
    assert one.labels == other.labels
    assert one.class_marginals == pytest.approx(other.class_marginals, abs=1e-6)


def test_two_raters_cannot_be_told_from_the_truth() -> None:
    assert "Fewer than three" in dawid_skene([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0]).warnings[0]


@given(scores, st.integers(1, 500), st.floats(0, 1))
def test_mirrored_scores_mirror_the_prediction_powered_mean(
    rows: list[tuple[float, float]], n: int, share: float
) -> None:
    human, judge = np.array(rows).T
    ones = round(n * share)
    one = ppi_mean(human, judge, unlabelled_n=n, unlabelled_sum=ones)
    other = ppi_mean(1 - human, 1 - judge, unlabelled_n=n, unlabelled_sum=n - ones)
    assert one.estimate == pytest.approx(1 - (other.estimate or 0), abs=1e-9)
    assert one.se == pytest.approx(other.se, abs=1e-9)
    if one.ci_low is not None:
        assert one.ci_low <= (one.estimate or 0) <= (one.ci_high or 0)
    else:
        assert one.warnings


def test_a_judge_that_knows_narrows_the_interval_and_a_blind_one_is_ignored() -> None:
    rng = np.random.default_rng(0)
    human = rng.integers(0, 2, 200).astype(float)
    good, blind = np.where(rng.random(200) < 0.95, human, 1 - human), rng.integers(0, 2, 200).astype(float)
    knowing = ppi_mean(human, good, unlabelled_n=5000, unlabelled_sum=2500)
    ignored = ppi_mean(human, blind, unlabelled_n=5000, unlabelled_sum=2500)
    assert knowing.se < 0.6 * knowing.classical_se
    assert ignored.tuning < 0.2
    assert ignored.se == pytest.approx(ignored.classical_se, rel=0.05)


def test_the_difference_of_two_arms_adds_their_variances() -> None:
    rng = np.random.default_rng(1)
    arms = []
    for rate in (0.4, 0.6):
        human = (rng.random(150) < rate).astype(float)
        judge = np.where(rng.random(150) < 0.85, human, 1 - human)
        far = (rng.random(3000) < rate).astype(float)
        arms.append(LabelledArm(human=human, judge=judge, unlabelled_n=3000, unlabelled_sum=float(far.sum())))
    means = [ppi_mean(a.human, a.judge, unlabelled_n=a.unlabelled_n, unlabelled_sum=a.unlabelled_sum) for a in arms]
    one, other = ppi_difference(*arms), ppi_difference(arms[1], arms[0])
    assert one.estimate == pytest.approx((means[1].estimate or 0) - (means[0].estimate or 0))
    assert one.se == pytest.approx(math.hypot(means[0].se, means[1].se))
    assert one.estimate == pytest.approx(-(other.estimate or 0))
    assert one.p_value == pytest.approx(other.p_value)


def test_squares_of_other_scores_must_be_given() -> None:
    with pytest.raises(ValueError, match="unlabelled_sum2"):
        ppi_mean([1, 2], [1, 2], unlabelled_n=10, unlabelled_sum=25)
    assert ppi_mean([1, 2, 4], [1, 2, 3], unlabelled_n=10, unlabelled_sum=25, unlabelled_sum2=70).estimate is not None


@given(st.floats(0, 1), st.floats(0.6, 1), st.floats(0.6, 1))
def test_the_corrected_rate_undoes_the_judges_errors(rate: float, sensitivity: float, specificity: float) -> None:
    seen = rate * sensitivity + (1 - rate) * (1 - specificity)
    result = judge_corrected_rate(seen, sensitivity, specificity, judge_n=500, sensitivity_n=200, specificity_n=200)
    assert result.estimate == pytest.approx(rate, abs=1e-9)
    assert result.ci_low is not None
    assert result.ci_high is not None
    assert 0 <= result.ci_low <= (result.estimate or 0) <= result.ci_high <= 1


def test_relabelling_the_classes_mirrors_the_corrected_rate() -> None:
    sizes = {"judge_n": 400, "sensitivity_n": 80, "specificity_n": 120}
    flipped = {"judge_n": 400, "sensitivity_n": 120, "specificity_n": 80}
    one = judge_corrected_rate(0.62, 0.9, 0.8, **sizes)
    other = judge_corrected_rate(0.38, 0.8, 0.9, **flipped)
    assert one.estimate == pytest.approx(1 - (other.estimate or 0))
    assert one.ci_low == pytest.approx(1 - (other.ci_high or 0))


def test_a_judge_no_better_than_a_coin_corrects_nothing() -> None:
    result = judge_corrected_rate(0.5, 0.6, 0.4)
    assert result.estimate is None
    assert "coin" in result.warnings[0]


def test_an_impossible_corrected_rate_is_cut_off_and_said() -> None:
    result = judge_corrected_rate(0.05, 0.9, 0.8)
    assert result.estimate == 0
    assert "outside" in result.warnings[0]
