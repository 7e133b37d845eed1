"""How often the candidate is preferred, and whether side or length decided instead."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import checks, clustered, trinomial
from experiments.stats.binomial import binomial_p, clopper_pearson, wilson
from experiments.stats.checks import Floats, Ints
from experiments.stats.result import TestResult


@dataclass(frozen=True, kw_only=True)
class WinRate(TestResult):
    """`se_naive` ignores that votes share tasks and reviewers; `design_effect` is (se / se_naive) squared.

    `same_reviewers_low` and `_high` are clustered by task alone: what these reviewers would say of other tasks.
    """

    se_naive: float | None = None
    design_effect: float | None = None
    items: int | None = None
    reviewers: int | None = None
    same_reviewers_low: float | None = None
    same_reviewers_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class LengthBias(TestResult):
    """`at_equal_length` is the candidate's win rate at no difference in length, from a fractional logit."""

    at_equal_length: float | None = None
    at_equal_length_low: float | None = None
    at_equal_length_high: float | None = None


def win_rate(wins: float, ties: float, losses: float, *, tie_value: float = 0.5, alpha: float = 0.05) -> WinRate:
    """Mean score of independent votes, a win 1, a tie `tie_value`, a loss 0; tested against one half.

    Trinomial score test and interval: the cell rates are the constrained maximum of the likelihood at each candidate
    mean, so the interval stays in [0, 1] and does not collapse when every vote agrees. With tie_value = .5 it is
    Tango's interval (1998, Stat. Med. 17:891) and p is McNemar's; without ties it is Wilson's.
    Only for votes that share neither task nor reviewer: otherwise use `win_rate_clustered`.
    """
    w, t, lost = checks.count("wins", wins), checks.count("ties", ties), checks.count("losses", losses)
    value = checks.closed_unit("tie_value", tie_value)
    checks.open_unit("alpha", alpha)
    n = w + t + lost
    method = "win rate of independent votes, trinomial score interval"
    if n == 0:
        return _no_votes(alpha, method)
    mean = (w + value * t) / n
    spread = math.sqrt(max(0.0, (w + value * value * t) / n - mean * mean) / n)
    z = trinomial.score_z(w, t, lost, value, 0.5)
    low, high = trinomial.score_interval(w, t, lost, value, alpha)
    return WinRate(
        estimate=mean,
        ci_low=low,
        ci_high=high,
        p_value=None if z is None else 2 * special.ndtr(-abs(z)),
        alpha=alpha,
        n=n,
        method=method,
        warnings=() if z is not None else ("Every vote is a tie, so there is nothing to test.",),
        statistic=z,
        se=spread,
        se_naive=spread,
        design_effect=1.0,
    )


def win_rate_clustered(
    scores: ArrayLike, items: ArrayLike, reviewers: ArrayLike | None, *, alpha: float = 0.05
) -> WinRate:
    """The headline: mean score with an error clustered by task and by reviewer, tested against one half.

    scores: candidate's score per vote (1 win, .5 tie or both bad, 0 loss); items, reviewers: one code per vote.
    Two-way cluster-robust error (Cameron, Gelbach & Miller 2011), t with min(tasks, reviewers) - 1 degrees of freedom.
    It speaks for reviewers like these; with fewer than ten it is wide, and `same_reviewers_*` says what these alone
    would say. reviewers=None clusters by task alone throughout.
    When all votes are equal the error is 0 and proves nothing: the interval then counts each cluster once (Wilson).
    """
    values = checks.values("scores", scores)
    if values.min() < 0 or values.max() > 1:
        raise ValueError("scores must lie in [0, 1]")
    checks.open_unit("alpha", alpha)
    item_codes = checks.codes("items", items, length=values.size)
    by = [item_codes]
    if reviewers is not None:
        by.append(checks.codes("reviewers", reviewers, length=values.size))
    mean = float(values.mean())
    residuals = clustered.residuals(values)
    error = clustered.clustered_error(residuals, tuple(by))
    names = ("task", "reviewer")[: len(by)]
    result = _clustered_interval(mean, error, alpha)
    same = _clustered_interval(mean, clustered.clustered_error(residuals, (item_codes,)), alpha)
    return WinRate(
        estimate=mean,
        ci_low=result[0],
        ci_high=result[1],
        p_value=result[2],
        alpha=alpha,
        n=values.size,
        method=f"win rate, clustered by {' and '.join(names)}",
        warnings=clustered.few_cluster_warnings(error.groups, names) + result[3],
        statistic=(mean - 0.5) / error.se if error.se else None,
        df=error.df,
        se=error.se,
        se_naive=error.se_iid,
        design_effect=(error.se / error.se_iid) ** 2 if error.se and error.se_iid else None,
        items=error.groups[0],
        reviewers=error.groups[1] if len(by) == 2 else None,
        same_reviewers_low=same[0],
        same_reviewers_high=same[1],
    )


def position_bias_test(first_wins: float, n: float, *, alpha: float = 0.05) -> TestResult:
    """Share of decided votes that went to the response shown first: exact binomial test, Wilson interval.

    first_wins, n: counts without ties. Sides are drawn at random, so under "the side does not matter" first_wins is
    binomial(n, 1/2) whatever tasks and reviewers share, and no clustering is needed; where sides are balanced within
    tasks or reviewers as well it varies less, and the test is on the safe side.
    """
    x, total = checks.part_of("first_wins", first_wins, "n", n)
    checks.open_unit("alpha", alpha)
    method = "share won by the response shown first, exact binomial test"
    if total == 0:
        return _undefined(alpha, method, "No vote was decided, so no side can have been favoured.")
    low, high = wilson(x / total, total, alpha)
    p = binomial_p(x, total)
    notes: tuple[str, ...] = ()
    if p < alpha:
        side = "first" if 2 * x > total else "second"
        notes = (f"The response shown {side} won more often than chance allows: balance sides before reading wins.",)
    return TestResult(
        estimate=x / total, ci_low=low, ci_high=high, p_value=p, alpha=alpha, n=total, method=method, warnings=notes
    )


def length_bias(
    scores: ArrayLike, length_differences: ArrayLike, *, items: ArrayLike | None = None, alpha: float = 0.05
) -> LengthBias:
    """Share of decided votes won by the longer response, and the candidate's win rate at equal length.

    scores: candidate's score per vote in [0, 1]; length_differences: candidate minus baseline, any unit; items: task
    codes, for an error clustered by task. Votes with score .5 or equal length do not count in the share.
    A longer answer may be better for good reasons: a share above one half is a reason to look, not a proof of bias.
    At equal length: fractional logit of the score on tanh(difference / sd), cluster-robust (the idea of
    Dubois et al. 2024, length-controlled AlpacaEval, without their model terms).
    """
    values, gaps = checks.values("scores", scores), checks.values("length_differences", length_differences)
    if gaps.size != values.size:
        raise ValueError(f"length_differences has {gaps.size} entries, expected {values.size}")
    if values.min() < 0 or values.max() > 1:
        raise ValueError("scores must lie in [0, 1]")
    checks.open_unit("alpha", alpha)
    codes = np.arange(values.size) if items is None else checks.codes("items", items, length=values.size)
    method = "share won by the longer response" + ("" if items is None else ", clustered by task")
    equal, low, high, notes = _at_equal_length(values, gaps, codes, alpha)
    decided = (values != 0.5) & (gaps != 0)
    if not decided.any():
        reason = "No decided vote compares responses of different length."
        share = _undefined(alpha, method, reason)
    else:
        longer = ((values > 0.5) == (gaps > 0))[decided].astype(np.float64)
        share = _share(longer, checks.codes("items", codes[decided]), alpha, method)
    return LengthBias(
        estimate=share.estimate,
        ci_low=share.ci_low,
        ci_high=share.ci_high,
        p_value=share.p_value,
        alpha=alpha,
        n=share.n,
        method=method,
        warnings=share.warnings + notes,
        statistic=share.statistic,
        df=share.df,
        se=share.se,
        at_equal_length=equal,
        at_equal_length_low=low,
        at_equal_length_high=high,
    )


def _clustered_interval(
    mean: float, error: clustered.ClusteredError, alpha: float
) -> tuple[float | None, float | None, float | None, tuple[str, ...]]:
    if error.se is None or error.df is None:
        return None, None, None, ("One task and one reviewer: there is no uncertainty to estimate.",)
    if error.se == 0:
        clusters = min(size for size in error.groups if size > 1)
        low, high = wilson(mean, clusters, alpha)
        note = f"Every cluster says the same: interval and p count each of the {clusters} as one observation."
        p_equal = 2 * float(special.ndtr(-abs(mean - 0.5) * 2 * math.sqrt(clusters)))
        return low, high, p_equal, (note,)
    low, high = clustered.t_interval(mean, error.se, error.df, alpha)
    p = clustered.t_p_value(mean - 0.5, error.se, error.df)
    return max(0.0, low), min(1.0, high), p, ()


def _share(indicator: Floats, codes: Ints, alpha: float, method: str) -> TestResult:
    mean, n = float(indicator.mean()), indicator.size
    groups = int(codes.max()) + 1
    if groups == n or mean in (0.0, 1.0):  # independent, or without spread: count each cluster once
        x = round(mean * groups)
        low, high = clopper_pearson(x, groups, alpha)
        p = binomial_p(x, groups)
        return TestResult(
            estimate=mean, ci_low=low, ci_high=high, p_value=p, alpha=alpha, n=n, method=method, warnings=()
        )
    error = clustered.clustered_error(clustered.residuals(indicator), (codes,))
    low_t, high_t, p_t, notes = _clustered_interval(mean, error, alpha)
    return TestResult(
        estimate=mean,
        ci_low=low_t,
        ci_high=high_t,
        p_value=p_t,
        alpha=alpha,
        n=n,
        method=method,
        warnings=clustered.few_cluster_warnings(error.groups, ("task",)) + notes,
        statistic=(mean - 0.5) / error.se if error.se else None,
        df=error.df,
        se=error.se,
    )


def _at_equal_length(
    scores: Floats, gaps: Floats, codes: Ints, alpha: float
) -> tuple[float | None, float | None, float | None, tuple[str, ...]]:
    spread = float(gaps.std())
    groups = int(codes.max()) + 1
    if spread == 0 or groups < 5 or scores.min() == scores.max():
        return None, None, None, ("Too little variation to estimate the win rate at equal length.",)
    design = np.column_stack([np.ones(gaps.size), np.tanh(gaps / spread)])
    beta = np.zeros(2)
    for _ in range(50):
        fitted = special.expit(design @ beta)
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            return None, None, None, ("The longer response wins always or never: no win rate at equal length.",)
        step = np.linalg.solve(information, design.T @ (scores - fitted))
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None, None, None, ("The longer response wins always or never: no win rate at equal length.",)
    residual = scores - special.expit(design @ beta)
    sums = np.column_stack([np.bincount(codes, weights=design[:, k] * residual, minlength=groups) for k in (0, 1)])
    bread = np.linalg.inv(information)
    variance = bread @ (sums.T @ sums) @ bread * (groups / (groups - 1))
    low, high = clustered.t_interval(float(beta[0]), math.sqrt(variance[0, 0]), groups - 1, alpha)
    return float(special.expit(beta[0])), float(special.expit(low)), float(special.expit(high)), ()


def _no_votes(alpha: float, method: str) -> WinRate:
    return WinRate(
        alpha=alpha,
        n=0,
        method=method,
        warnings=("There are no votes yet.",),
    )


def _undefined(alpha: float, method: str, reason: str) -> TestResult:
    return TestResult(alpha=alpha, n=0, method=method, warnings=(reason,))
