import math

import evalica
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from experiments.stats.ranking import Votes, bradley_terry, bradley_terry_bootstrap, davidson, elo, vote_counts
from tests.stats.vectors import vector

ELO = 400 / math.log(10)


def league(seed: int, models: int = 6, votes: int = 900) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    strength = rng.normal(size=models)
    first = rng.integers(0, models, votes)
    second = (first + rng.integers(1, models, votes)) % models
    win = rng.random(votes) < 1 / (1 + np.exp(strength[second] - strength[first]))
    return first, second, np.where(rng.random(votes) < 0.2, 0.5, win)


def known(strengths: tuple[float | None, ...]) -> np.ndarray:
    assert None not in strengths
    return np.array(strengths, dtype=float)


def test_journals_match_vector_bt_citations() -> None:
    v = vector("bt_citations")
    wins = np.array(v.inputs["wins"])
    result = bradley_terry(wins, prior=0, names=v.inputs["names"])
    theta, spread = known(result.strengths), np.array(result.covariance)
    assert theta == v.near(np.array(v.expected["log_strength_centered"]))
    assert theta - theta[0] == v.near(np.array(v.expected["log_strength_ref0"]))
    assert [model.se for model in result.models] == v.near(v.expected["se_centered"])
    to_first = np.sqrt(np.maximum(0, np.diag(spread) + spread[0, 0] - 2 * spread[0]))
    assert to_first == v.near(np.array(v.expected["se_ref0"]))
    assert [model.elo for model in result.models] == v.near(v.expected["elo_centered_1000"])
    assert [(model.se or 0) * ELO for model in result.models] == v.near(v.expected["elo_se"])
    chances = [[result.win_probability(i, j) for j in range(4)] for i in range(4)]
    assert np.array(chances, dtype=float) == v.near(np.array(v.expected["p_ij"]))
    rows, columns = np.nonzero(wins)
    times = wins[rows, columns].astype(int)
    each = Votes(
        first=np.repeat(rows, times),
        second=np.repeat(columns, times),
        score=np.ones(times.sum()),
        cluster=np.arange(times.sum()),
    )
    robust = bradley_terry(wins, prior=0, clusters=each)
    small_sample = math.sqrt((times.sum() - 1) / times.sum())
    assert [(model.se or 0) * ELO * small_sample for model in robust.models] == v.near(v.expected["elo_se_sandwich"])


def test_sides_match_vector_bt_position() -> None:
    v = vector("bt_position")
    result = bradley_terry(v.inputs["first_won"], position=v.inputs["first_lost"], prior=0)
    theta, spread = known(result.strengths), np.array(result.covariance)
    assert theta - theta[0] == v.near(np.array(v.expected["theta"]))
    assert result.position is not None
    errors = [math.sqrt(spread[i, i] + spread[0, 0] - 2 * spread[0, i]) for i in (1, 2)]
    assert [*errors, result.position.se] == v.near(v.expected["se"])
    assert (result.position.estimate, result.position.statistic, result.position.p_value) == v.near(
        (v.expected["position_logit"], v.expected["z_position"], v.expected["p_position"])
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_strengths_agree_with_evalica(seed: int) -> None:
    first, second, score = league(seed)
    winner = [evalica.Winner.Draw if s == 0.5 else evalica.Winner.X if s == 1 else evalica.Winner.Y for s in score]
    theirs = evalica.bradley_terry(
        [str(x) for x in first], [str(x) for x in second], winner, limit=5000, tolerance=1e-12
    ).scores
    logs = np.log(np.array([theirs[str(model)] for model in range(6)]))
    ours = known(bradley_terry(vote_counts(first, second, score, 6), prior=0).strengths)
    assert ours == pytest.approx(logs - logs.mean(), abs=1e-5)


def test_the_prior_agrees_with_sklearns_ridge() -> None:
    first, second, score = league(4)
    counts = vote_counts(first, second, score, 6)
    rows, columns = np.nonzero(counts)
    design = np.zeros((rows.size, 6))
    design[np.arange(rows.size), rows], design[np.arange(rows.size), columns] = 1, -1
    both, label = np.vstack([design, -design]), np.repeat([1, 0], rows.size)
    weight = np.tile(counts[rows, columns], 2) / 2
    model = LogisticRegression(fit_intercept=False, C=1 / 0.7, tol=1e-10, max_iter=1000)
    model.fit(both, label, sample_weight=weight)
    assert known(bradley_terry(counts, prior=0.7).strengths) == pytest.approx(model.coef_[0], abs=1e-5)


def test_clustered_errors_agree_with_statsmodels() -> None:
    first, second, score = league(5)
    cluster = np.arange(first.size) // 9
    design = np.zeros((first.size, 6))
    design[np.arange(first.size), first], design[np.arange(first.size), second] = 1, -1
    theirs = sm.GLM(score, design[:, 1:], family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    counts = vote_counts(first, second, score, 6)
    ours = bradley_terry(counts, prior=0, clusters=Votes(first=first, second=second, score=score, cluster=cluster))
    spread, theta = np.array(ours.covariance), known(ours.strengths)
    assert theta[1:] - theta[0] == pytest.approx(theirs.params, abs=1e-6)
    errors = np.sqrt(np.diag(spread)[1:] + spread[0, 0] - 2 * spread[0, 1:])
    assert errors == pytest.approx(theirs.bse * math.sqrt(100 / 99), rel=1e-5)


def test_the_bootstrap_agrees_with_the_information_on_independent_votes() -> None:
    counts = vote_counts(*league(6, votes=4000), 6)
    analytic, drawn = bradley_terry(counts), bradley_terry_bootstrap(counts, rounds=2000, seed=1)
    # the information takes a tie for a win and a loss, so it is a little wider
    for one, other in zip(analytic.models, drawn.models, strict=True):
        assert other.estimate == pytest.approx(one.estimate, abs=1e-6)
        assert other.se == pytest.approx(one.se, rel=0.07)


def test_ties_told_apart_narrow_the_bootstrap() -> None:
    wins = np.array([[0.0, 30.0], [30.0, 0.0]])
    ties = np.array([[0.0, 200.0], [0.0, 0.0]])
    apart = bradley_terry_bootstrap(wins, ties=ties, rounds=500, seed=2)
    halves = bradley_terry_bootstrap(wins + (ties + ties.T) / 2, rounds=500, seed=2)
    assert (apart.models[0].se or 1) < 0.6 * (halves.models[0].se or 0)


def test_the_bootstrap_repeats_its_digits() -> None:
    counts = vote_counts(*league(7), 6)
    one, again = (bradley_terry_bootstrap(counts, rounds=50, seed=3) for _ in range(2))
    assert one == again
    assert "few" in one.warnings[-1]


@given(st.integers(0, 300))
@settings(max_examples=25)
def test_reversing_all_votes_negates_the_strengths(seed: int) -> None:
    counts = vote_counts(*league(seed, votes=120), 6)
    one, other = known(bradley_terry(counts).strengths), known(bradley_terry(counts.T).strengths)
    assert one == pytest.approx(-other, abs=1e-8)


@given(st.integers(0, 300))
@settings(max_examples=25)
def test_renumbering_the_models_changes_nothing(seed: int) -> None:
    counts = vote_counts(*league(seed, votes=120), 6)
    order = np.random.default_rng(seed).permutation(6)
    one, other = bradley_terry(counts), bradley_terry(counts[np.ix_(order, order)])
    assert known(one.strengths)[order] == pytest.approx(known(other.strengths), abs=1e-8)
    assert [one.models[i].rank_low for i in order] == [model.rank_low for model in other.models]
    for model in one.models:
        assert model.ci_low is not None
        assert model.ci_high is not None
        assert model.ci_low <= (model.estimate or 0) <= model.ci_high
        assert model.rank_low is not None
        assert model.rank_high is not None
        assert model.rank_low <= (model.rank or 0) <= model.rank_high


def test_swapping_the_sides_of_every_vote_flips_only_the_position_term() -> None:
    v = vector("bt_position").inputs
    won, lost = np.array(v["first_won"]), np.array(v["first_lost"])
    one, other = bradley_terry(won, position=lost), bradley_terry(lost.T, position=won.T)
    assert known(one.strengths) == pytest.approx(known(other.strengths), abs=1e-8)
    assert one.position is not None
    assert other.position is not None
    assert one.position.estimate == pytest.approx(-(other.position.estimate or 0))


def test_a_model_that_never_won_stays_finite_and_is_named() -> None:
    counts = [[0, 8, 9], [4, 0, 7], [0, 0, 0]]
    result = bradley_terry(counts, names=["a", "b", "c"])
    assert result.models[2].estimate is not None
    assert (result.models[2].se or 0) > 2
    assert "Never won a comparison: c." in result.warnings[0]


def test_without_a_prior_infinite_strengths_are_none() -> None:
    result = bradley_terry([[0, 5], [0, 0]], prior=0)
    assert result.strengths == (None, None)
    assert "infinite" in result.warnings[0]


def test_a_group_that_beats_all_the_others_is_warned_about() -> None:
    counts = np.zeros((4, 4))
    counts[0, 1] = counts[1, 0] = counts[2, 3] = counts[3, 2] = 3
    counts[0, 2] = counts[1, 3] = 4
    assert "Some group" in bradley_terry(counts).warnings[0]


def test_groups_never_compared_are_ranked_apart() -> None:
    counts = np.zeros((4, 4))
    counts[0, 1], counts[1, 0], counts[2, 3], counts[3, 2] = 9, 4, 2, 7
    for result in (bradley_terry(counts), bradley_terry(counts, prior=0), davidson(counts, np.zeros((4, 4)))):
        assert result.components == (0, 0, 1, 1)
        assert [model.rank for model in result.models] == [1, 2, 2, 1]
        assert result.win_probability(0, 2) is None
        assert "2 groups" in result.warnings[0]


def test_clear_leads_give_narrow_ranks_and_draws_wide_ones() -> None:
    clear = bradley_terry([[0, 90, 95], [10, 0, 90], [5, 10, 0]])
    level = bradley_terry([[0, 5, 5], [5, 0, 5], [5, 5, 0]])
    assert [(m.rank_low, m.rank_high) for m in clear.models] == [(1, 1), (2, 2), (3, 3)]
    assert [(m.rank_low, m.rank_high) for m in level.models] == [(1, 3)] * 3


def test_davidson_without_ties_is_bradley_terry() -> None:
    counts = [[0, 8, 9], [4, 0, 7], [2, 3, 0]]
    plain, result = bradley_terry(counts), davidson(counts, np.zeros((3, 3)))
    assert result.strengths == plain.strengths
    assert result.tie.estimate == 0
    assert result.warnings


def test_davidson_of_two_models_has_its_closed_form() -> None:
    wins, losses, ties = 30, 12, 18
    result = davidson([[0, wins], [losses, 0]], [[0, ties], [0, 0]], prior=1e-12)
    theta = known(result.strengths)
    assert theta[0] - theta[1] == pytest.approx(math.log(wins / losses))
    assert result.tie.estimate == pytest.approx(ties / math.sqrt(wins * losses))


def test_davidson_maximises_the_likelihood_as_a_general_optimiser_does() -> None:
    from scipy import optimize

    wins, ties = np.array([[0, 8, 9], [4, 0, 7], [2, 3, 0.0]]), np.array([[0, 5, 1], [0, 0, 3], [0, 0, 0.0]])

    def loss(beta: np.ndarray) -> float:
        theta, nu = np.append(beta[:2], -beta[:2].sum()), math.exp(beta[2])
        half = (theta[:, None] - theta[None, :]) / 2
        norm = np.log(2 * np.cosh(half) + nu)
        return float(-(wins * (half - norm)).sum() - (ties * (math.log(nu) - norm)).sum())

    best = optimize.minimize(loss, np.zeros(3), tol=1e-12).x
    result = davidson(wins, ties, prior=1e-12)
    assert known(result.strengths)[:2] == pytest.approx(best[:2], abs=1e-4)
    assert result.tie.estimate == pytest.approx(math.exp(best[2]), abs=1e-3)


def test_ties_only_leave_equal_strengths() -> None:
    result = davidson([[0, 0], [0, 0]], [[0, 7], [0, 0]])
    assert known(result.strengths) == pytest.approx([0, 0], abs=1e-9)
    assert result.tie.estimate is None


def test_elo_with_one_vote_a_period_agrees_with_evalica() -> None:
    first, second, score = league(8, votes=150)
    winner = [evalica.Winner.Draw if s == 0.5 else evalica.Winner.X if s == 1 else evalica.Winner.Y for s in score]
    theirs = evalica.elo(
        [str(x) for x in first], [str(x) for x in second], winner, initial=1000, base=10, scale=400, k=4
    ).scores
    periods = np.stack([vote_counts([x], [y], [s], 6) for x, y, s in zip(first, second, score, strict=True)])
    assert elo(periods) == pytest.approx([theirs[str(model)] for model in range(6)], abs=1e-6)


def test_elo_keeps_the_sum_of_ratings() -> None:
    assert sum(elo(vote_counts(*league(9), 6))) == pytest.approx(6000)


def test_counts_split_ties_and_add_every_vote() -> None:
    counts = vote_counts([0, 0, 1, 2], [1, 1, 0, 1], [1, 0.5, 0, 0], 3)
    assert counts.tolist() == [[0, 2.5, 0], [0.5, 0, 1], [0, 0, 0]]


def test_clusters_must_hold_the_counted_votes() -> None:
    votes = Votes(first=[0, 1], second=[1, 0], score=[1.0, 1.0], cluster=[0, 1])
    with pytest.raises(ValueError, match="clusters hold 2 votes, counts 3"):
        bradley_terry([[0, 2], [1, 0]], clusters=votes)
