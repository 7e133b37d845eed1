"""Sets, model versions, outputs and experiments whose every default is valid."""

from hashlib import sha256
from itertools import count
from typing import Any

from experiments.models import EvalCase, EvalSet, Experiment, ExperimentSuite, ModelVersion, Output, SuiteRole
from tests.factories.platform_ import NOW

numbers = count(1)


def content_hash() -> str:
    return sha256(str(next(numbers)).encode()).hexdigest()


def make_model_version(*, name: str = "", version: str = "1", **fields: Any) -> ModelVersion:
    defaults = {"content_hash": content_hash(), "created_at": NOW}
    return ModelVersion.objects.create(name=name or f"model {next(numbers)}", version=version, **{**defaults, **fields})


def make_eval_set(*, name: str = "", n_cases: int = 3, category: str = "", **fields: Any) -> EvalSet:
    """A set with its cases, external ids "1", "2" …"""
    defaults = {"version": 1, "content_hash": content_hash(), "created_at": NOW}
    eval_set = EvalSet.objects.create(name=name or f"set {next(numbers)}", n_cases=n_cases, **{**defaults, **fields})
    for position in range(n_cases):
        make_case(eval_set=eval_set, position=position, category=category)
    return eval_set


def make_case(*, eval_set: EvalSet, position: int = 0, **fields: Any) -> EvalCase:
    defaults = {"external_id": str(position + 1), "prompt": f"Question {position + 1}?"}
    return EvalCase.objects.create(eval_set=eval_set, position=position, **{**defaults, **fields})


def make_output(*, model_version: ModelVersion, case: EvalCase, text: str = "An answer.", **fields: Any) -> Output:
    return Output.objects.create(model_version=model_version, case=case, text=text, **fields)


def make_experiment(*, name: str = "", n_cases: int = 3, role: str = SuiteRole.TARGET, **fields: Any) -> Experiment:
    """An experiment with one suite, and both models' outputs for each of its cases."""
    baseline = fields.pop("baseline", None) or make_model_version()
    candidate = fields.pop("candidate", None) or make_model_version()
    experiment = Experiment.objects.create(
        name=name or f"experiment {next(numbers)}",
        baseline=baseline,
        candidate=candidate,
        **{"created_at": NOW, **fields},
    )
    eval_set = make_eval_set(n_cases=n_cases)
    ExperimentSuite.objects.create(experiment=experiment, eval_set=eval_set, role=role)
    for case in eval_set.cases.order_by("position"):
        make_output(model_version=baseline, case=case, text=f"Baseline answer to {case.external_id}.")
        make_output(model_version=candidate, case=case, text=f"Candidate answer to {case.external_id}.")
    return experiment
