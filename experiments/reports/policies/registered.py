"""What is on record: the policies of an experiment, read from their own text."""

from dataclasses import dataclass
from functools import cached_property

import orjson

from experiments.models import Experiment, ExperimentPolicy, RegisteredPolicy
from experiments.policy import Policy


@dataclass(frozen=True)
class Registered:
    row: RegisteredPolicy

    @cached_property
    def policy(self) -> Policy:
        return Policy.frozen(orjson.loads(self.row.text))

    @property
    def open_evidence(self) -> tuple[str, ...]:
        """What could be read already when it was registered."""
        return tuple(self.row.evidence.get("open", ()))

    @property
    def is_amendment(self) -> bool:
        return self.row.number > 1


def on_record(experiment: Experiment) -> list[Registered]:
    """The one that counts first."""
    rows = RegisteredPolicy.objects.filter(experiment=experiment).select_related("registered_by").order_by("-number")
    return [Registered(row) for row in rows]


def current(experiment: Experiment) -> Registered | None:
    rows = RegisteredPolicy.objects.filter(experiment=experiment).select_related("registered_by").order_by("-number")
    row = rows.first()
    return Registered(row) if row else None


def draft_of(experiment: Experiment) -> Policy | None:
    row = ExperimentPolicy.objects.filter(experiment=experiment).first()
    return Policy.frozen(row.body) if row else None


def others_with_a_policy(experiment: Experiment) -> list[Experiment]:
    """Experiments whose registered policy can be copied, the newest first."""
    registered = RegisteredPolicy.objects.values("experiment_id")
    return list(Experiment.objects.filter(pk__in=registered).exclude(pk=experiment.pk).order_by("-created_at")[:200])
