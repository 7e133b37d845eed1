from collections.abc import Callable

import numpy as np
import pytest

from experiments.stats import labels, means, multiplicity, paired, power, preference, proportions, ranking, sequential
from experiments.stats.means import CupedSums

ARM = CupedSums(n=5, sum_y=5, sum_y2=9, sum_x=5, sum_x2=9, sum_xy=7)
EMPTY = np.array([])
CALLS: list[tuple[str, Callable[[], object]]] = [
    ("successes", lambda: proportions.wilson_interval(-1, 10)),
    ("successes", lambda: proportions.wilson_interval(11, 10)),
    ("successes", lambda: proportions.wilson_interval(1.5, 10)),
    ("confidence", lambda: proportions.wilson_interval(1, 10, confidence=1)),
    ("n must", lambda: proportions.clopper_pearson_interval(0, 0)),
    ("control_n", lambda: proportions.two_proportion_test(0, 0, 1, 2)),
    ("treatment_successes", lambda: proportions.two_proportion_test(0, 1, 3, 2)),
    ("alpha", lambda: proportions.two_proportion_test(0, 1, 1, 2, alpha=0)),
    ("weights", lambda: proportions.srm_test([1, 2], [1, 2, 3])),
    ("weights", lambda: proportions.srm_test([1, 2], [0, 1])),
    ("counts", lambda: proportions.srm_test([1, -2], [1, 1])),
    ("counts", lambda: proportions.srm_test([0, 0], [1, 1])),
    ("counts", lambda: proportions.srm_test(EMPTY, EMPTY)),
    ("wins", lambda: preference.win_rate(-1, 0, 1)),
    ("tie_value", lambda: preference.win_rate(1, 0, 1, tie_value=2)),
    ("scores", lambda: preference.win_rate_clustered([2, 0], [0, 1], [0, 1])),
    ("scores", lambda: preference.win_rate_clustered(EMPTY, EMPTY, EMPTY)),
    ("scores", lambda: preference.win_rate_clustered([np.nan], [0], [0])),
    ("items", lambda: preference.win_rate_clustered([1, 0], [0], [0, 1])),
    ("reviewers", lambda: preference.win_rate_clustered([1, 0], [0, 1], [0])),
    ("first_wins", lambda: preference.position_bias_test(5, 4)),
    ("length_differences", lambda: preference.length_bias([1, 0], [3])),
    ("scores", lambda: preference.length_bias([1, -1], [3, 4])),
    ("b must", lambda: paired.mcnemar(-1, 2)),
    ("method", lambda: paired.mcnemar(1, 2, method="z")),  # type: ignore[arg-type]
    ("positive", lambda: paired.sign_test(1.2, 2)),
    ("differences", lambda: paired.wilcoxon_signed_rank(EMPTY)),
    ("candidate", lambda: paired.paired_difference([1, 2], [1])),
    ("clusters", lambda: paired.paired_difference([1, 2], [1, 2], clusters=[1])),
    ("baseline", lambda: paired.paired_bootstrap([[1, 2]], [1, 2], seed=1)),
    ("resamples", lambda: paired.paired_bootstrap([1, 2], [1, 3], seed=1, resamples=0)),
    ("control_var", lambda: means.welch_t_test(1, -1, 5, 1, 1, 5)),
    ("treatment_n", lambda: means.welch_t_test(1, 1, 5, 1, 1, 0)),
    ("control_mean", lambda: means.welch_t_test(float("nan"), 1, 5, 1, 1, 5)),
    ("control.n", lambda: means.cuped(CupedSums(n=1, sum_y=1, sum_y2=1, sum_x=1, sum_x2=1, sum_xy=1), ARM)),
    ("sum_y2", lambda: means.cuped(ARM, CupedSums(n=5, sum_y=50, sum_y2=9, sum_x=5, sum_x2=9, sum_xy=7))),
    ("q must", lambda: means.quantile_difference([1, 2], [1, 2], 1, seed=1)),
    ("control", lambda: means.quantile_difference(EMPTY, [1, 2], 0.5, seed=1)),
    ("clusters", lambda: means.quantile_difference([1, 2], [1, 2], 0.5, clusters=([1], [1, 2]), seed=1)),
    ("clusters", lambda: means.clustered_mean([1, 2], [1, 2], [1, 2], [1, 2])),
    ("baseline_rate", lambda: power.required_sample_size(1, 0.1)),
    ("min_detectable_effect", lambda: power.required_sample_size(0.5, 0)),
    ("min_detectable_effect", lambda: power.sample_size_two_proportions(0.9, 0.1)),
    ("power", lambda: power.sample_size_two_proportions(0.5, 0.1, power=1)),
    ("ratio", lambda: power.sample_size_two_proportions(0.5, 0.1, ratio=0)),
    ("design_effect", lambda: power.sample_size_two_proportions(0.5, 0.1, design_effect=0)),
    ("sd", lambda: power.sample_size_means(0, 0.1)),
    ("p10", lambda: power.sample_size_paired(0.7, 0.6)),
    ("sd_of_differences", lambda: power.sample_size_paired_means(-1, 0.1)),
    ("tie_rate", lambda: power.sample_size_win_rate(0.2, tie_rate=0.9)),
    ("control_n", lambda: power.minimum_detectable_effect(0.5, 0)),
    ("p must", lambda: multiplicity.adjust_p_values([])),
    ("p must", lambda: multiplicity.adjust_p_values([1.2])),
    ("method", lambda: multiplicity.adjust_p_values([0.1], method="bonferroni")),  # type: ignore[arg-type]
    ("se must", lambda: sequential.asymptotic_confidence_sequence(0.1, -1, 10)),
    ("n_star", lambda: sequential.asymptotic_confidence_sequence(0.1, 1, 10, n_star=0)),
    ("tau2", lambda: sequential.msprt(0.1, 1, tau2=0, n=10)),
    ("p_values", lambda: sequential.always_valid_p([0.5, 2])),
    ("wins", lambda: sequential.win_rate_confidence_sequence(3, 2)),
    ("information", lambda: sequential.group_sequential_bounds([0.5, 0.4])),
    ("information", lambda: sequential.group_sequential_bounds([0.5, 1.4])),
    ("spending", lambda: sequential.group_sequential_bounds([1], spending="x")),  # type: ignore[arg-type]
    ("kind", lambda: sequential.classical_bounds(3, kind="x")),  # type: ignore[arg-type]
    ("looks", lambda: sequential.classical_bounds(0, kind="pocock")),
    ("bounds", lambda: sequential.crossing_probability([1.96], [0.5, 1])),
    ("bounds", lambda: sequential.crossing_probability([-1.96], [1])),
    ("labels", lambda: labels.dawid_skene([0, 1], [0, 1], [0, 3], classes=2)),
    ("labels", lambda: labels.dawid_skene([0, 1], [0, 1], [0, -1])),
    ("raters", lambda: labels.dawid_skene([0, 1], [0], [0, 1])),
    ("judge", lambda: labels.ppi_mean([1, 0], [1], unlabelled_n=3, unlabelled_sum=1)),
    ("human", lambda: labels.ppi_mean([1], [1], unlabelled_n=3, unlabelled_sum=1)),
    ("unlabelled_n", lambda: labels.ppi_mean([1, 0], [1, 0], unlabelled_n=0, unlabelled_sum=0)),
    ("sensitivity", lambda: labels.judge_corrected_rate(0.5, 1.2, 0.9)),
    ("judge_n", lambda: labels.judge_corrected_rate(0.5, 0.9, 0.9, judge_n=0)),
    ("counts", lambda: ranking.bradley_terry([[0, 1, 2], [1, 0, 2]])),
    ("counts", lambda: ranking.bradley_terry([[0, -1], [1, 0]])),
    ("counts", lambda: ranking.bradley_terry([[3, 1], [1, 0]])),
    ("counts", lambda: ranking.bradley_terry([[0]])),
    ("prior", lambda: ranking.bradley_terry([[0, 1], [1, 0]], prior=-1)),
    ("position", lambda: ranking.bradley_terry([[0, 1], [1, 0]], position=[[0]])),
    ("names", lambda: ranking.bradley_terry([[0, 1], [1, 0]], names=["a"])),
    ("rounds", lambda: ranking.bradley_terry_bootstrap([[0, 1], [1, 0]], rounds=0, seed=1)),
    ("counts", lambda: ranking.bradley_terry_bootstrap([[0, 0], [0, 0]], rounds=5, seed=1)),
    ("ties", lambda: ranking.davidson([[0, 1], [1, 0]], [[0]])),
    ("prior", lambda: ranking.davidson([[0, 1], [1, 0]], [[0, 0], [0, 0]], prior=0)),
    ("periods", lambda: ranking.elo([[1, 2, 3]])),
    ("first", lambda: ranking.vote_counts([0, 5], [1, 0], [1, 0], 2)),
    ("score", lambda: ranking.vote_counts([0, 1], [1, 0], [1, 2], 2)),
]


@pytest.mark.parametrize(("name", "call"), CALLS, ids=[f"{name}-{place}" for place, (name, _) in enumerate(CALLS)])
def test_bad_input_is_refused_by_the_name_of_the_argument(name: str, call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=name):
        call()
