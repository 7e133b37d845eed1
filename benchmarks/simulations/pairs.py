"""Two models on the same cases."""

import numpy as np

from benchmarks.simulations.promise import Promise, Trial, covers, rejects
from benchmarks.simulations.two_arms import welch
from experiments.stats.checks import Floats, Ints
from experiments.stats.multiplicity import adjust_p_values
from experiments.stats.paired import mcnemar, paired_bootstrap, paired_difference, sign_test, wilcoxon_signed_rank
from experiments.stats.power import sample_size_paired, sample_size_paired_means

DISCORDANT = (0.12, 0.08)


def scores(rng: np.random.Generator, cases: int, lead: float = 0.0) -> tuple[Floats, Floats]:
    """Right or wrong, easier and harder cases shared by both models."""
    ease = rng.normal(0, 1.5, cases)
    return (
        (ease + rng.normal(size=cases) > 0).astype(float),
        (ease + lead + rng.normal(size=cases) > 0).astype(float),
    )


def discordant(rng: np.random.Generator, cases: int) -> tuple[int, int]:
    before, after = scores(rng, cases)
    return int(((before == 1) & (after == 0)).sum()), int(((before == 0) & (after == 1)).sum())


def mcnemar_rejects(method: str) -> Trial:
    return lambda rng: rejects(mcnemar(*discordant(rng, 150), method=method).p_value)  # type: ignore[arg-type]


def mid_p_covers(rng: np.random.Generator) -> bool:
    share = rng.uniform(0.1, 0.9)
    won = int(rng.binomial(40, share))
    return covers(mcnemar(40 - won, won), share)


def sign_rejects(rng: np.random.Generator) -> bool:
    won = int(rng.binomial(45, 0.5))
    return rejects(sign_test(won, 45 - won).p_value)


def wilcoxon_covers(rng: np.random.Generator) -> bool:
    return covers(wilcoxon_signed_rank(rng.standard_t(3, 25) + 0.5), 0.5)


def grouped(rng: np.random.Generator) -> tuple[Floats, Floats, Ints]:
    codes = np.arange(240) // 6
    before = rng.normal(size=240)
    return before, before + rng.normal(0, 0.5, 40)[codes] + rng.normal(0, 0.7, 240), codes


def difference_rejects(rng: np.random.Generator) -> bool:
    return rejects(paired_difference(*scores(rng, 120)).p_value)


def grouped_rejects(rng: np.random.Generator) -> bool:
    before, after, codes = grouped(rng)
    return rejects(paired_difference(before, after, clusters=codes).p_value)


def bootstrap_covers(rng: np.random.Generator) -> bool:
    before = rng.exponential(size=80)
    after = before + rng.exponential(0.8, 80)
    return covers(paired_bootstrap(before, after, seed=int(rng.integers(2**31)), resamples=1000), 0.8)


def grouped_bootstrap_covers(rng: np.random.Generator) -> bool:
    before, after, codes = grouped(rng)
    seed = int(rng.integers(2**31))
    return covers(paired_bootstrap(before, after, clusters=codes, seed=seed, resamples=1000), 0.0)


def paired_lift_covers(rng: np.random.Generator) -> bool:
    before = rng.gamma(4, 1, 120)
    result = paired_difference(before, before * rng.uniform(1.0, 1.2, 120))
    return result.lift_low is not None and result.lift_high is not None and result.lift_low <= 0.1 <= result.lift_high


def paired_power(rng: np.random.Generator) -> bool:
    before, after = scores(rng, 300, lead=0.25)
    return rejects(paired_difference(before, after).p_value)


def unpaired_power(rng: np.random.Generator) -> bool:
    return rejects(welch(*scores(rng, 300, lead=0.25)).p_value)


def planned_mcnemar(rng: np.random.Generator) -> bool:
    only_baseline, only_candidate, _ = rng.multinomial(MCNEMAR_SIZE, [*DISCORDANT, 1 - sum(DISCORDANT)])
    return rejects(mcnemar(int(only_baseline), int(only_candidate)).p_value)


def planned_paired_means(rng: np.random.Generator) -> bool:
    before = rng.normal(size=PAIRED_SIZE)
    return rejects(paired_difference(before, before + rng.normal(0.25, 1, PAIRED_SIZE)).p_value)


def family(method: str) -> Trial:
    """Eight true nulls: is any called an effect?"""

    def trial(rng: np.random.Generator) -> bool:
        adjusted = adjust_p_values(list(rng.random(8)), method=method)  # type: ignore[arg-type]
        return any(rejects(p) for p in adjusted)

    return trial


def any_of_eight(rng: np.random.Generator) -> bool:
    return bool((rng.random(8) < 0.05).any())


MCNEMAR_SIZE = sample_size_paired(*DISCORDANT).control
PAIRED_SIZE = sample_size_paired_means(1, 0.25).control
PROMISES = [
    Promise("McNemar mid-p, true null", mcnemar_rejects("mid-p"), 0.035, 0.055, 20_000, 800, data="mcnemar"),
    Promise("McNemar exact on the same data", mcnemar_rejects("exact"), 0, 0.05, 20_000, 800, data="mcnemar"),
    Promise("mid-p interval, random shares", mid_p_covers, 0.935, 0.965, 20_000, 800),
    Promise("sign test, true null", sign_rejects, 0, 0.05, 20_000, 1500),
    Promise("Wilcoxon interval, heavy tails", wilcoxon_covers, 0.94, 0.965, 20_000, 800),
    Promise("paired difference of 0/1, true null", difference_rejects, 0.035, 0.06, 20_000, 800),
    Promise("paired difference by cluster, true null", grouped_rejects, 0.04, 0.065, 20_000, 800),
    Promise("paired bootstrap, skewed, interval", bootstrap_covers, 0.935, 0.965, 4_000, 200),
    Promise("paired bootstrap by cluster, interval", grouped_bootstrap_covers, 0.935, 0.965, 4_000, 200),
    Promise("relative lift of pairs, interval", paired_lift_covers, 0.935, 0.965, 20_000, 500),
    Promise("power of the paired test", paired_power, 0.40, 1, 5_000, 300, data="power"),
    Promise("power of an unpaired test, same data", unpaired_power, 0, 0.30, 5_000, 300, "why not", data="power"),
    Promise("sample_size_paired, power 80%", planned_mcnemar, 0.785, 0.815, 20_000, 800),
    Promise("sample_size_paired_means, power 80%", planned_paired_means, 0.785, 0.815, 20_000, 800),
    Promise("Holm, 8 true nulls, any alarm", family("holm"), 0.04, 0.055, 20_000, 1500, data="family"),
    Promise("Benjamini-Hochberg, the same", family("bh"), 0.04, 0.055, 20_000, 1500, data="family"),
    Promise("without adjustment, the same", any_of_eight, 0.30, 1, 20_000, 1500, "why not", data="family"),
]
