"""The rate behind a judge that is known to err."""

import math

from scipy import special

from experiments.stats import checks
from experiments.stats.result import Estimate


def judge_corrected_rate(
    judge_rate: float,
    sensitivity: float,
    specificity: float,
    *,
    judge_n: int | None = None,
    sensitivity_n: int | None = None,
    specificity_n: int | None = None,
    alpha: float = 0.05,
) -> Estimate:
    """The true rate behind an imperfect judge's rate: (rate + specificity - 1) / (sensitivity + specificity - 1).

    The three n are the cases each rate was measured on; without them there is no interval. Interval: Lang & Reiczigel
    2014, Prev. Vet. Med. 113:13, which adds pseudo-counts to all three. Source: Rogan & Gladen 1978, AJE 107:71.
    """
    rate = checks.closed_unit("judge_rate", judge_rate)
    hit, pass_rate = checks.closed_unit("sensitivity", sensitivity), checks.closed_unit("specificity", specificity)
    level = checks.open_unit("alpha", alpha)
    method = "Rogan-Gladen corrected rate"
    sizes = [
        None if size is None else checks.positive_count(name, size)
        for name, size in (("judge_n", judge_n), ("sensitivity_n", sensitivity_n), ("specificity_n", specificity_n))
    ]
    skill = hit + pass_rate - 1
    if skill <= 1e-12:
        reason = "The judge is no better than a coin, so no true rate can be recovered."
        return Estimate(alpha=level, n=sizes[0] or 0, method=method, warnings=(reason,))
    raw = (rate + pass_rate - 1) / skill
    best = min(1.0, max(0.0, raw))
    known = [size for size in sizes if size is not None]
    low, high = _lang_reiczigel(rate, hit, pass_rate, known, level) if len(known) == 3 else (None, None)
    return Estimate(
        estimate=best,
        ci_low=None if low is None else min(low, best),
        ci_high=None if high is None else max(high, best),
        alpha=level,
        n=sizes[0] or 0,
        method=method,
        warnings=_warnings(raw, measured=len(known) == 3, has_interval=low is not None),
    )


def _warnings(raw: float, *, measured: bool, has_interval: bool) -> tuple[str, ...]:
    notes = []
    if not 0 <= raw <= 1:
        notes.append(f"The corrected rate is {raw:.3f}, outside [0, 1]: the judge's error rates do not fit these data.")
    if not measured:
        notes.append("Without the numbers the three rates were measured on there is no interval.")
    elif not has_interval:
        notes.append("Too few cases to show that the judge beats a coin, so there is no interval.")
    return tuple(notes)


def _lang_reiczigel(
    rate: float, sensitivity: float, specificity: float, sizes: list[int], alpha: float
) -> tuple[float | None, float | None]:
    z2 = float(special.ndtri(1 - alpha / 2)) ** 2
    n = sizes[0] + z2
    p = (sizes[0] * rate + z2 / 2) / n
    hit, passed = (sizes[1] * sensitivity + 1) / (sizes[1] + 2), (sizes[2] * specificity + 1) / (sizes[2] + 2)
    skill = hit + passed - 1
    if skill <= 0.01:
        return None, None
    centre = (p + passed - 1) / skill
    spread = p * (1 - p) / n
    spread += (1 - centre) ** 2 * passed * (1 - passed) / (sizes[2] + 2)
    spread += centre**2 * hit * (1 - hit) / (sizes[1] + 2)
    shift = 2 * z2 * (centre * hit * (1 - hit) / (sizes[1] + 2) - (1 - centre) * passed * (1 - passed) / (sizes[2] + 2))
    half = math.sqrt(z2 * spread) / skill
    low, high = centre + shift - half, centre + shift + half
    return min(1.0, max(0.0, low)), min(1.0, max(0.0, high))
