"""Experiments with evidence and a registered policy, whose every default is valid."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from evalsite.platform.models import User
from experiments.deciding.presets import PREFERENCE, TARGET_GAIN
from experiments.models import (
    Decision,
    EvalSet,
    EvidenceSnapshot,
    Experiment,
    ExperimentSuite,
    RegisteredPolicy,
    SuiteRole,
)
from experiments.policy import Criterion, Policy
from experiments.reports.comparisons.listing import suite_rows
from experiments.services import comparisons, decisions, evidence, policies
from tests.factories.benchmarks_ import make_items, make_run, make_run_scorer, make_scores
from tests.factories.experiments_ import content_hash, make_case, make_model_version, numbers
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_lead

GAIN = replace(TARGET_GAIN, rule="observed")
PREFERRED = PREFERENCE


def make_empty_experiment(**fields: Any) -> Experiment:
    """Both models, and nothing known of them."""
    values = {"name": f"experiment {next(numbers)}", "created_at": NOW, **fields}
    return Experiment.objects.create(baseline=make_model_version(), candidate=make_model_version(), **values)


def add_suite(
    experiment: Experiment,
    before: Sequence[float | None],
    after: Sequence[float | None],
    *,
    role: str = SuiteRole.TARGET,
    categories: Sequence[str] = ("",),
    clusters: Sequence[str] = ("",),
    scorer: str = "exact_match",
    errors: Mapping[str, str] | None = None,
    outputs: Mapping[str, Any] | None = None,
    baseline_outputs: Mapping[str, Any] | None = None,
    compare: bool = True,
    with_pass_mark: bool = True,
    **fields: Any,
) -> ExperimentSuite:
    """A set with both models' finished, scored runs over it, compared. errors, outputs: of the candidate."""
    eval_set = EvalSet.objects.create(
        **{
            "name": f"suite {next(numbers)}",
            "version": 1,
            "content_hash": content_hash(),
            "created_at": NOW,
            "n_cases": len(before),
            **fields,
        }
    )
    for position in range(len(before)):
        make_case(
            eval_set=eval_set,
            position=position,
            category=categories[position % len(categories)],
            cluster=clusters[position % len(clusters)],
        )
    suite = ExperimentSuite.objects.create(experiment=experiment, eval_set=eval_set, role=role)
    for model, values in ((experiment.baseline, before), (experiment.candidate, after)):
        run = make_run(eval_set=eval_set, model_version=model)
        is_candidate = model == experiment.candidate
        make_items(
            run, errors=errors if is_candidate else None, **((outputs if is_candidate else baseline_outputs) or {})
        )
        make_scores(make_run_scorer(run, scorer=scorer), values, with_pass_mark=with_pass_mark)
    if compare:
        compare_all(experiment)
    return suite


def compare_all(experiment: Experiment) -> None:
    suites = list(experiment.suites.select_related("eval_set"))
    for row in suite_rows(experiment, suites):
        if row.baseline_run and row.candidate_run:
            comparisons.get_or_compute(
                baseline_run=row.baseline_run, candidate_run=row.candidate_run, experiment=experiment, now=NOW
            )


def make_policy(*criteria: Criterion, **fields: Any) -> Policy:
    return Policy(**{"title": "Ship it?", "criteria": criteria or (GAIN,), **fields})


def register_policy(
    experiment: Experiment, *criteria: Criterion, reason: str = "", by: User | None = None, **fields: Any
) -> RegisteredPolicy:
    policy = make_policy(*criteria, **fields)
    policies.save_draft(experiment=experiment, policy=policy, actor=by, now=NOW)
    return policies.register(
        experiment=experiment, token=uuid4(), seen_sha256=policy.sha256, reason=reason, registered_by=by, now=NOW
    )


def gathered(experiment: Experiment, **fields: Any) -> EvidenceSnapshot:
    """Whatever stands now, gathered and decided on."""
    found = evidence.compute(experiment=experiment, waits=True, **{"now": NOW, **fields})
    assert found is not None
    return found


def make_decided_experiment(*, gain: float = 0.2, n: int = 20, **fields: Any) -> Experiment:
    """Policy registered first, then benchmarks, then all gathered: GO while the gain is at least 5 points."""
    experiment = make_empty_experiment(**fields)
    register_policy(experiment)
    half = n // 2
    add_suite(experiment, [1.0] * half + [0.0] * half, [1.0] * round(half + gain * n) + [0.0] * round(half - gain * n))
    gathered(experiment)
    return experiment


def make_decision(*, experiment: Experiment | None = None, signed_by: User | None = None, **fields: Any) -> Decision:
    """Signed as computed, unless `verdict` and `override_reason` say otherwise."""
    experiment = experiment or make_decided_experiment()
    snapshot = EvidenceSnapshot.objects.get(experiment=experiment)
    values = {
        "token": uuid4(),
        "evidence_sha256": snapshot.sha256,
        "policy_sha256": snapshot.payload["policy"]["sha256"],
        "verdict": snapshot.verdict,
        "comment": "The gain is worth it.",
        "now": NOW,
    }
    return decisions.sign(experiment=experiment, signed_by=signed_by or make_lead(), **{**values, **fields})
