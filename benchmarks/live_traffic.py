"""A live test that runs, with units that were exposed, made through the services; and a token for its events."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from evalsite.platform import api_tokens, invitations
from evalsite.platform.models import Role
from experiments.models import Exposure, LiveTest, ModelVersion
from experiments.services.live_tests import drafting, registering
from experiments.services.live_tests import running as steps
from experiments.services.live_traffic.exposures import Seen, expose
from experiments.services.live_traffic.running_tests import running as running_test

METRICS: list[dict[str, Any]] = [
    {"key": "completion", "kind": "rate", "role": "primary", "event": "task_completed"},
    {"key": "csat", "kind": "mean", "per": "unit_with_event", "event": "rated"},
    {"key": "tokens", "kind": "ratio", "event": "answered", "field": "properties.tokens",
     "denominator": {"event": "answered", "field": "count"}},
    {"key": "latency", "kind": "quantile", "event": "answered", "field": "properties.ms", "q": 0.95},
]  # fmt: skip


def make_test(*, units: int, key: str = "measured") -> LiveTest:
    now = timezone.now() - timedelta(hours=1)
    arms = [
        ModelVersion.objects.create(name=f"{key} {arm}", version="1", content_hash=uuid4().hex * 2, created_at=now)
        for arm in ("control", "treatment")
    ]
    draft = {
        "routing": {"salt": "s", "split": 0.5}, "metrics": METRICS, "baseline": 0.7, "mde": 0.02, "days": 14,
    }  # fmt: skip
    test = drafting.create(
        name=key, key=key, control=arms[0], treatment=arms[1], experiment=None, draft=draft, token=uuid4(),
        created_by=None, now=now,
    )  # fmt: skip
    registering.register(live_test=test, registered_by=None, now=now)
    steps.start(live_test=test, actor=None, now=now)
    found = running_test(key)
    assert found
    seen = [Seen(f"user-{number}", now) for number in range(units)]
    for start in range(0, units, 5000):
        expose(found.test_id, found.plan, found.split, seen[start : start + 5000], Exposure.Source.ASSIGNED)
    return test


def make_token() -> str:
    person = invitations.create_person(username="sender", password=None, roles=[Role.LEAD])
    now = timezone.now()
    return api_tokens.make(name="sender", scopes=["events"], expires_at=None, created_by=person, now=now)[1]
