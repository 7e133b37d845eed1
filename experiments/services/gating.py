"""The gate before a release: evidence brought up to date, and the verdict on it."""

from datetime import datetime
from typing import Any

from experiments.models import EvidenceSnapshot, Experiment
from experiments.reports.gate.answer import computed_answer, is_stale
from experiments.reports.policies.registered import current
from experiments.services import evidence


def answer(*, experiment: Experiment, now: datetime) -> dict[str, Any]:
    """Of the evidence as it stands at this moment: gathered here and now where it has moved. Raises NoAnswer."""
    if current(experiment):
        evidence.renew(experiment=experiment, now=now)
        snapshot = EvidenceSnapshot.objects.filter(experiment=experiment).first()
        if snapshot is None or is_stale(experiment, snapshot):
            evidence.compute(experiment=experiment, now=now, waits=True)
    return computed_answer(experiment)
