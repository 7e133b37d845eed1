"""Production arms: rates, means, quantiles, the split, and the sizes planned for them."""

import numpy as np
from scipy import stats

from benchmarks.simulations.promise import Promise, Trial, covers, rejects
from experiments.stats.binomial import score_interval
from experiments.stats.checks import Floats
from experiments.stats.means import CupedSums, clustered_mean, cuped, quantile_difference, welch_t_test
from experiments.stats.power import sample_size_means, sample_size_two_proportions
from experiments.stats.proportions import clopper_pearson_interval, srm_test, two_proportion_test, wilson_interval
from experiments.stats.result import ComparisonResult


def welch(control: Floats, treatment: Floats) -> ComparisonResult:
    arms = [(float(arm.mean()), float(arm.var(ddof=1)), arm.size) for arm in (control, treatment)]
    return welch_t_test(*arms[0], *arms[1])


def sums(x: Floats, y: Floats) -> CupedSums:
    return CupedSums(
        n=x.size,
        sum_y=float(y.sum()),
        sum_y2=float(y @ y),
        sum_x=float(x.sum()),
        sum_x2=float(x @ x),
        sum_xy=float(x @ y),
    )


def wilson_covers(rng: np.random.Generator) -> bool:
    rate = rng.uniform(0.02, 0.98)
    return covers(wilson_interval(rng.binomial(80, rate), 80), rate)


def exact_covers(rng: np.random.Generator) -> bool:
    rate = rng.uniform(0.02, 0.98)
    return covers(clopper_pearson_interval(rng.binomial(80, rate), 80), rate)


def rates_reject(rng: np.random.Generator) -> bool:
    return rejects(two_proportion_test(rng.binomial(620, 0.3), 620, rng.binomial(155, 0.3), 155).p_value)


def newcombe_covers(rng: np.random.Generator) -> bool:
    p0, p1 = rng.uniform(0.05, 0.95, 2)
    return covers(two_proportion_test(rng.binomial(90, p0), 90, rng.binomial(60, p1), 60), p1 - p0)


def score_covers(rng: np.random.Generator) -> bool:
    p0, p1 = rng.uniform(0.05, 0.95, 2)
    low, high = score_interval(rng.binomial(90, p0), 90, rng.binomial(60, p1), 60)
    return bool(low <= p1 - p0 <= high)


def lift_covers(rng: np.random.Generator) -> bool:
    test = two_proportion_test(rng.binomial(900, 0.2), 900, rng.binomial(900, 0.26), 900)
    return test.lift_low is not None and test.lift_high is not None and test.lift_low <= 0.3 <= test.lift_high


def split_alarms(rng: np.random.Generator) -> bool:
    seen = rng.binomial(10_000, 0.2)
    return srm_test([10_000 - seen, seen], [0.8, 0.2]).mismatch


def welch_rejects(rng: np.random.Generator) -> bool:
    return rejects(welch(rng.normal(0, 1, 620), rng.normal(0, 2, 155)).p_value)


def student_rejects(rng: np.random.Generator) -> bool:
    return rejects(float(stats.ttest_ind(rng.normal(0, 1, 620), rng.normal(0, 2, 155)).pvalue))


def cuped_covers(rng: np.random.Generator) -> bool:
    x = [rng.normal(3, 1, 80), rng.normal(3, 1, 120)]
    y = [0.7 * x[0] + rng.normal(size=80), 0.7 * x[1] + rng.normal(size=120) + 0.2]
    return covers(cuped(sums(x[0], y[0]), sums(x[1], y[1])), 0.2)


def clustered_mean_rejects(rng: np.random.Generator) -> bool:
    users = np.arange(400) // 8
    return rejects(clustered_mean(rng.normal(size=50)[users] + rng.normal(size=400), users).p_value)


def conversations_reject(rng: np.random.Generator) -> bool:
    users = np.arange(400) // 8
    return rejects(clustered_mean(rng.normal(0, 0.7, 50)[users] + rng.normal(size=400)).p_value)


def quantile_covers(q: float, n: int, *, clustered: bool = False) -> Trial:
    def trial(rng: np.random.Generator) -> bool:
        owners = np.arange(n) // 5
        shared = rng.normal(0, 0.7, (2, n // 5)) if clustered else np.zeros((2, n // 5))
        arms = [shared[k][owners] + rng.normal(size=n) for k in (0, 1)]
        by = (owners, owners) if clustered else None
        seed = int(rng.integers(2**31))
        return covers(quantile_difference(arms[0], arms[1], q, clusters=by, seed=seed, resamples=600), 0.0)

    return trial


def power_of_rates(ratio: float) -> Trial:
    size = sample_size_two_proportions(0.3, 0.05, ratio=ratio)

    def trial(rng: np.random.Generator) -> bool:
        seen = rng.binomial(size.control, 0.3), rng.binomial(size.treatment, 0.35)
        return rejects(two_proportion_test(int(seen[0]), size.control, int(seen[1]), size.treatment).p_value)

    return trial


def power_of_means(rng: np.random.Generator) -> bool:
    size = MEANS_SIZE
    return rejects(welch(rng.normal(0, 1, size.control), rng.normal(0.3, 1, size.treatment)).p_value)


MEANS_SIZE = sample_size_means(1, 0.3)
PROMISES = [
    Promise("Wilson interval, rates 2-98%, n 80", wilson_covers, 0.935, 0.965, 20_000, 1000),
    Promise("Clopper-Pearson interval, the same", exact_covers, 0.95, 1, 20_000, 1000, "never below, so wider"),
    Promise("two proportions, true null, 620 / 155", rates_reject, 0.035, 0.065, 20_000, 1000),
    Promise("Newcombe interval, random rates", newcombe_covers, 0.935, 0.965, 20_000, 1000),
    Promise("Miettinen-Nurminen interval, random rates", score_covers, 0.935, 0.965, 4_000, 300),
    Promise("relative lift, interval", lift_covers, 0.935, 0.965, 20_000, 800),
    Promise("sample ratio, true split, p < .001", split_alarms, 0.0004, 0.0017, 40_000, 3000),
    Promise("Welch, true null, 620 / 155, sd 1 / 2", welch_rejects, 0.04, 0.06, 20_000, 800, data="spread"),
    Promise("Student's t on the same data", student_rejects, 0.10, 1, 5_000, 400, "why not", data="spread"),
    Promise("CUPED, interval", cuped_covers, 0.935, 0.965, 20_000, 800),
    Promise("mean by user, true null", clustered_mean_rejects, 0.04, 0.065, 20_000, 800),
    Promise("conversations taken as independent", conversations_reject, 0.20, 1, 10_000, 600, "why not"),
    Promise("median difference, interval", quantile_covers(0.5, 150), 0.935, 0.965, 6_000, 300),
    Promise("p95 difference, interval", quantile_covers(0.95, 400), 0.935, 0.965, 6_000, 300),
    Promise("median by user, interval", quantile_covers(0.5, 250, clustered=True), 0.935, 0.965, 2_000, 40),
    Promise("sample_size_two_proportions, power 80%", power_of_rates(1), 0.785, 0.815, 20_000, 800),
    Promise("the same at 80 / 20", power_of_rates(0.25), 0.785, 0.815, 20_000, 800),
    Promise("sample_size_means, power 80%", power_of_means, 0.785, 0.815, 20_000, 800),
]
