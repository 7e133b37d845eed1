"""What a comparison says of two runs, from the counts to the verdicts."""

import math

import pytest

from experiments.reports.comparisons.regression import Margin
from experiments.stats.paired_rates import paired_rate_difference
from experiments.stats.proportions import wilson_interval
from tests.comparisons.payloads import payload_of, runs_of
from tests.factories.benchmarks_ import make_items, make_run, make_run_scorer, make_scores
from tests.factories.experiments_ import make_case, make_eval_set

pytestmark = pytest.mark.django_db


def test_right_and_wrong_are_counted_case_by_case() -> None:
    runs = runs_of(make_eval_set(n_cases=6), [1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 1, 0])
    [metric] = payload_of(runs)["metrics"]
    assert metric["table"] == {"both": 2, "only_baseline": 1, "only_candidate": 2, "neither": 1}
    assert (metric["wins"], metric["ties"], metric["losses"]) == (2, 3, 1)
    assert metric["baseline"]["estimate"] == 0.5
    assert metric["candidate"]["estimate"] == pytest.approx(4 / 6)
    assert metric["difference"]["estimate"] == pytest.approx(1 / 6)
    assert metric["difference"]["p_value"] == metric["mcnemar"]["p_value"] == 1.0
    assert metric["direction"] == "no difference shown"
    assert metric["n"] == 6


def test_swapping_the_runs_only_flips_the_sign() -> None:
    values = [1.0] * 30 + [0.0] * 30, [1.0] * 20 + [0.0] * 10 + [1.0] * 25 + [0.0] * 5
    before, after = runs_of(make_eval_set(n_cases=60, category="x"), *values)
    [one], [other] = payload_of([before, after])["metrics"], payload_of([after, before])["metrics"]
    assert one["difference"]["estimate"] == pytest.approx(-other["difference"]["estimate"])
    assert one["difference"]["ci_low"] == pytest.approx(-other["difference"]["ci_high"])
    assert one["difference"]["p_value"] == other["difference"]["p_value"]
    assert (one["baseline"], one["candidate"]) == (other["candidate"], other["baseline"])
    assert (one["wins"], one["losses"], one["ties"]) == (other["losses"], other["wins"], other["ties"])
    assert {one["direction"], other["direction"]} == {"better", "worse"}


def test_swapping_the_runs_flips_values_too() -> None:
    eval_set = make_eval_set(n_cases=40)
    runs = []
    for shift in (0.0, 0.02):
        run = make_run(eval_set=eval_set)
        make_items(run)
        values = [place / 50 + shift * (place % 3) for place in range(40)]
        make_scores(make_run_scorer(run, scorer="similar"), values, with_pass_mark=False)
        runs.append(run)
    [one], [other] = payload_of(runs)["metrics"], payload_of(runs[::-1])["metrics"]
    assert one["kind"] == "value"
    assert one["difference"]["estimate"] == pytest.approx(-other["difference"]["estimate"])
    assert one["difference"]["ci_low"] == pytest.approx(-other["difference"]["ci_high"], rel=0.1)
    assert (one["wins"], one["losses"]) == (other["losses"], other["wins"]) == (26, 0)
    assert one["signed_rank"]["p_value"] == pytest.approx(other["signed_rank"]["p_value"])


def test_a_metric_is_named_with_what_is_part_of_its_name() -> None:
    eval_set = make_eval_set(n_cases=4)
    runs = []
    for _ in range(2):
        run = make_run(eval_set=eval_set)
        make_items(run)
        for key in ("bleu", "of the summary"):
            one = make_run_scorer(run, scorer="bleu", key=key, params={"tokenize": "char"}, fingerprint=key.ljust(64))
            make_scores(one, [None] * 4, with_pass_mark=False)
        runs.append(run)
    label = "BLEU, tokenizer char, mixed case, smoothing exp"
    assert {metric["title"] for metric in payload_of(runs)["metrics"]} == {label, f"of the summary ({label})"}


def test_each_category_has_its_own_rates_and_its_own_regression_test() -> None:
    eval_set = make_eval_set(n_cases=0)
    for position in range(80):
        make_case(eval_set=eval_set, position=position, category="easy" if position < 40 else "hard")
    before = [1.0] * 80
    after = [1.0] * 40 + [0.0] * 40
    payload = payload_of(runs_of(eval_set, before, after), Margin(role="general"))
    easy, hard = payload["metrics"][0]["categories"]
    assert (easy["name"], easy["n"], easy["difference"]["estimate"]) == ("easy", 40, 0.0)
    assert (hard["candidate"]["estimate"], hard["only_baseline"]) == (0.0, 40)
    assert hard["baseline"]["ci_low"] == pytest.approx(0.912, abs=1e-3)
    [test] = payload["regression"]["tests"]
    assert test["suite"]["verdict"] == "regression shown"
    assert [one["verdict"] for one in test["categories"]] == ["undecided", "regression shown"]
    assert test["categories"][0]["more"] > 0
    assert payload["regression"]["words"] == "5 points"


def test_an_adversarial_suite_has_no_regression_test() -> None:
    runs = runs_of(make_eval_set(n_cases=3), [1, 1, 0], [1, 0, 0])
    regression = payload_of(runs, Margin(role="adversarial"))["regression"]
    assert (regression["is_tested"], regression["tests"]) == (False, [])


def test_clusters_widen_the_interval() -> None:
    plain, clustered = make_eval_set(n_cases=0), make_eval_set(n_cases=0)
    for position in range(60):
        make_case(eval_set=plain, position=position)
        make_case(eval_set=clustered, position=position, cluster=f"document {position // 10}")
    before = [1.0] * 60
    after = [0.0] * 20 + [1.0] * 40
    [one] = payload_of(runs_of(plain, before, after))["metrics"]
    [other] = payload_of(runs_of(clustered, before, after))["metrics"]
    assert "clustered" in other["difference"]["method"]
    assert other["difference"]["estimate"] == pytest.approx(one["difference"]["estimate"])
    assert other["difference"]["ci_low"] < one["difference"]["ci_low"]
    assert any("few clusters" in warning for warning in other["difference"]["warnings"])


def test_one_cluster_proves_nothing_however_many_of_its_cases_changed() -> None:
    eval_set = make_eval_set(n_cases=0)
    for position in range(50):
        make_case(eval_set=eval_set, position=position, cluster="the only document")
    payload = payload_of(runs_of(eval_set, [1.0] * 50, [0.0] * 12 + [1.0] * 38))
    [metric] = payload["metrics"]
    assert metric["difference"]["estimate"] == pytest.approx(-0.24)
    assert (metric["difference"]["ci_low"], metric["difference"]["p_value"]) == (None, None)
    assert metric["direction"] == "no evidence"
    assert any("only one cluster" in warning for warning in metric["difference"]["warnings"])
    assert payload["regression"]["tests"][0]["suite"]["verdict"] == "undecided"


def test_clusters_that_all_changed_the_same_way_count_as_one_case_each() -> None:
    eval_set = make_eval_set(n_cases=0)
    for position in range(60):
        make_case(eval_set=eval_set, position=position, cluster=f"document {position // 3}")
    payload = payload_of(runs_of(eval_set, [1.0] * 60, [0.0] * 60))
    [metric] = payload["metrics"]
    assert (metric["direction"], metric["n"]) == ("worse", 60)
    assert metric["difference"]["p_value"] == pytest.approx(2 * 0.5**20)
    assert any("each cluster counts as one case" in warning for warning in metric["difference"]["warnings"])
    assert payload["regression"]["tests"][0]["suite"]["verdict"] == "regression shown"


@pytest.mark.parametrize("is_relative", [True, False])
def test_the_regression_test_of_unchanged_clusters_has_an_interval_and_says_what_is_missing(is_relative: bool) -> None:
    eval_set = make_eval_set(n_cases=0)
    for position in range(30):
        make_case(eval_set=eval_set, position=position, cluster=f"document {position // 10}")
    values = [1.0] * 20 + [0.0] * 10
    [test] = payload_of(runs_of(eval_set, values, values), Margin(0.05, is_relative))["regression"]["tests"]
    suite = test["suite"]
    assert suite["ci_low"] < -0.05 < 0.05 < suite["ci_high"]
    assert (suite["verdict"], suite["more"]) == ("undecided", suite["needed"] - 3)
    assert suite["ci_high"] > 0.5  # three documents, whatever they hold
    assert any("each cluster counts as one case" in warning for warning in suite["warnings"])


def test_tests_of_cases_say_that_clusters_are_ignored() -> None:
    eval_set = make_eval_set(n_cases=0)
    for position in range(20):
        make_case(eval_set=eval_set, position=position, cluster=f"document {position // 2}")
    payload = payload_of(runs_of(eval_set, [1.0] * 20, [0.0] * 7 + [1.0] * 13))
    [metric] = payload["metrics"]
    assert metric["is_clustered"]
    for test in (metric["mcnemar"], metric["sign_test"]):
        assert any("Takes the cases as independent" in warning for warning in test["warnings"])


def test_clusters_in_which_nothing_changed_prove_what_as_many_cases_would() -> None:
    eval_set = make_eval_set(n_cases=0)
    for position in range(50):
        make_case(eval_set=eval_set, position=position, cluster=f"document {position // 10}")
    [metric] = payload_of(runs_of(eval_set, [1.0] * 50, [1.0] * 50))["metrics"]
    assert metric["direction"] == "no difference shown"
    apart = paired_rate_difference(5, 0, 0, 0)
    assert (
        metric["difference"]["ci_low"] == pytest.approx(apart.ci_low) == pytest.approx(-metric["difference"]["ci_high"])
    )
    assert (metric["difference"]["control"], metric["n"]) == (1.0, 50)
    assert any("each cluster counts as one case" in warning for warning in metric["difference"]["warnings"])
    of_five = wilson_interval(5, 5, confidence=0.95)
    assert (metric["candidate"]["ci_low"], metric["candidate"]["n"]) == (pytest.approx(of_five.ci_low), 50)


def test_holm_is_over_the_primary_metrics_alone() -> None:
    eval_set = make_eval_set(n_cases=20)
    runs = []
    for values in ([1.0] * 20, [0.0] * 7 + [1.0] * 13):
        run = make_run(eval_set=eval_set)
        make_items(run)
        for key, is_primary in (("one", True), ("two", True), ("third", False)):
            make_scores(make_run_scorer(run, scorer=key, is_primary=is_primary, fingerprint=key.ljust(64)), values)
        runs.append(run)
    metrics = {metric["key"]: metric for metric in payload_of(runs)["metrics"]}
    p = metrics["one"]["difference"]["p_value"]
    assert p == pytest.approx(2 * 0.5**7)
    assert metrics["one"]["p_adjusted"] == metrics["two"]["p_adjusted"] == pytest.approx(2 * p)
    assert metrics["third"]["p_adjusted"] == pytest.approx(p)


def test_latencies_have_intervals_only_where_there_are_enough() -> None:
    runs = runs_of(make_eval_set(n_cases=72), [1.0] * 72, [1.0] * 72)
    latency = payload_of(runs)["latency"]
    assert latency["baseline"]["p50"]["estimate"] == 135.0
    assert latency["baseline"]["p95"]["ci_high"] is not None
    assert latency["baseline"]["p99"]["ci_high"] is None
    assert latency["difference"]["p50"]["estimate"] == 0.0


def test_imported_outputs_without_latency_have_none() -> None:
    eval_set = make_eval_set(n_cases=3)
    runs = []
    for _ in range(2):
        run = make_run(eval_set=eval_set)
        make_items(run, latency_ms=None)
        make_scores(make_run_scorer(run, fingerprint="f" * 64), [1, 0, 1])
        runs.append(run)
    payload = payload_of(runs)
    assert payload["latency"] is None
    assert payload["tokens"]["output"]["baseline"] is None
    assert payload["cost"]["baseline"]["total"] is None


def test_a_figure_of_the_whole_set_is_resampled_over_its_stored_statistics() -> None:
    """Perplexity of all tokens: e² for the baseline on 40 tokens, e for the candidate."""
    eval_set = make_eval_set(n_cases=20)
    runs = []
    for per_token in (2.0, 1.0):
        run = make_run(eval_set=eval_set)
        make_items(run)
        sizes = [1 if place % 2 else 3 for place in range(20)]
        details = [{"logprobs_sum": -per_token * n - 0.01 * place, "logprobs_n": n} for place, n in enumerate(sizes)]
        values = [math.exp(per_token)] * 20
        make_scores(make_run_scorer(run, scorer="perplexity"), values, with_pass_mark=False, details=details)
        runs.append(run)
    payload = payload_of(runs)
    [metric] = payload["metrics"]
    assert metric["kind"] == "corpus"
    assert metric["baseline"]["estimate"] == pytest.approx(math.exp(2.0 + 1.9 / 40))
    assert metric["difference"]["estimate"] == pytest.approx(math.exp(1.0475) - math.exp(2.0475))
    assert metric["direction"] == "better"
    assert (metric["wins"], metric["losses"]) == (20, 0)
    assert "not one" in payload["regression"]["not_tested"][0]["reason"]


def test_less_is_better_where_the_scorer_says_so() -> None:
    eval_set = make_eval_set(n_cases=20)
    runs = []
    for base in (300.0, 200.0):
        run = make_run(eval_set=eval_set)
        make_items(run)
        values = [base + place % 7 for place in range(20)]
        make_scores(make_run_scorer(run, scorer="latency"), [*values[:-1], base + 3], with_pass_mark=False)
        runs.append(run)
    [metric] = payload_of(runs)["metrics"]
    assert metric["difference"]["estimate"] == pytest.approx(-100.0)
    assert metric["higher_is_better"] is False
    assert (metric["wins"], metric["losses"]) == (20, 0)
