"""Relative change of a mean, with its uncertainty."""

import math

from scipy import special

from experiments.stats.result import TestResult


def relative_lift(
    control: float,
    control_var: float,
    control_n: int,
    treatment: float,
    treatment_var: float,
    treatment_n: int,
    *,
    alpha: float = 0.05,
) -> TestResult:
    """(treatment - control) / control, by the delta method on two independent means, t with Welch's df.

    Variances are those of one observation. Undefined where the control mean is 0.
    Source: Deng, Knoblich & Lu 2018, KDD, section 2; the same as GrowthBook's relative test.
    """
    method = "relative lift, delta method"
    n = control_n + treatment_n
    spread0, spread1 = control_var / control_n, treatment_var / treatment_n
    near_zero = abs(control) <= 1e-100  # beyond, squares underflow
    if near_zero or spread0 + spread1 <= 1e-200 or min(control_n, treatment_n) < 2:
        reason = "The control is 0" if near_zero else "Nothing varies"
        return TestResult(
            estimate=None if near_zero else (treatment - control) / control,
            alpha=alpha,
            n=n,
            method=method,
            warnings=(f"{reason}, so the relative lift has no interval.",),
        )
    lift = (treatment - control) / control
    se = math.sqrt(spread1 + spread0 * (treatment / control) ** 2) / abs(control)
    df = welch_df(spread0, control_n, spread1, treatment_n)
    half = abs(float(special.stdtrit(df, alpha / 2))) * se
    p_value = 2 * float(special.stdtr(df, -abs(lift) / se)) if se > 0 else None
    return TestResult(
        estimate=lift,
        ci_low=lift - half,
        ci_high=lift + half,
        p_value=p_value,
        alpha=alpha,
        n=n,
        method=method,
        statistic=lift / se if se > 0 else None,
        df=df,
        se=se,
    )


def welch_df(spread0: float, n0: int, spread1: float, n1: int) -> float:
    """Satterthwaite's degrees of freedom of two means, from their squared standard errors."""
    share = spread0 / (spread0 + spread1)  # by shares, since squares of tiny variances underflow
    return 1 / (share**2 / (n0 - 1) + (1 - share) ** 2 / (n1 - 1))
