"""Published and recomputed figures of real data sets, which are read where they are and never copied."""

import csv
import json
import re

import numpy as np
import pytest

from experiments.stats.labels import dawid_skene
from experiments.stats.means import CupedSums, cuped, welch_t_test
from experiments.stats.paired import mcnemar
from experiments.stats.preference import position_bias_test
from experiments.stats.proportions import srm_test, two_proportion_test
from experiments.stats.ranking import bradley_terry, elo, vote_counts
from experiments.stats.sequential import asymptotic_confidence_sequence
from tests.real_data import real_data

pytestmark = pytest.mark.real_data
SCORES = {"left": 1.0, "tie": 0.5, "right": 0.0}


def battles(folder: str, file: str, left: str, right: str) -> tuple[list[str], list[int], list[int], list[float]]:
    with (real_data(folder) / file).open() as lines:
        rows = list(csv.DictReader(lines))
    names = sorted({row[left] for row in rows} | {row[right] for row in rows})
    code = {name: place for place, name in enumerate(names)}
    sides = [[code[row[side]] for row in rows] for side in (left, right)]
    return names, sides[0], sides[1], [SCORES[row["winner"]] for row in rows]


def golden(folder: str, file: str, algorithm: str) -> dict[str, float]:
    with (real_data(folder) / file).open() as lines:
        return {row["item"]: float(row["score"]) for row in csv.DictReader(lines) if row["algorithm"] == algorithm}


def test_bradley_terry_of_the_llmfao_crowd() -> None:
    names, first, second, score = battles("llmfao", "crowd-comparisons.csv", "left", "right")
    result = bradley_terry(vote_counts(first, second, score, len(names)), prior=0, names=names)
    strength = np.exp(np.array(result.strengths, dtype=float))
    share = dict(zip(names, strength / strength.sum(), strict=True))
    known = golden("llmfao", "evalica_llmfao-golden.csv", "bradley_terry")
    total = sum(known.values())
    assert len(known) == 59
    assert {name: share[name] for name in known} == pytest.approx({k: v / total for k, v in known.items()}, rel=1e-9)
    assert share["GPT 4"] == pytest.approx(0.041215, abs=5e-6)
    assert share["Platypus-2 Instruct (70B)"] == pytest.approx(0.029233, abs=5e-6)
    assert share["command"] == pytest.approx(0.028852, abs=5e-6)


def test_the_llmfao_crowd_favours_the_left() -> None:
    _, _, _, score = battles("llmfao", "crowd-comparisons.csv", "left", "right")
    left, right, tie = score.count(1.0), score.count(0.0), score.count(0.5)
    assert (tie, left, right) == (3471, 2911, 2549)
    result = position_bias_test(left, left + right)
    assert result.estimate == pytest.approx(0.533, abs=5e-4)
    assert result.warnings


@pytest.mark.parametrize("name", ["food", "simple"])
def test_running_elo_of_the_small_sets(name: str) -> None:
    names, first, second, score = battles("evalica_small", f"evalica_{name}.csv", "left", "right")
    periods = [vote_counts([x], [y], [s], len(names)) for x, y, s in zip(first, second, score, strict=True)]
    known = golden("evalica_small", f"evalica_{name}-golden.csv", "elo")
    ratings = dict(zip(names, elo(np.stack(periods), k=4, initial=1000), strict=True))
    assert {item: ratings[item] for item in known} == pytest.approx(known, abs=1e-6)


def test_gsm8k_models_by_mcnemar() -> None:
    lines = (real_data("gsm8k") / "example_model_solutions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    right = {
        model: np.array([bool(row[model]["is_correct"]) for row in rows])
        for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    }
    assert [int(flags.sum()) for flags in right.values()] == [286, 515, 458, 742]
    small, large = right["6b_verification"], right["175b_finetuning"]
    only_small, only_large = int((small & ~large).sum()), int((large & ~small).sum())
    assert (only_small, only_large) == (209, 152)
    assert mcnemar(only_large, only_small, method="exact").p_value == pytest.approx(0.003151, abs=5e-7)
    corrected = mcnemar(only_large, only_small, method="chi2", correction=True)
    assert corrected.statistic == pytest.approx(8.687, abs=5e-4)


def test_cookie_cats_retention_split_and_outlier() -> None:
    with (real_data("cookie_cats") / "cookie_cats.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    treated = np.array([row["version"] == "gate_40" for row in rows])
    n = [int((~treated).sum()), int(treated.sum())]
    assert n == [44_700, 45_489]
    expected = {
        "retention_1": (-1.7841, 0.07441, -0.01239, 0.00058),
        "retention_7": (-3.1644, 0.0015542, -0.01328, -0.00312),
    }
    for metric, (z, p, low, high) in expected.items():
        kept = np.array([row[metric].lower() in ("true", "1") for row in rows])
        test = two_proportion_test(int(kept[~treated].sum()), n[0], int(kept[treated].sum()), n[1])
        assert test.z == pytest.approx(z, abs=1e-4)
        assert test.p_value == pytest.approx(p, rel=1e-3)
        assert (test.ci_low, test.ci_high) == pytest.approx((low, high), abs=1e-5)
    split = srm_test(n, [0.5, 0.5])
    assert (split.statistic, split.p_value) == pytest.approx((6.902, 0.00861), rel=1e-3)
    assert not split.mismatch
    rounds = np.array([float(row["sum_gamerounds"]) for row in rows])
    for kept, p in ((rounds >= 0, 0.376), (rounds < rounds.max(), 0.949)):
        arms = [rounds[kept & arm] for arm in (~treated, treated)]
        sums = [(float(arm.mean()), float(arm.var(ddof=1)), arm.size) for arm in arms]
        assert welch_t_test(*sums[0], *sums[1]).p_value == pytest.approx(p, abs=5e-4)


def test_the_bluebird_crowd_by_dawid_skene() -> None:
    folder = real_data("bluebirds")
    blocks = re.findall(r"\{([^}]*)\}", (folder / "labels.yaml").read_text())
    workers = [dict(re.findall(r"(\d+): (true|false)", block)) for block in blocks]
    truth = dict(re.findall(r"(\d+): (true|false)", (folder / "gt.yaml").read_text()))
    images = sorted(truth)
    votes = np.array([[worker[image] == "true" for image in images] for worker in workers], dtype=int)
    right = np.array([truth[image] == "true" for image in images], dtype=int)
    majority = (votes.mean(axis=0) > 0.5).astype(int)
    assert (majority == right).mean() == pytest.approx(82 / 108)
    rater, item = np.indices(votes.shape)
    # crowd-kit's .889 is the second round of EM, where its own stopping rule ends; the maximum has one image more right
    early, found = (dawid_skene(item.ravel(), rater.ravel(), votes.ravel(), max_iterations=k) for k in (2, 1000))
    assert (np.array(early.labels) == right).mean() == pytest.approx(96 / 108)
    assert (np.array(found.labels) == right).mean() == pytest.approx(97 / 108)
    assert found.converged
    assert found.log_likelihood > early.log_likelihood + 5


def test_the_anaesthetists_as_the_rater_package_holds_them() -> None:
    """One rating of this file differs from the table behind the vector."""
    rows = np.genfromtxt(real_data("dawid_skene_anesthesia") / "anesthesia.csv", delimiter=",", skip_header=1)
    item, rater, rating = rows.astype(int).T
    result = dawid_skene(item, rater, rating - 1)
    assert result.class_marginals == pytest.approx((0.400, 0.422, 0.111, 0.067), abs=2e-3)
    assert np.bincount(result.labels).tolist() == [18, 19, 5, 3]


def test_growthbooks_frequentist_cases() -> None:
    known = json.loads((real_data("stats_fixtures") / "growthbook.json").read_text())["frequentist"]
    absolute, relative, proportions, sequential, tuned = known
    arms = [(arm["sum"] / arm["n"], _variance(arm), arm["n"]) for arm in (absolute["a"], absolute["b"])]
    test = welch_t_test(*arms[0], *arms[1])
    assert (test.ci_low, test.ci_high) == pytest.approx(tuple(absolute["ci"]), abs=6e-6)
    assert (test.p_value, test.se) == pytest.approx((absolute["p"], absolute["stddev"]), abs=6e-6)
    assert test.relative_lift == pytest.approx(relative["expected"], abs=6e-6)
    assert (test.lift_low, test.lift_high) == pytest.approx(tuple(relative["ci"]), abs=6e-6)
    a, b = proportions["a"], proportions["b"]
    rates = two_proportion_test(a["sum"], a["n"], b["sum"], b["n"])
    assert rates.relative_lift == pytest.approx(proportions["expected"], abs=6e-6)
    assert (rates.lift_low, rates.lift_high) == pytest.approx(tuple(proportions["ci"]), abs=6e-6)
    a, b = sequential["a"], sequential["b"]
    p0, p1 = a["sum"] / a["n"], b["sum"] / b["n"]
    se = (p1 * (1 - p1) / b["n"] / p0**2 + p0 * (1 - p0) / a["n"] * p1**2 / p0**4) ** 0.5
    watched = asymptotic_confidence_sequence(p1 / p0 - 1, se, a["n"] + b["n"])
    assert watched.estimate == pytest.approx(sequential["expected"], abs=6e-6)
    assert (watched.ci_low, watched.ci_high) == pytest.approx(tuple(sequential["ci"]), abs=6e-6)
    a, b = tuned["a"], tuned["b"]
    m0, m1 = a["sum"] / a["n"], b["sum"] / b["n"]
    se = (_variance(b) / b["n"] / m0**2 + _variance(a) / a["n"] * m1**2 / m0**4) ** 0.5
    watched = asymptotic_confidence_sequence(m1 / m0 - 1, se, a["n"] + b["n"], n_star=1000)
    assert (watched.ci_low, watched.ci_high) == pytest.approx(tuple(tuned["ci"]), abs=6e-6)
    assert watched.p_value == pytest.approx(tuned["p"], abs=1e-3)


def test_cuped_on_a_useless_covariate_leaves_growthbooks_difference_nearly_alone() -> None:
    known = json.loads((real_data("stats_fixtures") / "growthbook.json").read_text())["frequentist"][0]
    arms = []
    for arm in (known["a"], known["b"]):
        n, y, y2 = arm["n"], arm["sum"], arm["sum_squares"]
        arms.append(CupedSums(n=n, sum_y=y, sum_y2=y2, sum_x=0.0, sum_x2=float(n), sum_xy=0.0))
    result = cuped(*arms)
    assert result.theta == pytest.approx(0, abs=1e-12)
    assert result.p_value == pytest.approx(known["p"], abs=6e-6)


def _variance(arm: dict[str, float]) -> float:
    return (arm["sum_squares"] - arm["sum"] ** 2 / arm["n"]) / (arm["n"] - 1)
