"""The report of a signed decision, frozen with it: what the printed page, the JSON and the Markdown show."""

from datetime import UTC, datetime
from typing import Any

from experiments.go_no_go import Evidence, Verdict
from experiments.models import Experiment, ExperimentSuite, ModelVersion
from experiments.policy import HEALTH_CHECKS, Policy
from experiments.reports.evidence.page import Dashboard
from experiments.reports.policies.registered import Registered

VERSION = 1
ABOUT = {
    "GO": "Every required criterion is met.",
    "NO-GO": "At least one required criterion is shown not to be met.",
    "INCONCLUSIVE": "No required criterion is shown to fail, and not all are met.",
    "INVALID": "A check of the data failed, so the numbers prove nothing.",
}


def report(
    experiment: Experiment,
    rule: Registered,
    evidence: Evidence,
    verdict: Verdict,
    shown: Dashboard,
    *,
    signature: dict[str, Any],
    code_version: str,
) -> dict[str, Any]:
    """signature: verdict as signed, override_reason, comment, signed_by, signed_at, number."""
    return {
        "version": VERSION,
        "experiment": experiment_of(experiment),
        "decision": signature
        | {
            "computed_verdict": verdict.verdict,
            "is_override": signature["verdict"] != verdict.verdict,
            "reason": verdict.reason,
            "meaning": ABOUT[signature["verdict"]],
        },
        "point_rule": {"verdict": verdict.point_rule.verdict, "sentence": verdict.point_rule.sentence},
        "policy": policy_of(rule),
        "criteria": [dict(one) for one in shown.to_dict()["criteria"]],
        "parts": {one.key: [vars(part) for part in one.parts] for one in verdict.criteria if one.parts},
        "layers": shown.to_dict()["layers"],
        "health": health_of(rule.policy, shown),
        "fragility": {"sentence": shown.fragility_sentence, "rows": shown.to_dict()["fragility"]},
        "unblindings": shown.to_dict()["unblindings"],
        "amendments": shown.to_dict()["amendments"],
        "deviations": shown.to_dict()["deviations"],
        "still_running": shown.to_dict()["running"],
        "methods": methods(verdict),
        "hashes": {
            "policy_sha256": rule.row.sha256,
            "evidence_sha256": evidence.sha256,
            "verdict_sha256": verdict.sha256,
            "data_sha256": shown.data_sha256,
            "code_version": code_version,
        },
        "evidence_computed_at": moment(shown.computed_at),
    }


def moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def experiment_of(experiment: Experiment) -> dict[str, Any]:
    suites = ExperimentSuite.objects.filter(experiment=experiment).select_related("eval_set").order_by("pk")
    return {
        "id": experiment.pk,
        "name": experiment.name,
        "baseline": model_of(experiment.baseline),
        "candidate": model_of(experiment.candidate),
        "suites": [
            {
                "eval_set": str(one.eval_set),
                "role": one.role,
                "n_cases": one.eval_set.n_cases,
                "content_hash": one.eval_set.content_hash,
            }
            for one in suites
        ],
    }


def model_of(model: ModelVersion) -> dict[str, str]:
    return {"name": str(model), "content_hash": model.content_hash}


def policy_of(rule: Registered) -> dict[str, Any]:
    row = rule.row
    return {
        "number": row.number,
        "title": rule.policy.title,
        "sha256": row.sha256,
        "registered_at": moment(row.registered_at),
        "registered_by": row.registered_by.username if row.registered_by else "",
        "amended_because": row.reason,
        "after_evidence": list(rule.open_evidence),
        "body": rule.policy.to_dict(),
    }


def health_of(policy: Policy, shown: Dashboard) -> list[dict[str, Any]]:
    """Each check, and whether the policy lets its failure decide."""
    return [
        {
            "key": one.key,
            "about": HEALTH_CHECKS.get(one.key, one.title),
            "title": one.title,
            "status": one.status,
            "detail": one.detail,
            "layer": one.layer,
            "counts": one.key not in policy.ignored_health,
        }
        for one in shown.health
    ]


def methods(verdict: Verdict) -> list[dict[str, str]]:
    """How each interval was made, in the order of the criteria."""
    return [
        {"criterion": one.title, "level": f"{100 * one.level:g}%", "method": one.method}
        for one in verdict.criteria
        if one.method
    ]
