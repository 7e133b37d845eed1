"""Looking while a test runs: confidence sequences for any number of looks, planned looks with bounds."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from experiments.stats import checks, group_sequential
from experiments.stats.checks import Floats
from experiments.stats.result import Estimate, TestResult

Spending = Literal["obrien-fleming", "pocock", "power"]


@dataclass(frozen=True, kw_only=True)
class GroupSequentialDesign:
    """Reject at look k when |z| >= bounds[k]. `information`: share of the planned n; `spent`: alpha used up so far."""

    information: tuple[float, ...]
    bounds: tuple[float, ...]
    nominal_p: tuple[float, ...]
    spent: tuple[float, ...]
    alpha: float
    n: int
    method: str
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def asymptotic_confidence_sequence(
    estimate: float, se: float, n: float, *, n_star: float = 5000, alpha: float = 0.05
) -> TestResult:
    """An interval for an estimate that may be looked at after every observation, for ever.

    estimate, se: of any asymptotically normal mean or difference so far, clustered or not; n: observations (clusters,
    if the error is clustered) behind it; n_star: the n at which the interval should be tightest. p: always valid, the
    smallest alpha whose sequence excludes 0, with n_star tuned for `alpha`.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, Ann. Stat. 52:2613, eq. 9; tuning as GrowthBook's.
    """
    checks.finite("estimate", estimate)
    checks.not_negative("se", se)
    size = checks.positive("n", n)
    level = checks.open_unit("alpha", alpha)
    method = f"asymptotic confidence sequence, tightest at {n_star:g}"
    if se == 0:
        return _no_spread(estimate, level, size, method)
    rho2 = _tuning(level, checks.positive("n_star", n_star))
    growth = size * rho2 + 1
    half = se * math.sqrt(2 * growth / (size * rho2) * math.log(math.sqrt(growth) / level))
    log_p = 0.5 * math.log(growth) - estimate**2 * size * rho2 / (2 * growth * se * se)
    notes = () if size >= 100 else (f"Asymptotic: {size:g} observations are few to start looking; 100 are safer.",)
    return TestResult(
        estimate=estimate,
        ci_low=estimate - half,
        ci_high=estimate + half,
        p_value=min(1.0, math.exp(min(0.0, log_p))),
        alpha=level,
        n=round(size),
        method=method,
        warnings=notes,
        se=se,
    )


def asymptotic_sequence_spent(n: float, *, n_star: float = 5000, alpha: float = 0.05) -> float:
    """How much of alpha an `asymptotic_confidence_sequence` has used up at most after n observations, however often it
    was looked at: what is left may go to a second one, of other data.

    Under the mixture that the sequence is made of, its score is a Brownian motion on (0, 1) that meets a concave
    boundary, and alpha times the chance to have met it is the error so far. A chord lies below the boundary, and the
    chance to meet a line is known. Source: Robbins & Siegmund 1970, Ann. Math. Stat. 41:1410; Siegmund 1985, eq. 3.15.
    """
    size = checks.not_negative("n", n)
    level = checks.open_unit("alpha", alpha)
    u = size * _tuning(level, checks.positive("n_star", n_star))
    v = u / (1 + u)
    if v == 0:
        return 0.0
    start = math.sqrt(-2 * math.log(level))
    end = math.sqrt((math.log1p(u) - 2 * math.log(level)) / (1 + u))
    fall, sd = (start - end) / v, math.sqrt(v)
    met = float(special.ndtr(-end / sd))
    met += math.exp(2 * start * fall + float(special.log_ndtr((end - 2 * start) / sd)))
    return level * min(1.0, 2 * met)


def msprt(estimate: float, se: float, *, tau2: float, n: float, alpha: float = 0.05) -> TestResult:
    """Mixture sequential probability ratio test of a zero difference, with its always-valid interval.

    estimate, se: difference of means and its plug-in standard error at this look; tau2: variance of the normal mixture
    over true differences, about the square of the effect one cares for. `statistic` is the mixture likelihood ratio,
    p = min(1, 1 / statistic); over several looks take `always_valid_p` of the p-values.
    Source: Johari, Koomen, Pekelis & Walsh 2022, Operations Research 70:1806; Robbins 1970.
    """
    checks.finite("estimate", estimate)
    checks.not_negative("se", se)
    mixture = checks.positive("tau2", tau2)
    size = checks.positive("n", n)
    level = checks.open_unit("alpha", alpha)
    method = f"mixture sequential probability ratio test, tau2 = {tau2:g}"
    if se == 0:
        return _no_spread(estimate, level, size, method)
    v = se * se
    log_ratio = 0.5 * math.log(v / (v + mixture)) + mixture * estimate**2 / (2 * v * (v + mixture))
    half = math.sqrt(2 * v * (v + mixture) / mixture * (0.5 * math.log((v + mixture) / v) - math.log(level)))
    return TestResult(
        estimate=estimate,
        ci_low=estimate - half,
        ci_high=estimate + half,
        p_value=math.exp(min(0.0, -log_ratio)),
        alpha=level,
        n=round(size),
        method=method,
        warnings=() if size >= 100 else (f"Plug-in variance: {size:g} observations are few to start looking.",),
        statistic=math.exp(min(700.0, log_ratio)),
        se=se,
    )


def always_valid_p(p_values: ArrayLike) -> tuple[float, ...]:
    """Running minimum of sequential p-values over the looks so far: what may be quoted at any time.

    p_values: one per look, in order, each from `msprt`, `asymptotic_confidence_sequence` or
    `win_rate_confidence_sequence`; a fixed-horizon p-value does not become valid by this.
    """
    p = checks.values("p_values", p_values)
    if p.min() < 0 or p.max() > 1:
        raise ValueError("p_values must lie in [0, 1]")
    return tuple(float(value) for value in np.minimum.accumulate(p))


def win_rate_confidence_sequence(wins: float, n: float, *, alpha: float = 0.05) -> Estimate:
    """A win rate among decided, independent votes, valid at every n: beta(1, 1)-binomial mixture.

    wins, n: counts. Exact, no approximation. p tests one half. Votes that share tasks or reviewers need
    `asymptotic_confidence_sequence` with a clustered error. Source: Robbins 1970, Ann. Math. Stat. 41:1397.
    """
    x, total = checks.part_of("wins", wins, "n", n)
    level = checks.open_unit("alpha", alpha)
    method = "Bernoulli confidence sequence (beta-binomial mixture)"
    if total == 0:
        return Estimate(
            alpha=level,
            n=0,
            method=method,
            warnings=("There is no decided vote yet.",),
        )
    mixture = float(special.betaln(x + 1, total - x + 1))

    def excess(rate: float) -> float:
        likelihood = float(special.xlogy(x, rate) + special.xlog1py(total - x, -rate))
        return mixture - likelihood + math.log(level)

    observed, edge = x / total, 1e-15
    low = 0.0 if x == 0 else float(optimize.brentq(excess, edge, observed, xtol=1e-14))
    high = 1.0 if x == total else float(optimize.brentq(excess, observed, 1 - edge, xtol=1e-14))
    log_ratio = mixture + total * math.log(2)
    return Estimate(
        estimate=observed,
        ci_low=low,
        ci_high=high,
        p_value=math.exp(min(0.0, -log_ratio)),
        alpha=level,
        n=total,
        method=method,
    )


def group_sequential_bounds(
    information: Sequence[float],
    *,
    alpha: float = 0.05,
    spending: Spending = "obrien-fleming",
    phi: float = 2.0,
    stretches: Sequence[Sequence[float]] = (),
) -> GroupSequentialDesign:
    """Two-sided z-bounds at planned looks, spending alpha over information.

    information: share of the planned n at each look, rising, the last one 1 (or less while looks are still to come).
    obrien-fleming: 4 - 4 Phi(z_{alpha/4} / sqrt t), strict early; pocock: alpha ln(1 + (e - 1) t), nearly even;
    power: alpha t^phi.
    Looks may move: the next bound needs only the information so far. Source: Lan & DeMets 1983, Biometrika 70:659.
    stretches: where looks do not contain what earlier ones have compared, the information of the looks of each
    stretch, in any unit. A new stretch starts anew on the alpha that is left: the errors of stretches add up at most.
    """
    t = _information(information)
    level = checks.open_unit("alpha", alpha)
    spent = _spent(t, level, spending, checks.positive("phi", phi))
    bounds = group_sequential.spending_bounds(t, spent, _stretches(stretches, t.size))
    label = f"Lan-DeMets, {spending}-like spending" if spending != "power" else f"Lan-DeMets, power spending {phi:g}"
    return _design(t, bounds, spent, level, label)


def classical_bounds(
    looks: int, *, alpha: float = 0.05, kind: Literal["pocock", "obrien-fleming"]
) -> GroupSequentialDesign:
    """Equally spaced looks with one constant: Pocock's |z| >= C, O'Brien and Fleming's |z| >= C / sqrt(t).

    Source: Jennison & Turnbull 2000, tables 2.1 and 2.3.
    """
    count = checks.positive_count("looks", looks)
    level = checks.open_unit("alpha", alpha)
    if kind not in ("pocock", "obrien-fleming"):
        raise ValueError(f"kind must be 'pocock' or 'obrien-fleming', not {kind!r}")
    t = np.arange(1, count + 1) / count
    shape = np.ones(count) if kind == "pocock" else 1 / np.sqrt(t)
    bounds = group_sequential.shaped_bounds(t, shape, level)
    spent = np.cumsum(group_sequential.crossing_probabilities(bounds, t))
    return _design(t, bounds, spent, level, f"classical {kind} bounds")


def crossing_probability(
    bounds: Sequence[float], information: Sequence[float], *, drift: float = 0.0
) -> tuple[float, ...]:
    """Chance to have crossed by each look: the error rate with drift 0, the power with the z expected at full n.

    With 1.96 at every one of 5, 10 or 50 even looks it is 14%, 19% and 32%: the price of peeking.
    """
    t, limits = _information(information), checks.values("bounds", bounds)
    if limits.size != t.size:
        raise ValueError(f"bounds has {limits.size} entries for {t.size} looks")
    if (limits <= 0).any():
        raise ValueError("bounds must be greater than 0")
    found = group_sequential.crossing_probabilities(limits, t, checks.finite("drift", drift))
    return tuple(float(value) for value in np.cumsum(found))


def _tuning(alpha: float, n_star: float) -> float:
    """rho squared that makes the sequence tightest at n_star, Waudby-Smith et al. 2024, eq. 11."""
    log_alpha = -2 * math.log(alpha)
    return (log_alpha + math.log(log_alpha + 1)) / n_star


def _spent(t: Floats, alpha: float, spending: Spending, phi: float) -> Floats:
    if spending == "obrien-fleming":
        return np.asarray(4 * special.ndtr(-special.ndtri(1 - alpha / 4) / np.sqrt(t)))
    if spending == "pocock":
        return np.asarray(alpha * np.log(1 + (math.e - 1) * t))
    if spending == "power":
        return np.asarray(alpha * t**phi)
    raise ValueError(f"spending must be 'obrien-fleming', 'pocock' or 'power', not {spending!r}")


def _information(information: Sequence[float]) -> Floats:
    t = checks.values("information", information)
    if t[0] <= 0 or t[-1] > 1 + 1e-12 or (np.diff(t) <= 0).any():
        raise ValueError("information must rise, within (0, 1]")
    return t


def _stretches(stretches: Sequence[Sequence[float]], looks: int) -> list[Floats]:
    found = [checks.values("stretches", one) for one in stretches]
    if found and sum(one.size for one in found) != looks:
        raise ValueError(f"stretches have {sum(one.size for one in found)} looks, and there are {looks}")
    if any(one[0] <= 0 or (np.diff(one) <= 0).any() for one in found):
        raise ValueError("the information of a stretch must rise, from above 0")
    return found


def _design(t: Floats, bounds: Floats, spent: Floats, alpha: float, method: str) -> GroupSequentialDesign:
    silent = int(np.count_nonzero(bounds >= group_sequential.LARGEST_BOUND))
    note = f"{silent} early looks spend practically nothing: no result can stop the test there."
    return GroupSequentialDesign(
        information=tuple(float(value) for value in t),
        bounds=tuple(float(value) for value in bounds),
        nominal_p=tuple(float(value) for value in 2 * special.ndtr(-bounds)),
        spent=tuple(float(value) for value in spent),
        alpha=alpha,
        n=t.size,
        method=method,
        warnings=(note,) if silent else (),
    )


def _no_spread(estimate: float, alpha: float, n: float, method: str) -> TestResult:
    return TestResult(
        estimate=estimate,
        alpha=alpha,
        n=round(n),
        method=method,
        warnings=("The standard error is 0, so there is no spread to build a sequence on yet.",),
        se=0.0,
    )
