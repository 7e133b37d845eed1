"""What a gate answers: the verdict of the evidence as it stands, or of the newest signed decision."""

from typing import Any

import orjson

from experiments import go_no_go
from experiments.go_no_go import Evidence, Verdict
from experiments.models import Decision, EvidenceSnapshot, Experiment
from experiments.reports.evidence.freshness import same_evidence, sources
from experiments.reports.policies.registered import Registered, current

EXIT_CODES = {"GO": 0, "NO-GO": 2, "INCONCLUSIVE": 3, "INVALID": 4}
COMPUTED, SIGNED = "computed", "signed"


class NoAnswer(Exception):
    """There is nothing to answer with, for a reason a user can read, with the way out."""


def newest_decision(experiment: Experiment) -> Decision | None:
    rows = Decision.objects.filter(experiment=experiment).select_related("policy", "signed_by")
    return rows.order_by("-number").first()


def is_stale(experiment: Experiment, snapshot: EvidenceSnapshot) -> bool:
    """Whether anything a number depends on has moved since; work on its way alone moves none."""
    return not same_evidence(snapshot.source, sources([experiment])[experiment.pk])


def computed_answer(experiment: Experiment) -> dict[str, Any]:
    """From the evidence as it was gathered last."""
    rule = current(experiment)
    if rule is None:
        raise NoAnswer(f"No policy is registered for {experiment}: write one on its page, or with register_policy.")
    snapshot = EvidenceSnapshot.objects.filter(experiment=experiment).first()
    if snapshot is None:
        raise NoAnswer(f"The evidence of {experiment} has not been gathered yet.")
    if (snapshot.payload.get("policy") or {}).get("sha256") != rule.row.sha256:
        raise NoAnswer(
            f"Policy {rule.row.number} of {experiment} was registered just now and the evidence has not been gathered "
            "for it yet: ask again in a moment."
        )
    verdict = go_no_go.decide(rule.policy, Evidence.from_dict(orjson.loads(snapshot.text)))
    return answer(experiment, verdict, rule) | {
        "basis": COMPUTED,
        "verdict": verdict.verdict,
        "exit_code": EXIT_CODES[verdict.verdict],
        "evidence_sha256": snapshot.sha256,
        "data_sha256": snapshot.payload.get("data_sha256", ""),
        "computed_at": snapshot.computed_at.isoformat(),
        "signed": signed_words(newest_decision(experiment)),
    }


def signed_answer(experiment: Experiment) -> dict[str, Any]:
    """From the frozen texts of the newest decision; the verdict is the one that was signed."""
    decision = newest_decision(experiment)
    if decision is None:
        raise NoAnswer(f"No decision of {experiment} is signed yet.")
    frozen = orjson.loads(decision.verdict_text)
    return told(experiment, frozen, Registered(decision.policy)) | {
        "basis": SIGNED,
        "verdict": decision.verdict,
        "exit_code": EXIT_CODES[decision.verdict],
        "evidence_sha256": decision.evidence_sha256,
        "data_sha256": decision.data_sha256,
        "computed_at": None,
        "signed": signed_words(decision),
    }


def answer(experiment: Experiment, verdict: Verdict, rule: Registered) -> dict[str, Any]:
    return told(experiment, orjson.loads(verdict.canonical()), rule)


def told(experiment: Experiment, verdict: dict[str, Any], rule: Registered) -> dict[str, Any]:
    return {
        "experiment": {
            "id": experiment.pk,
            "name": experiment.name,
            "baseline": str(experiment.baseline),
            "candidate": str(experiment.candidate),
        },
        "policy": {
            "number": rule.row.number,
            "title": rule.policy.title,
            "sha256": rule.row.sha256,
            "registered_at": rule.row.registered_at.isoformat(),
            "open_evidence": list(rule.open_evidence),
        },
        "computed_verdict": verdict["verdict"],
        "reason": verdict["reason"],
        "criteria": verdict["criteria"],
        "health_failures": verdict["health_failures"],
        "point_rule": verdict["point_rule"],
    }


def signed_words(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "id": str(decision.pk),
        "number": decision.number,
        "verdict": decision.verdict,
        "computed_verdict": decision.computed_verdict,
        "override_reason": decision.override_reason,
        "comment": decision.comment,
        "signed_by": decision.signed_by.username if decision.signed_by else "",
        "signed_at": decision.signed_at.isoformat(),
        "evidence_sha256": decision.evidence_sha256,
        "policy_sha256": decision.policy.sha256,
    }
