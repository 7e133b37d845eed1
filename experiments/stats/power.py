"""How many are needed, and what can be seen with as many as there are."""

import math
from dataclasses import dataclass

from scipy import optimize, special

from experiments.stats import checks
from experiments.stats.result import Estimate


@dataclass(frozen=True, kw_only=True)
class SampleSize(Estimate):
    """`estimate` is the unrounded size of the control arm (of the only sample, where there is one); `n` the total."""

    control: int
    treatment: int
    total: int
    power: float
    design_effect: float = 1.0


def required_sample_size(
    baseline_rate: float, min_detectable_effect: float, *, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Units per arm by the tutorials' formula: a t-test on the effect mde / sqrt(p (1 - p)), rounded up.

    Offered because it is widely quoted. It takes the baseline's variance for both arms, so it asks for too many when
    the rate moves away from one half and too few when it moves towards it; plan with `sample_size_two_proportions`.
    """
    p = checks.open_unit("baseline_rate", baseline_rate)
    _effect("min_detectable_effect", min_detectable_effect)
    effect = abs(min_detectable_effect) / math.sqrt(p * (1 - p))
    return math.ceil(_t_test_size(effect, _alpha(alpha), _power(power), 1.0) - 1e-9)


def sample_size_two_proportions(
    baseline_rate: float,
    min_detectable_effect: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1,
    design_effect: float = 1,
) -> SampleSize:
    """Units for the pooled two-sided z-test to see baseline_rate + min_detectable_effect (absolute, either sign).

    ratio: treatment units per control unit. design_effect: variance inflation by clusters, 1 + (m - 1) rho.
    Source: Fleiss, Levin & Paik 2003, section 4.2, without continuity correction.
    """
    p0 = checks.open_unit("baseline_rate", baseline_rate)
    p1 = p0 + _effect("min_detectable_effect", min_detectable_effect)
    if not 0 < p1 < 1:
        raise ValueError(f"min_detectable_effect moves the rate to {p1:g}, outside (0, 1)")
    r = checks.positive("ratio", ratio)
    pooled = (p0 + r * p1) / (1 + r)
    null = math.sqrt(pooled * (1 - pooled) * (1 + 1 / r))
    other = math.sqrt(p0 * (1 - p0) + p1 * (1 - p1) / r)
    size = ((_z(1 - _alpha(alpha) / 2) * null + _z(_power(power)) * other) / (p1 - p0)) ** 2
    return _two_arms(size, r, alpha, power, design_effect, "two-proportion z-test (pooled)")


def sample_size_means(
    sd: float,
    min_detectable_effect: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1,
    design_effect: float = 1,
) -> SampleSize:
    """Units for a two-sample t-test to see a difference of means, with standard deviation `sd` in both arms.

    ratio: treatment units per control unit. Noncentral t, by statsmodels.
    """
    effect = abs(_effect("min_detectable_effect", min_detectable_effect)) / checks.positive("sd", sd)
    r = checks.positive("ratio", ratio)
    size = _t_test_size(effect, _alpha(alpha), _power(power), r)
    return _two_arms(size, r, alpha, power, design_effect, "two-sample t-test")


def sample_size_paired(
    p10: float, p01: float, *, alpha: float = 0.05, power: float = 0.8, design_effect: float = 1
) -> SampleSize:
    """Cases for McNemar's test to see that only-baseline (p10) and only-candidate (p01) rates differ.

    p10, p01: shares of all cases that only one model gets right. Source: Connor 1987, Biometrics 43:207.
    """
    a, b = checks.closed_unit("p10", p10), checks.closed_unit("p01", p01)
    if a + b > 1:
        raise ValueError(f"p10 and p01 add up to {a + b:g}, more than 1")
    gap = _effect("p10 - p01", a - b)
    discordant = a + b
    spread = math.sqrt(max(0.0, discordant - gap * gap))
    size = ((_z(1 - _alpha(alpha) / 2) * math.sqrt(discordant) + _z(_power(power)) * spread) / gap) ** 2
    return _one_sample(size, alpha, power, design_effect, "McNemar's test")


def sample_size_paired_means(
    sd_of_differences: float,
    min_detectable_effect: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1,
) -> SampleSize:
    """Cases for a paired t-test to see a mean difference. Noncentral t, by statsmodels."""
    effect = abs(_effect("min_detectable_effect", min_detectable_effect))
    effect /= checks.positive("sd_of_differences", sd_of_differences)
    # Brings pandas along and takes a second: every process would pay for it, few ever plan.
    from statsmodels.stats.power import TTestPower

    size = TTestPower().solve_power(effect_size=effect, alpha=_alpha(alpha), power=_power(power))
    return _one_sample(float(size), alpha, power, design_effect, "paired t-test")


def sample_size_win_rate(
    win_rate: float,
    *,
    tie_rate: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1,
) -> SampleSize:
    """Votes to tell a win rate (ties as half) from one half. `design_effect`: of votes sharing tasks and reviewers.

    With k votes a task and correlation rho within it, the design effect is about 1 + (k - 1) rho; a finished campaign's
    `win_rate_clustered` measures it.
    """
    ties = checks.closed_unit("tie_rate", tie_rate)
    wins = checks.open_unit("win_rate", win_rate) - ties / 2
    if wins < 0 or wins + ties > 1:
        raise ValueError(f"tie_rate {ties:g} leaves no room for a win_rate of {win_rate:g}")
    gap = _effect("win_rate - 0.5", win_rate - 0.5)
    null, other = math.sqrt((1 - ties) / 4), math.sqrt(wins + ties / 4 - win_rate**2)
    size = ((_z(1 - _alpha(alpha) / 2) * null + _z(_power(power)) * other) / gap) ** 2
    return _one_sample(size, alpha, power, design_effect, "win rate against one half")


def power_two_proportions(
    control_rate: float, treatment_rate: float, control_n: float, treatment_n: float, *, alpha: float = 0.05
) -> float:
    """Chance that the pooled two-sided z-test finds this difference. Normal approximation, both tails."""
    p0, p1 = checks.closed_unit("control_rate", control_rate), checks.closed_unit("treatment_rate", treatment_rate)
    n0, n1 = checks.positive("control_n", control_n), checks.positive("treatment_n", treatment_n)
    pooled = (n0 * p0 + n1 * p1) / (n0 + n1)
    null = _z(1 - _alpha(alpha) / 2) * math.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    other = math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
    gap = abs(p1 - p0)
    if other == 0:
        return float(gap > null)
    return float(special.ndtr((gap - null) / other) + special.ndtr((-gap - null) / other))


def minimum_detectable_effect(
    baseline_rate: float,
    control_n: float,
    treatment_n: float | None = None,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1,
) -> Estimate:
    """Smallest rise of a rate that the pooled z-test sees with this power and these units. The way back of the size.

    None, with the reason, where even a rate of 1 would not be seen.
    """
    p0 = checks.open_unit("baseline_rate", baseline_rate)
    n0 = checks.positive("control_n", control_n)
    n1 = n0 if treatment_n is None else checks.positive("treatment_n", treatment_n)
    deff = checks.positive("design_effect", design_effect)
    wanted, level = _power(power), _alpha(alpha)

    def short_of(effect: float) -> float:
        return power_two_proportions(p0, p0 + effect, n0 / deff, n1 / deff, alpha=level) - wanted

    largest = (1 - p0) * (1 - 1e-9)
    found = optimize.brentq(short_of, 1e-12, largest, xtol=1e-14) if short_of(largest) > 0 else None
    return Estimate(
        estimate=found,
        alpha=level,
        n=round(n0 + n1),
        method="minimum detectable effect, two-proportion z-test (pooled)",
        warnings=() if found is not None else ("So few units would not even show a rate of 100%.",),
    )


def _two_arms(size: float, ratio: float, alpha: float, power: float, design_effect: float, method: str) -> SampleSize:
    exact = size * checks.positive("design_effect", design_effect)
    control, treatment = math.ceil(exact - 1e-9), math.ceil(exact * ratio - 1e-9)
    return SampleSize(
        estimate=exact,
        alpha=alpha,
        n=control + treatment,
        method=method,
        control=control,
        treatment=treatment,
        total=control + treatment,
        power=power,
        design_effect=design_effect,
    )


def _one_sample(size: float, alpha: float, power: float, design_effect: float, method: str) -> SampleSize:
    exact = size * checks.positive("design_effect", design_effect)
    needed = math.ceil(exact - 1e-9)
    return SampleSize(
        estimate=exact,
        alpha=alpha,
        n=needed,
        method=method,
        control=needed,
        treatment=needed,
        total=needed,
        power=power,
        design_effect=design_effect,
    )


def _t_test_size(effect: float, alpha: float, power: float, ratio: float) -> float:
    from statsmodels.stats.power import TTestIndPower

    return float(TTestIndPower().solve_power(effect_size=effect, alpha=alpha, power=power, ratio=ratio))


def _effect(name: str, value: float) -> float:
    if not math.isfinite(value) or value == 0:
        raise ValueError(f"{name} must not be 0")
    return value


def _alpha(value: float) -> float:
    return checks.open_unit("alpha", value)


def _power(value: float) -> float:
    return checks.open_unit("power", value)


def _z(share: float) -> float:
    return float(special.ndtri(share))
