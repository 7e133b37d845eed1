import csv
import itertools
import json
import re

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from annotations.agreement import (
    cohen_kappa,
    contingency,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    pairwise_kappas,
    percent_agreement,
    weighted_mean_kappa,
)
from annotations.agreement.weights import Level
from tests.real_data import real_data
from tests.stats.vectors import vector

TABLES = ("kappa_gwet_abstractors", "kappa_cohen_2x2", "kappa_prevalence_paradox")
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
tables = st.integers(2, 5).flatmap(
    lambda q: st.lists(st.lists(st.integers(0, 30), min_size=q, max_size=q), min_size=q, max_size=q)
)
ratings = st.integers(2, 4).flatmap(
    lambda raters: st.lists(
        st.lists(st.sampled_from([np.nan, 1, 2, 3, 4]), min_size=raters, max_size=raters), min_size=3, max_size=30
    )
)


def unit_counts(matrix: np.ndarray) -> np.ndarray:
    """raters x units with NaN -> units x categories."""
    values = np.unique(matrix[~np.isnan(matrix)])
    return np.stack([(matrix == value).sum(axis=0) for value in values], axis=1)


def two_raters(table: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(table)
    times = table[rows, columns].astype(int)
    return np.stack([np.repeat(rows, times), np.repeat(columns, times)]).astype(float)


def fixture(name: str) -> np.ndarray:
    """raters x units of a worked example; letters become numbers."""
    with (real_data("irrcac_and_kappa_fixtures") / name).open() as file:
        rows = [{k: v for k, v in row.items() if k not in ("Units", "Group")} for row in csv.DictReader(file)]
    known = sorted({cell for row in rows for cell in row.values() if cell})
    return np.array([[known.index(cell) + 1 if cell else np.nan for cell in row.values()] for row in rows]).T


@pytest.mark.parametrize("name", TABLES)
def test_two_raters_match_their_vector(name: str) -> None:
    v = vector(name)
    table = np.array(v.inputs["table"])
    expected = v.expected
    kappa = cohen_kappa(table)
    assert (kappa.observed, kappa.expected) == v.near((expected["po"], expected["pe"]))
    assert (kappa.estimate, kappa.se, kappa.se_null) == v.near((expected["kappa"], expected["se"], expected["se_null"]))
    assert (kappa.ci_low, kappa.ci_high) == v.near(tuple(expected["ci"]))
    for weights in ("linear", "quadratic"):
        weighted = cohen_kappa(table, weights=weights)
        assert (weighted.estimate, weighted.se) == v.near((expected[weights]["kappa"], expected[weights]["se"]))
        assert (weighted.ci_low, weighted.ci_high) == v.near(tuple(expected[weights]["ci"]))
    codes = two_raters(table)
    ac1 = gwet_ac(unit_counts(codes))
    wanted = expected["gwet_ac1"]
    assert (ac1.estimate, ac1.se, ac1.expected) == v.near((wanted["coef"], wanted["se"], wanted["pe"]))
    assert (ac1.ci_low, ac1.ci_high) == v.near(tuple(wanted["ci"]))
    assert krippendorff_alpha(codes).estimate == v.near(expected["krippendorff_nominal"])


def test_many_raters_match_vector_fleiss_1971() -> None:
    v = vector("fleiss_1971")
    counts = np.array(v.inputs["counts"])
    kappa, ac1 = fleiss_kappa(counts), gwet_ac(counts)
    assert (kappa.observed, kappa.expected, kappa.estimate) == v.near(
        (v.expected["po"], v.expected["pe"], v.expected["kappa"])
    )
    assert (kappa.se_null, kappa.se) == v.near((v.expected["se_null"], v.expected["se_subjects"]))
    assert kappa.estimate is not None
    assert kappa.se_null is not None
    assert kappa.estimate / kappa.se_null == v.near(v.expected["z"])
    assert (ac1.estimate, ac1.se) == v.near((v.expected["gwet_ac1"], v.expected["gwet_se"]))
    raters = np.array([np.repeat(np.arange(counts.shape[1]), row) for row in counts], dtype=float).T
    assert krippendorff_alpha(raters).estimate == v.near(v.expected["krippendorff_nominal"])


def test_missing_ratings_match_vector_krippendorff_2011() -> None:
    v = vector("krippendorff_2011")
    matrix = np.array(v.inputs["raters_x_units"], dtype=float)
    for level in LEVELS:
        assert krippendorff_alpha(matrix, level=level).estimate == v.near(v.expected["alpha"][level])
    alpha, counts = krippendorff_alpha(matrix), unit_counts(matrix)
    assert alpha.se == v.near(v.expected["alpha_nominal_se_gwet"])
    assert (alpha.n, alpha.left_out) == (11, 1)
    ac1, kappa = gwet_ac(counts), fleiss_kappa(counts)
    assert (ac1.estimate, ac1.se) == v.near((v.expected["ac1"], v.expected["ac1_se"]))
    assert (ac1.ci_low, ac1.ci_high) == v.near(tuple(v.expected["ac1_ci"]))
    assert (ac1.observed, ac1.expected) == v.near((v.expected["ac1_pa"], v.expected["ac1_pe"]))
    assert kappa.estimate == v.near(v.expected["fleiss_kappa_gwet"])
    assert ac1.left_out == 1


@given(tables, st.sampled_from([None, "linear", "quadratic"]))
def test_cohens_kappa_agrees_with_sklearn_and_statsmodels(table: list[list[int]], weights: str | None) -> None:
    counts = np.array(table)
    ours = cohen_kappa(counts, weights=weights)  # type: ignore[arg-type]
    if ours.estimate is None:
        return
    first, second = two_raters(counts)
    labels = list(range(len(table)))
    assert ours.estimate == pytest.approx(cohen_kappa_score(first, second, weights=weights, labels=labels), abs=1e-9)
    with np.errstate(all="ignore"):  # they divide by an error of 0, we do not
        theirs = inter_rater.cohens_kappa(counts, wt=weights)
    assert ours.se == pytest.approx(np.sqrt(max(0, theirs.var_kappa)), abs=1e-7)
    assert ours.se_null or pytest.approx(np.sqrt(max(0, theirs.var_kappa0)), abs=1e-7) == 0


@given(tables)
def test_swapping_the_raters_or_renaming_the_answers_changes_nothing(table: list[list[int]]) -> None:
    counts = np.array(table)
    order = np.arange(len(table))[::-1]
    one, other, renamed = cohen_kappa(counts), cohen_kappa(counts.T), cohen_kappa(counts[np.ix_(order, order)])
    if one.estimate is not None:
        assert one.estimate == pytest.approx(other.estimate)
        assert one.se == pytest.approx(other.se, abs=1e-9)
        assert one.estimate == pytest.approx(renamed.estimate)


@given(tables)
def test_every_interval_holds_its_estimate(table: list[list[int]]) -> None:
    counts = unit_counts(two_raters(np.array(table))) if np.sum(table) else np.zeros((1, 2))
    for result in (cohen_kappa(table), percent_agreement(counts), fleiss_kappa(counts), gwet_ac(counts)):
        if result.estimate is not None and result.ci_low is not None and result.ci_high is not None:
            assert -1 <= result.ci_low <= result.estimate + 1e-12
            assert result.estimate - 1e-12 <= result.ci_high <= 1
        else:
            assert result.warnings


@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 10_000))
def test_fleiss_agrees_with_statsmodels(raters: int, categories: int, seed: int) -> None:
    counts = np.random.default_rng(seed).multinomial(raters, np.ones(categories) / categories, size=15)
    ours = fleiss_kappa(counts).estimate
    if ours is not None:
        assert ours == pytest.approx(inter_rater.fleiss_kappa(counts), abs=1e-9)


@given(ratings, st.sampled_from(LEVELS))
@settings(max_examples=60)
def test_alpha_agrees_with_the_krippendorff_package(rows: list[list[float]], level: Level) -> None:
    matrix = np.array(rows, dtype=float).T
    ours = krippendorff_alpha(matrix, level=level)
    if ours.estimate is None:
        assert ours.warnings
        return
    assert ours.estimate == pytest.approx(krippendorff.alpha(matrix, level_of_measurement=level), abs=1e-9)
    assert ours.n + ours.left_out == matrix.shape[1]


@given(ratings)
@settings(max_examples=50)
def test_alpha_does_not_depend_on_the_order_of_raters_or_units(rows: list[list[float]]) -> None:
    matrix = np.array(rows, dtype=float).T
    one, other = krippendorff_alpha(matrix), krippendorff_alpha(matrix[::-1, ::-1])
    assert (one.estimate is None) == (other.estimate is None)
    if one.estimate is not None:
        assert (one.estimate, one.se) == pytest.approx((other.estimate, other.se))


def test_alpha_is_the_same_for_whole_and_broken_numbers() -> None:
    matrix = np.array([[1, 2, 3, np.nan, 2], [1, 2, 2, 4, 2], [np.nan, 3, 3, 4, 1]])
    for level in LEVELS[:3]:
        shifted = matrix * 0.25 - 3
        one, other = krippendorff_alpha(matrix, level=level), krippendorff_alpha(shifted, level=level)
        assert one.estimate == pytest.approx(other.estimate)


def test_the_bootstrap_interval_of_alpha_is_close_to_the_analytic_one_and_repeatable() -> None:
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 3, 400)
    matrix = np.where(rng.random((4, 400)) < 0.7, truth, rng.integers(0, 3, (4, 400))).astype(float)
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    analytic = krippendorff_alpha(matrix)
    drawn, again = (krippendorff_alpha(matrix, bootstrap=2000, seed=11) for _ in range(2))
    assert drawn == again
    assert (drawn.ci_low, drawn.ci_high) == pytest.approx((analytic.ci_low, analytic.ci_high), abs=0.015)


def test_percent_agreement_of_two_raters_has_wilsons_interval() -> None:
    counts = np.array([[2, 0]] * 70 + [[1, 1]] * 30)
    result = percent_agreement(counts)
    assert result.estimate == pytest.approx(0.7)
    theirs = binomtest(70, 100).proportion_ci(method="wilson")
    assert (result.ci_low, result.ci_high) == pytest.approx((theirs.low, theirs.high))


def test_kappa_warns_when_one_answer_dominates() -> None:
    result = cohen_kappa([[118, 5], [2, 0]])
    assert "94.4%" in result.warnings[0]
    assert "AC1" in result.warnings[0]


def test_full_agreement_is_not_proof_of_certainty() -> None:
    results = [
        cohen_kappa([[6, 0], [0, 4]]),
        fleiss_kappa([[3, 0]] * 6 + [[0, 3]] * 4),
        gwet_ac([[3, 0]] * 6 + [[0, 3]] * 4),
        percent_agreement([[3, 0]] * 6 + [[0, 3]] * 4),
        krippendorff_alpha([[1] * 6 + [2] * 4] * 3),
    ]
    for result in results:
        assert result.estimate == pytest.approx(1)
        assert result.ci_high == 1
        assert result.ci_low is not None
        assert 0 < result.ci_low < 0.8
        assert result.warnings


def test_one_answer_throughout_leaves_kappa_and_alpha_undefined() -> None:
    for result in (cohen_kappa([[9, 0], [0, 0]]), fleiss_kappa([[3, 0]] * 5), krippendorff_alpha(np.full((3, 3), 2))):
        assert result.estimate is None
        assert result.observed == 1
        assert "one and the same answer" in result.warnings[0]


def test_no_shared_unit_leaves_agreement_undefined() -> None:
    lonely = np.array([[1, np.nan, 2], [np.nan, 1, np.nan]])
    for result in (cohen_kappa(np.zeros((3, 3))), krippendorff_alpha(lonely), percent_agreement([[1, 0], [0, 1]])):
        assert result.estimate is None
        assert result.n == 0
        assert result.warnings


def test_items_with_one_vote_leave_agreement_and_are_counted() -> None:
    counts = np.array([[2, 0], [0, 2], [1, 1], [1, 0], [0, 1], [0, 0]])
    for result in (percent_agreement(counts), fleiss_kappa(counts), gwet_ac(counts)):
        assert (result.n, result.left_out) == (3, 3)
    assert percent_agreement(counts).estimate == pytest.approx(2 / 3)


def test_pairs_of_reviewers_are_compared_on_the_tasks_both_judged() -> None:
    codes = np.array([[0, 1, 1, 0, -1, -1], [0, 1, 0, 0, 1, -1], [-1, -1, -1, -1, 1, 0]])
    pairs = pairwise_kappas(codes, categories=2)
    assert [(pair.first, pair.second, pair.kappa.n) for pair in pairs] == [(0, 1, 4), (0, 2, 0), (1, 2, 1)]
    assert [pair.kappa.left_out for pair in pairs] == [1, 6, 5]
    assert pairs[0].kappa.estimate == pytest.approx(cohen_kappa_score([0, 1, 1, 0], [0, 1, 0, 0]))
    assert weighted_mean_kappa(pair.kappa for pair in pairs) == pytest.approx(0.5)


def test_the_mean_kappa_weighs_pairs_by_shared_tasks() -> None:
    strong, weak = cohen_kappa([[50, 0], [0, 40]]), cohen_kappa([[3, 2], [2, 3]])
    assert weighted_mean_kappa([strong, weak]) == pytest.approx((90 * 1 + 10 * 0.2) / 100)
    assert weighted_mean_kappa([]) is None


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: cohen_kappa([[1, 2, 3], [4, 5, 6]]), "table"),
        (lambda: cohen_kappa([[1, -1], [0, 1]]), "table"),
        (lambda: cohen_kappa(np.array([[1, 0.5], [0, 1]])), "table"),
        (lambda: cohen_kappa(np.array([])), "table"),
        (lambda: cohen_kappa([[1, 0], [0, 1]], alpha=0), "alpha"),
        (lambda: cohen_kappa([[1, 0], [0, 1]], weights="cubic"), "weights"),  # type: ignore[arg-type]
        (lambda: fleiss_kappa([1, 2]), "counts"),
        (lambda: gwet_ac([[1, np.nan]]), "counts"),
        (lambda: krippendorff_alpha([1, 2]), "ratings"),
        (lambda: krippendorff_alpha(np.array([[1, 2], [1, np.inf]])), "ratings"),
        (lambda: krippendorff_alpha(np.random.default_rng(0).random((2, 400))), "ratings"),
        (lambda: krippendorff_alpha([[1, 2], [1, 2]], level="rank"), "level"),  # type: ignore[arg-type]
        (lambda: krippendorff_alpha([[1, 2], [1, 2]], bootstrap=10), "seed"),
        (lambda: krippendorff_alpha([[1, 2], [1, 2]], bootstrap=-1, seed=1), "bootstrap"),
        (lambda: contingency([0, 1], [0], 2), "second"),
        (lambda: contingency([0, 3], [0, 1], 2), "categories"),
        (lambda: pairwise_kappas([0, 1], 2), "ratings"),
    ],
)
def test_bad_input_names_the_argument(call: object, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        call()  # type: ignore[operator]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "fleiss", "alpha", "ac1"),
    [
        ("raw_4raters.csv", 0.7612, 0.7434, 0.7754),
        ("raw_5observers.csv", 0.4576, 0.4805, 0.4966),
        ("raw_g1g2.csv", 0.6572, 0.6318, 0.6846),
        ("raw_gender.csv", 0.1289, 0.1434, 0.2081),
        ("raw_ben_gerry.csv", 0.6494, 0.6649, 0.6614),
    ],
)
def test_gwets_worked_examples(name: str, fleiss: float, alpha: float, ac1: float) -> None:
    matrix = fixture(name)
    counts = unit_counts(matrix)
    assert fleiss_kappa(counts).estimate == pytest.approx(fleiss, abs=6e-5)
    assert krippendorff_alpha(matrix).estimate == pytest.approx(alpha, abs=6e-5)
    assert gwet_ac(counts).estimate == pytest.approx(ac1, abs=6e-5)


@pytest.mark.real_data
def test_gwets_interval_of_fleiss_kappa_for_four_raters() -> None:
    result = fleiss_kappa(unit_counts(fixture("raw_4raters.csv")))
    assert (result.observed, result.expected) == pytest.approx((0.818, 0.239), abs=5e-4)
    assert (result.ci_low, result.ci_high, result.p_value) == pytest.approx((0.424, 1, 0.00042), abs=5e-4)


@pytest.mark.real_data
def test_the_sas_and_r_output_of_statsmodels_fixtures() -> None:
    folder = real_data("stats_fixtures")
    known = json.loads((folder / "kappa_statsmodels.json").read_text())
    for key, weights in (("unweighted", None), ("weighted_linear_012", "linear")):
        ours, theirs = cohen_kappa(known["cohen_table"], weights=weights), known[key]  # type: ignore[arg-type]
        assert ours.estimate == pytest.approx(theirs["kappa"], abs=6e-5)
        assert (ours.se, ours.se_null) == pytest.approx((theirs["ase"], theirs["ase0"]), abs=6e-5)
        assert (ours.ci_low, ours.ci_high) == pytest.approx(tuple(theirs["ci"]), abs=6e-5)
        assert ours.p_value == pytest.approx(theirs["p_two"], abs=6e-5)
    assert fleiss_kappa(known["fleiss_wikipedia"]["table"]).estimate == pytest.approx(0.210, abs=5e-4)
    for case in known["fleiss_free_marginal"]:
        assert fleiss_kappa(case["table"]).estimate == pytest.approx(case["fleiss"], abs=1e-6)
    codings = np.genfromtxt(folder / "codings.csv", delimiter=",")
    assert krippendorff_alpha(codings).estimate == pytest.approx(904 / 1216)
    words = [line.split(",") for line in (folder / "gcl.csv").read_text().splitlines()]
    gcl = np.array([[{"NN": 0.0, "VBP": 1.0}.get(word, np.nan) for word in line] for line in words])
    assert krippendorff_alpha(gcl).estimate == pytest.approx(0.0833333, abs=1e-6)


@pytest.mark.real_data
def test_agreement_of_the_llmfao_crowd() -> None:
    with (real_data("llmfao") / "crowd-comparisons.csv").open() as file:
        rows = list(csv.DictReader(file))
    items = sorted({row["id"] for row in rows})
    where = {item: place for place, item in enumerate(items)}
    workers = sorted({row["worker"] for row in rows})
    codes = {"left": 0.0, "tie": 1.0, "right": 2.0}
    matrix = np.full((len(workers), len(items)), np.nan)
    for row in rows:
        matrix[workers.index(row["worker"]), where[row["id"]]] = codes[row["winner"]]
    for level, alpha in (("nominal", 0.29060), ("ordinal", 0.28755), ("interval", 0.28776)):
        assert krippendorff_alpha(matrix, level=level).estimate == pytest.approx(alpha, abs=6e-6)  # type: ignore[arg-type]
    counts = unit_counts(matrix)
    five = counts[counts.sum(axis=1) == 5]
    assert five.shape[0] == 998
    assert fleiss_kappa(five).estimate == pytest.approx(0.29250, abs=6e-6)
    assert krippendorff_alpha(matrix).left_out == 15


@pytest.mark.real_data
def test_agreement_of_the_pandalm_annotators() -> None:
    rows = json.loads((real_data("pandalm") / "visible_idx_lt_500.json").read_text())
    codes = np.array([[row[f"annotator{k}"] for row in rows] for k in (1, 2, 3)])
    kappas = [pair.kappa for pair in pairwise_kappas(codes, 3)]
    assert [kappa.estimate for kappa in kappas] == pytest.approx([0.8187, 0.8495, 0.8428], abs=6e-5)
    assert weighted_mean_kappa(kappas) == pytest.approx(np.mean([0.8187, 0.8495, 0.8428]), abs=6e-5)


@pytest.mark.real_data
def test_agreement_of_the_bluebird_workers() -> None:
    text = (real_data("bluebirds") / "labels.yaml").read_text()
    workers = [dict(re.findall(r"(\d+): (true|false)", block)) for block in re.findall(r"\{([^}]*)\}", text)]
    matrix = np.array([[worker[image] == "true" for image in sorted(workers[0])] for worker in workers], dtype=float)
    assert matrix.shape == (39, 108)
    assert krippendorff_alpha(matrix).estimate == pytest.approx(0.1255, abs=5e-5)
    assert fleiss_kappa(unit_counts(matrix)).estimate == pytest.approx(0.12529, abs=6e-6)


def test_no_pair_of_reviewers_is_left_out() -> None:
    codes = np.random.default_rng(0).integers(0, 3, (6, 20))
    found = {(pair.first, pair.second) for pair in pairwise_kappas(codes, 3)}
    assert found == set(itertools.combinations(range(6), 2))
