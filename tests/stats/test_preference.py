import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.stats.means import clustered_mean
from experiments.stats.paired import mcnemar, sign_test
from experiments.stats.preference import length_bias, position_bias_test, win_rate, win_rate_clustered
from tests.stats.vectors import vector

outcomes = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300)).filter(lambda c: sum(c) > 0)


def votes(seed: int, tasks: int = 40, each: int = 4, reviewers: int = 12) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    items = np.repeat(np.arange(tasks), each)
    who = np.argsort(rng.random((tasks, reviewers)), axis=1)[:, :each].ravel()
    latent = rng.normal(size=tasks)[items] + rng.normal(size=reviewers)[who] + rng.normal(size=items.size)
    return np.select([latent > 0.4, latent < -0.4], [1.0, 0.0], 0.5), items, who


def test_position_bias_matches_vector_position_binomial() -> None:
    v = vector("position_binomial")
    for case, expected in v.cases():
        result = position_bias_test(**case)
        assert result.p_value == v.near(expected["p"])
        assert (result.ci_low, result.ci_high) == v.near(tuple(expected["ci"]))
        assert "shown first" in result.warnings[0]


def test_the_clustered_error_matches_vector_clustered_se() -> None:
    v = vector("clustered_se")
    result = win_rate_clustered(v.inputs["score"], v.inputs["item"], v.inputs["reviewer"])
    assert result.estimate == v.near(v.expected["mean"])
    assert result.se_naive == v.near(v.expected["se_iid"])
    assert result.se == v.near(v.expected["se_item_cr1"])  # the two-way variance is smaller, so the larger one-way is


@given(outcomes)
def test_swapping_the_arms_mirrors_the_win_rate(counts: tuple[int, int, int]) -> None:
    wins, ties, losses = counts
    one, other = win_rate(wins, ties, losses), win_rate(losses, ties, wins)
    assert one.estimate == pytest.approx(1 - (other.estimate or 0))
    assert one.ci_low == pytest.approx(1 - (other.ci_high or 0), abs=1e-9)
    assert one.p_value == (None if other.p_value is None else pytest.approx(other.p_value))


@given(outcomes, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_the_win_rate_interval_holds_the_rate_and_stays_in_range(
    counts: tuple[int, int, int], tie_value: float
) -> None:
    result = win_rate(*counts, tie_value=tie_value)
    assert result.estimate is not None
    assert result.ci_low is not None
    assert result.ci_high is not None
    assert 0 <= result.ci_low <= result.estimate <= result.ci_high <= 1
    assert result.ci_high > result.ci_low


@given(st.integers(0, 200), st.integers(0, 200))
def test_without_ties_the_interval_is_wilsons(wins: int, losses: int) -> None:
    if wins + losses:
        result = win_rate(wins, 0, losses)
        theirs = stats.binomtest(wins, wins + losses).proportion_ci(method="wilson")
        assert (result.ci_low, result.ci_high) == pytest.approx((theirs.low, theirs.high), abs=1e-8)


@given(outcomes)
def test_the_p_value_with_ties_as_half_is_mcnemars(counts: tuple[int, int, int]) -> None:
    wins, ties, losses = counts
    if wins + losses:
        result = win_rate(wins, ties, losses)
        assert result.p_value == pytest.approx(mcnemar(losses, wins, method="chi2").p_value, abs=1e-9)


def test_ties_alone_cannot_be_tested_but_leave_an_interval() -> None:
    result = win_rate(0, 30, 0)
    assert result.p_value is None
    assert result.ci_low is not None
    assert result.ci_low < 0.45


def test_no_votes_give_no_win_rate() -> None:
    assert win_rate(0, 0, 0).estimate is None


def test_clustered_error_agrees_with_statsmodels() -> None:
    scores, items, who = votes(seed=5)
    ours = win_rate_clustered(scores, items, who)
    model = sm.OLS(scores, np.ones(scores.size)).fit()
    both, by_item, by_reviewer = sm.stats.sandwich_covariance.cov_cluster_2groups(
        model, items, who, use_correction=False
    )
    parts = clustered_mean(scores, items, who)
    groups = (40, 12)
    for found, variance, size in zip(parts.se_by_cluster, (by_item, by_reviewer), groups, strict=True):
        assert found == pytest.approx(np.sqrt(variance[0, 0] * size / (size - 1)))
    # statsmodels without correction: our V1, V2 and V12 divided by their G / (G - 1)
    n = scores.size
    v12 = by_item[0, 0] + by_reviewer[0, 0] - both[0, 0]
    expected = by_item[0, 0] * 40 / 39 + by_reviewer[0, 0] * 12 / 11 - v12 * n / (n - 1)
    assert ours.se == pytest.approx(np.sqrt(expected))
    assert ours.df == 11


@given(st.integers(0, 50))
def test_the_headline_does_not_depend_on_the_order_or_the_names_of_votes(seed: int) -> None:
    scores, items, who = votes(seed=seed)
    order = np.random.default_rng(seed).permutation(scores.size)
    one = win_rate_clustered(scores, items, who)
    other = win_rate_clustered(scores[order], 1000 - 7 * items[order], np.array([f"r{w}" for w in who[order]]))
    assert (one.estimate, one.ci_low, one.p_value) == pytest.approx((other.estimate, other.ci_low, other.p_value))


@given(st.integers(0, 50))
def test_swapping_the_arms_mirrors_the_headline(seed: int) -> None:
    scores, items, who = votes(seed=seed)
    one, other = win_rate_clustered(scores, items, who), win_rate_clustered(1 - scores, items, who)
    assert one.ci_low == pytest.approx(1 - (other.ci_high or 0))
    assert one.p_value == pytest.approx(other.p_value)


def test_shared_tasks_and_reviewers_widen_the_interval() -> None:
    scores, items, who = votes(seed=1)
    result = win_rate_clustered(scores, items, who)
    assert result.design_effect is not None
    assert result.design_effect > 1.5


def test_one_reviewer_says_nothing_about_others() -> None:
    scores, items, _ = votes(seed=1)
    result = win_rate_clustered(scores, items, np.zeros(items.size, dtype=int))
    assert result.ci_low is not None
    assert any("only one reviewer" in note for note in result.warnings)


def test_few_reviewers_are_warned_about() -> None:
    scores, items, who = votes(seed=1, each=3, reviewers=3)
    assert any("Only 3 reviewers" in note for note in win_rate_clustered(scores, items, who).warnings)


def test_the_interval_for_the_same_reviewers_is_clustered_by_task_alone() -> None:
    scores, items, who = votes(seed=6, each=3, reviewers=3)
    both, alone = win_rate_clustered(scores, items, who), win_rate_clustered(scores, items, None)
    assert (both.same_reviewers_low, both.same_reviewers_high) == (alone.ci_low, alone.ci_high)
    assert alone.reviewers is None
    assert both.ci_low is not None
    assert alone.ci_low is not None
    assert both.ci_low < alone.ci_low


def test_one_task_and_one_reviewer_have_no_uncertainty() -> None:
    result = win_rate_clustered([1, 1], [0, 0], [0, 0])
    assert result.ci_low is None
    assert result.p_value is None
    assert result.warnings


def test_unanimous_votes_do_not_prove_certainty() -> None:
    items, who = np.repeat(np.arange(50), 4), np.tile(np.arange(4), 50)
    result = win_rate_clustered(np.ones(200), items, who)
    assert result.ci_high == 1
    assert result.ci_low == pytest.approx(stats.binomtest(4, 4).proportion_ci(method="wilson").low)


def test_no_decided_vote_means_no_position_bias_can_be_seen() -> None:
    result = position_bias_test(0, 0)
    assert result.estimate is None
    assert result.warnings


@given(st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_position_bias_agrees_with_the_sign_test_and_scipy(counts: tuple[int, int]) -> None:
    first, n = counts
    if n:
        result = position_bias_test(first, n)
        assert result.p_value == pytest.approx(stats.binomtest(first, n).pvalue)
        assert result.p_value == pytest.approx(sign_test(first, n - first).p_value)


def test_a_length_preference_is_found_and_taken_out() -> None:
    rng = np.random.default_rng(2)
    gap = rng.normal(60, 100, size=4000)  # candidate answers are longer, and voters like length, not the candidate
    scores = (rng.random(4000) < 1 / (1 + np.exp(-2 * np.tanh(gap / gap.std())))).astype(float)
    result = length_bias(scores, gap)
    assert scores.mean() > 0.6
    assert result.estimate is not None
    assert result.estimate > 0.6
    assert result.p_value is not None
    assert result.p_value < 1e-6
    assert result.at_equal_length_low is not None
    assert result.at_equal_length_high is not None
    assert result.at_equal_length_low < 0.5 < result.at_equal_length_high


def test_length_controlled_rate_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(3)
    gap, items = rng.normal(size=300), np.arange(300) // 3
    scores = rng.choice([0, 0.5, 1], size=300)
    design = np.column_stack([np.ones(300), np.tanh(gap / gap.std())])
    model = sm.GLM(scores, design, family=sm.families.Binomial()).fit(cov_type="cluster", cov_kwds={"groups": items})
    ours = length_bias(scores, gap, items=items)
    assert ours.at_equal_length == pytest.approx(1 / (1 + np.exp(-model.params[0])))


def test_swapping_the_arms_keeps_the_share_of_the_longer_response() -> None:
    rng = np.random.default_rng(4)
    gap, scores = rng.normal(size=200), rng.choice([0, 0.5, 1], size=200)
    items = np.arange(200) // 4
    one, other = length_bias(scores, gap, items=items), length_bias(1 - scores, -gap, items=items)
    assert (one.estimate, one.ci_low, one.p_value) == pytest.approx((other.estimate, other.ci_low, other.p_value))
    assert one.at_equal_length == pytest.approx(1 - (other.at_equal_length or 0))


def test_equal_lengths_say_nothing_about_length() -> None:
    result = length_bias([1, 0, 1], [0, 0, 0])
    assert result.estimate is None
    assert len(result.warnings) == 2


def test_a_rule_that_is_always_length_has_no_rate_at_equal_length() -> None:
    gap = np.arange(-50, 50) + 0.5
    result = length_bias((gap > 0).astype(float), gap)
    assert result.estimate == 1
    assert result.at_equal_length is None
