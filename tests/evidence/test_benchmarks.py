"""Criteria about benchmarks: paired over the cases, pooled over the suites of a role, undefined with its reason."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experiments.deciding.presets import GENERAL_LOSS, SCHEMA
from experiments.go_no_go import Observation
from experiments.models import BenchmarkRun, Experiment, SuiteRole
from experiments.policy import Criterion, EvidenceRef
from experiments.reports.evidence import benchmarks
from experiments.reports.evidence.suites import Sample, read_suites
from experiments.stats.paired_rates import paired_rate_difference
from experiments.stats.proportions import wilson_interval
from tests.deciding.deciding import judged
from tests.factories.benchmarks_ import make_items, make_run
from tests.factories.evidence_ import GAIN, add_suite, compare_all, make_empty_experiment
from tests.factories.experiments_ import make_eval_set

pytestmark = pytest.mark.django_db

BEFORE, AFTER = [1.0, 1, 1, 0, 0, 0, 0, 0, 1, 0], [1.0, 1, 0, 1, 1, 1, 1, 0, 1, 0]


def asking(criterion: Criterion = GAIN, **about: Any) -> Criterion:
    fields = {name: about.pop(name) for name in ("comparison", "direction", "threshold", "unit") if name in about}
    return replace(criterion, evidence=replace(criterion.evidence, **about), **fields)


def observed(experiment: Experiment, criterion: Criterion = GAIN) -> Observation:
    return benchmarks.observe(criterion, read_suites(experiment))


def test_a_gain_in_points_is_paired_and_has_tangos_interval() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, BEFORE, AFTER)
    found = observed(experiment)
    expected = paired_rate_difference(3, 1, 4, 2)
    assert (found.estimate, found.ci_low, found.ci_high) == pytest.approx(
        (expected.estimate, expected.ci_low, expected.ci_high)
    )
    assert (found.baseline, found.candidate, found.n, found.state) == (0.4, 0.7, 10, "final")


def test_the_level_of_the_interval_is_that_of_the_criterion() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, BEFORE, AFTER)
    found = observed(experiment, replace(GAIN, level=0.8))
    expected = paired_rate_difference(3, 1, 4, 2, alpha=0.2)
    assert (found.ci_low, found.ci_high, found.level) == pytest.approx((expected.ci_low, expected.ci_high, 0.8))


def test_a_rate_of_the_candidate_counts_its_successes() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, BEFORE, AFTER, role=SuiteRole.ADVERSARIAL)
    found = observed(experiment, asking(role="adversarial", comparison="absolute"))
    expected = wilson_interval(7, 10)
    assert (found.estimate, found.ci_low, found.ci_high) == (expected.estimate, expected.ci_low, expected.ci_high)
    assert found.successes == 7


def test_relative_and_ratio_are_of_the_same_pairs() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, BEFORE, AFTER)
    relative = observed(experiment, asking(comparison="relative"))
    ratio = observed(experiment, asking(comparison="ratio"))
    assert relative.estimate == pytest.approx(0.75)
    assert ratio.estimate == pytest.approx(1.75)
    assert relative.ci_low is not None
    assert ratio.ci_low == pytest.approx(1 + relative.ci_low)


def test_suites_of_one_role_are_taken_together_and_one_that_fails_alone_is_named() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, [0.0] * 6, [1.0] * 6, name="easy")
    add_suite(experiment, [1.0] * 4, [0.0] + [1.0] * 3, name="hard")
    found = observed(experiment)
    assert found.n == 10
    assert found.estimate == pytest.approx(0.5)
    assert found.warnings == ("hard v1 alone does not reach the threshold: look at it by itself.",)


def test_suites_that_are_measured_differently_are_not_taken_together() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, BEFORE, AFTER, name="right or wrong")
    add_suite(
        experiment, [0.2, 0.4, 0.1, 0.6], [0.3, 0.4, 0.15, 0.65], name="graded", scorer="rouge_l", with_pass_mark=False
    )
    found = observed(experiment)
    assert found.state == "none"
    assert "cannot be taken together" in found.why_none
    named = observed(experiment, asking(eval_set_id=experiment.suites.get(eval_set__name="graded").eval_set_id))
    assert named.estimate == pytest.approx(0.05)


def test_one_category_can_be_asked_for_and_each_of_them() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, [1.0, 1, 1, 1], [1.0, 0, 1, 0], categories=("kept", "lost"))
    kept, lost = (observed(experiment, asking(category=name)) for name in ("kept", "lost"))
    assert (kept.estimate, lost.estimate) == (0.0, -1.0)
    each = observed(experiment, asking(category="*"))
    assert {part.name: part.estimate for part in each.parts} == {"kept": 0.0, "lost": -1.0}
    assert each.estimate == -1.0
    absent = observed(experiment, asking(category="elsewhere"))
    assert absent.why_none == f"No case of {read_suites(experiment)[0]} is of the category 'elsewhere'."


def test_cases_of_one_cluster_are_not_counted_as_independent() -> None:
    apart, together = make_empty_experiment(), make_empty_experiment()
    add_suite(apart, BEFORE, AFTER)
    add_suite(together, BEFORE, AFTER, clusters=("one", "two", "three", "four", "five"))
    widths = []
    for experiment in (apart, together):
        found = observed(experiment)
        assert found.ci_low is not None
        assert found.ci_high is not None
        widths.append(found.ci_high - found.ci_low)
    assert widths[0] != pytest.approx(widths[1])
    assert observed(together, asking(comparison="absolute")).successes is None


def test_a_hundred_cases_of_two_documents_prove_what_two_cases_would() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, [1.0] * 100, [1.0] * 100, clusters=("one", "two"))
    valid = asking(SCHEMA, role="target", metric="exact_match")
    found = observed(experiment, valid)
    assert (found.estimate, found.n, found.n_independent) == (1.0, 100, 2)
    assert found.ci_low is not None
    assert found.ci_low < 0.5
    assert judged(valid, found).status == "undecided"
    kept = asking(GENERAL_LOSS, role="target")
    assert judged(kept, observed(experiment, kept)).status == "undecided"


def test_a_category_without_a_scored_case_keeps_the_others_from_being_enough() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, [1.0, None] * 80, [1.0, None] * 80, categories=("kept", "never scored"))
    each = asking(GENERAL_LOSS, role="target", category="*")
    found = observed(experiment, each)
    assert {part.name: part.n for part in found.parts} == {"kept": 80, "never scored": 0}
    assert judged(each, replace(found, parts=found.parts[:1])).status == "met"
    assert judged(each, found).status == "undecided"


def test_without_suites_runs_or_a_comparison_the_reason_and_the_way_out_are_told() -> None:
    experiment = make_empty_experiment()
    assert observed(experiment).why_none == (
        "The experiment does not have any target suite: put an eval set to use on its page."
    )
    suite = add_suite(experiment, BEFORE, AFTER, compare=False)
    waiting = observed(experiment)
    assert (waiting.state, waiting.estimate) == ("growing", None)
    assert waiting.why_none == f"The two runs over {suite.eval_set} are being compared."
    compare_all(experiment)
    assert observed(experiment).state == "final"


def test_a_missing_run_leaves_a_pooled_number_growing() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, BEFORE, AFTER)
    fresh = make_eval_set(name="not run yet")
    experiment.suites.create(eval_set=fresh, role=SuiteRole.TARGET)
    make_items(make_run(eval_set=fresh, model_version=experiment.baseline))
    found = observed(experiment)
    assert found.state == "growing"
    assert found.why_none == "not run yet v1 has no run of the candidate: start it from the experiment's page."
    run = make_run(eval_set=fresh, model_version=experiment.candidate, status=BenchmarkRun.Status.RUNNING)
    assert run.status == "running"
    assert observed(experiment).why_none == "The candidate's run over not run yet v1 is running."


def test_only_the_newest_version_of_a_set_counts_unless_one_is_named() -> None:
    experiment = make_empty_experiment()
    old = add_suite(experiment, [1.0] * 4, [0.0] * 4, name="support", version=1)
    add_suite(experiment, [0.0] * 4, [1.0] * 4, name="support", version=2)
    assert observed(experiment).estimate == 1.0
    assert observed(experiment, asking(eval_set_id=old.eval_set_id)).estimate == -1.0


def test_another_scorer_must_have_been_applied_to_both() -> None:
    experiment = make_empty_experiment()
    suite = add_suite(experiment, BEFORE, AFTER, role=SuiteRole.STRUCTURED, scorer="json_valid")
    compliance = EvidenceRef(layer="benchmark", metric="schema_compliance", role="structured")
    absolute = replace(GAIN, comparison="absolute", evidence=compliance)
    assert observed(experiment, absolute).successes == 7
    exact = replace(absolute, evidence=replace(compliance, metric="exact_match"))
    assert observed(experiment, exact).why_none == (
        f"{suite.eval_set} was not scored by exact_match in both runs: rescore them by it."
    )


def test_points_of_a_hundred_become_shares() -> None:
    sample = Sample(
        title="Rubric",
        kind="value",
        unit="points",
        baseline=np.array([20.0, 40.0, 30.0, 10.0]),
        candidate=np.array([30.0, 45.0, 36.0, 17.0]),
        clusters=None,
        category=np.zeros(4, dtype=np.int64),
        names=("all",),
        case_ids=np.arange(4),
        sets=("graded v1",),
    )
    assert benchmarks.of_sample(GAIN, sample).estimate == pytest.approx(0.07)
    assert benchmarks.of_sample(replace(GAIN, unit="number"), sample).estimate == pytest.approx(7.0)


def test_latency_is_a_ratio_of_quantiles_and_says_what_is_missing() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, [1.0] * 20, [1.0] * 20, outputs={"latency_ms": 300.0})
    asked = replace(
        GAIN, evidence=EvidenceRef(layer="benchmark", metric="latency_p50"), comparison="ratio", direction="at_most"
    )
    found = observed(experiment, asked)
    assert found.estimate == pytest.approx(300 / 109)
    assert found.ci_low is not None
    assert found.ci_low < 300 / 109
    silent = make_empty_experiment()
    add_suite(silent, [1.0] * 3, [1.0] * 3, outputs={"latency_ms": None})
    assert observed(silent, asked).why_none == (
        "No output of the candidate has a latency: run over an endpoint, or import latency_ms."
    )


def test_only_suites_where_both_models_were_timed_are_compared() -> None:
    """A candidate three times as slow must not look quick because the slow set was imported for one model only."""
    asked = replace(
        GAIN, evidence=EvidenceRef(layer="benchmark", metric="latency_p50"), comparison="ratio", direction="at_most"
    )
    experiment = make_empty_experiment()
    slow: dict[str, Any] = {"baseline_outputs": {"latency_ms": 900.0}, "outputs": {"latency_ms": None}}
    imported = add_suite(experiment, [1.0] * 60, [1.0] * 60, **slow)
    add_suite(experiment, [1.0] * 20, [1.0] * 20, baseline_outputs={"latency_ms": 100.0}, outputs={"latency_ms": 300.0})
    found = observed(experiment, asked)
    assert found.estimate == pytest.approx(3.0)
    assert found.n == 20
    assert f"Without latencies of both models, and left out: {imported.eval_set}." in found.warnings
    apart = make_empty_experiment()
    add_suite(apart, [1.0] * 3, [1.0] * 3, **slow)
    add_suite(apart, [1.0] * 3, [1.0] * 3, baseline_outputs={"latency_ms": None}, outputs={"latency_ms": 300.0})
    assert observed(apart, asked).why_none == ("No suite has latencies of both models: different cases do not compare.")


def test_the_share_of_errors_is_of_all_cases() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, [1.0] * 10, [1.0] * 10, errors={"3": "timeout"})
    asked = replace(GAIN, evidence=EvidenceRef(layer="benchmark", metric="error_share"), comparison="absolute")
    found = observed(experiment, asked)
    assert (found.estimate, found.n, found.successes) == (0.1, 10, 1)


def test_every_number_leads_to_the_cases_that_changed() -> None:
    experiment = make_empty_experiment()
    suite = add_suite(experiment, BEFORE, AFTER)
    comparison = experiment.comparisons.get()
    nearest = observed(experiment).sources[0]
    assert nearest.label == f"Cases of {suite.eval_set} that changed"
    assert nearest.url == f"/comparisons/{comparison.pk}/changes/?scorer=exact_match"
