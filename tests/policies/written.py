"""Policies of experiments, drafted and registered as pages do it."""

from typing import Any
from uuid import uuid4

from experiments.deciding.presets import PRESETS
from experiments.models import Experiment, RegisteredPolicy
from experiments.policy import Policy
from experiments.reports.policies.registered import draft_of
from experiments.services import policies
from tests.factories.platform_ import NOW


def drafted(experiment: Experiment, policy: Policy = PRESETS["default"].policy) -> Policy:
    policies.save_draft(experiment=experiment, policy=policy, actor=None, now=NOW)
    return policy


def registered(experiment: Experiment, policy: Policy = PRESETS["default"].policy, **given: Any) -> RegisteredPolicy:
    drafted(experiment, policy)
    return register(experiment, **given)


def register(experiment: Experiment, **given: Any) -> RegisteredPolicy:
    draft = draft_of(experiment)
    defaults: dict[str, Any] = {
        "token": uuid4(),
        "seen_sha256": draft.sha256 if draft else "0" * 64,
        "registered_by": None,
        "now": NOW,
    }
    return policies.register(experiment=experiment, **{**defaults, **given})
