"""What an answer costs: each case's tokens times the prices of its endpoint, paired between the models."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from experiments.deciding.presets import COST
from experiments.go_no_go import Observation
from experiments.models import Experiment, ExperimentSuite
from experiments.policy import EvidenceRef
from experiments.reports.evidence import costs
from experiments.reports.evidence.suites import read_suites
from tests.factories.benchmarks_ import make_called_model, make_endpoint
from tests.factories.evidence_ import add_suite
from tests.factories.experiments_ import make_eval_set
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db
TOKENS = replace(COST, evidence=EvidenceRef(layer="cost", metric="output_tokens"), unit="tokens")


def make_priced_experiment(*, candidate: dict[str, Any], outputs: dict[str, Any]) -> Experiment:
    prices = {"price_per_million_input": Decimal(1), "price_per_million_output": Decimal(2)}
    before, after = (
        make_called_model(endpoint=make_endpoint(**{**prices, **said}), model=name, name=name)
        for name, said in (("before", {}), ("after", candidate))
    )
    experiment = Experiment.objects.create(name="Priced", baseline=before, candidate=after, created_at=NOW)
    same = {"input_tokens": 100, "output_tokens": 50}
    add_suite(experiment, [1.0] * 4, [1.0] * 4, baseline_outputs=same, outputs={**same, **outputs})
    return experiment


def observed(experiment: Experiment, criterion: Any = COST) -> Observation:
    return costs.observe(criterion, read_suites(experiment))


def test_the_ratio_of_two_costs_is_of_the_same_cases() -> None:
    experiment = make_priced_experiment(candidate={}, outputs={"output_tokens": 150})
    found = observed(experiment)
    assert found.estimate == pytest.approx((100 + 300) / (100 + 100))
    assert found.baseline == pytest.approx(0.0002)
    assert found.candidate == pytest.approx(0.0004)
    assert observed(experiment, TOKENS).estimate == pytest.approx(3.0)
    assert found.sources[0].label.startswith("The candidate's outputs over")


def test_a_suite_that_was_not_run_yet_is_waited_for() -> None:
    experiment = make_priced_experiment(candidate={}, outputs={})
    assert observed(experiment).state == "final"
    ExperimentSuite.objects.create(experiment=experiment, eval_set=make_eval_set())
    found = observed(experiment)
    assert found.state == "growing"
    assert "has no run of the baseline" in found.why_none


def test_without_prices_or_tokens_the_way_out_is_told() -> None:
    unpriced = make_priced_experiment(candidate={"price_per_million_input": None}, outputs={})
    assert observed(unpriced).why_none == f"{unpriced.candidate} has no prices: set those of its endpoint."
    assert observed(unpriced, TOKENS).estimate == pytest.approx(1.0)


def test_two_currencies_are_not_compared() -> None:
    experiment = make_priced_experiment(candidate={"currency": "EUR"}, outputs={})
    assert observed(experiment).why_none == ("The two models are priced in EUR and USD: give both one currency.")


def test_outputs_that_tell_no_tokens_have_no_cost() -> None:
    experiment = make_priced_experiment(candidate={}, outputs={"output_tokens": None})
    assert observed(experiment).why_none == (
        "No case has token counts of both models: run them over endpoints that tell them."
    )
