"""The dashboard of one experiment: one row of gathered evidence, what was signed on it, and what is new in it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from django.db.models import QuerySet

from evalsite.platform.models import Job
from experiments.models import Decision, EvidenceSnapshot, Experiment, RegisteredPolicy
from experiments.reports.dashboard import since
from experiments.reports.dashboard.bars import Bar, bar_of
from experiments.reports.evidence.page import Criterion, Dashboard, Fragile, HealthRow, Layer

TONES = {"GO": "met", "NO-GO": "failed", "INCONCLUSIVE": "open", "INVALID": "invalid"}
LAYER_TAGS = {
    "growing": ("running", "growing"),
    "final": ("done", "all in"),
    "hidden": ("hidden", "direction hidden"),
    "invalid": ("failed", "not valid"),
}
HEALTH_TAGS = {"ok": "done", "failed": "failed", "warning": "warning", "unknown": "waiting"}


@dataclass(frozen=True)
class Row:
    """parts: what became of each part of a criterion that asks all of several, in words."""

    criterion: Criterion
    bar: Bar
    parts: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        return self.criterion.status.replace("_", " ")

    @property
    def level(self) -> str:
        return f"{100 * self.criterion.level:g}%"

    @property
    def is_told(self) -> bool:
        return self.criterion.estimate is not None

    @property
    def url(self) -> str:
        return self.criterion.sources[0].url if self.criterion.sources else ""


@dataclass(frozen=True)
class LayerCard:
    layer: Layer

    @property
    def tag(self) -> tuple[str, str] | None:
        return LAYER_TAGS.get(self.layer.state)

    @property
    def split(self) -> dict[str, int]:
        return dict(zip(("candidate", "tie", "both_bad", "baseline"), self.layer.split, strict=False))


@dataclass(frozen=True)
class HealthLine:
    row: HealthRow

    @property
    def tag(self) -> str:
        return HEALTH_TAGS.get(self.row.status, "waiting")


@dataclass(frozen=True)
class FragileLine:
    part: Fragile

    @property
    def tag(self) -> str:
        return self.part.status.replace("_", " ")


@dataclass(frozen=True)
class DashboardPage:
    experiment: Experiment
    snapshot: EvidenceSnapshot | None
    policy: RegisteredPolicy | None
    decision: Decision | None
    job: Job | None

    @cached_property
    def dashboard(self) -> Dashboard | None:
        return Dashboard.from_dict(self.snapshot.payload) if self.snapshot else None

    @property
    def is_gathering(self) -> bool:
        return bool(self.job and self.job.is_live)

    @property
    def is_behind(self) -> bool:
        """A policy was registered that the gathered evidence was not decided by yet."""
        if self.policy is None:
            return False
        decided = self.dashboard.policy if self.dashboard else None
        return decided is None or decided.number < self.policy.number

    @property
    def may_be_signed(self) -> bool:
        return self.dashboard is not None and self.dashboard.policy is not None and not self.is_behind

    @property
    def is_signed_on_this(self) -> bool:
        return bool(self.decision and self.snapshot and self.decision.evidence_sha256 == self.snapshot.sha256)

    @property
    def is_moving(self) -> bool:
        """Something on the page may be another thing in a moment."""
        return self.is_gathering or self.is_behind or bool(self.dashboard and self.dashboard.running)

    @property
    def tone(self) -> str:
        return tone_of(self.dashboard.verdict) if self.dashboard else ""

    @property
    def rows(self) -> list[Row]:
        return rows_of(self.dashboard) if self.dashboard else []

    @property
    def met_words(self) -> str:
        return criteria_words(self.rows)

    @property
    def layers(self) -> list[LayerCard]:
        return [LayerCard(one) for one in self.dashboard.layers] if self.dashboard else []

    @property
    def health(self) -> list[HealthLine]:
        return health_of(self.dashboard) if self.dashboard else []

    @property
    def fragility(self) -> list[FragileLine]:
        """What would turn the verdict comes first."""
        parts = self.dashboard.fragility if self.dashboard else ()
        return [FragileLine(one) for one in sorted(parts, key=shift, reverse=True)]

    @property
    def most_fragile(self) -> Fragile | None:
        """What turns the verdict comes first, then what moves a criterion's state, then its number, most."""
        parts = self.dashboard.fragility if self.dashboard else ()
        return max(parts, key=shift, default=None)

    @property
    def turning(self) -> list[Fragile]:
        return [one for one in (self.dashboard.fragility if self.dashboard else ()) if one.changes_verdict]

    @cached_property
    def stamp(self) -> str:
        """Changes whenever the page would look different; the moment of computing alone is no difference."""
        payload = {**self.snapshot.payload, "computed_at": ""} if self.snapshot else {}
        said = [
            payload,
            self.policy.number if self.policy else 0,
            self.decision.number if self.decision else 0,
            self.is_gathering and self.snapshot is None,
        ]
        return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

    def remembered(self) -> dict[str, Any]:
        return since.remembered(self.dashboard, **self.numbers) if self.dashboard else {}

    def moves(self, before: dict[str, Any]) -> list[since.Move]:
        return since.moves(before, self.dashboard, **self.numbers) if self.dashboard else []

    @property
    def numbers(self) -> dict[str, int]:
        return {
            "decision": self.decision.number if self.decision else 0,
            "policy": self.policy.number if self.policy else 0,
        }


def tone_of(verdict: str) -> str:
    return TONES.get(verdict, "")


def rows_of(dashboard: Dashboard) -> list[Row]:
    return [Row(one, bar_of(one)) for one in dashboard.criteria]


def health_of(dashboard: Dashboard) -> list[HealthLine]:
    """Failures first; what cannot be told comes last."""
    order = list(HEALTH_TAGS)
    ranked = sorted(dashboard.health, key=lambda one: (one.status != "failed", one.status == "ok", one.status in order))
    return [HealthLine(one) for one in ranked]


def shift(one: Fragile) -> tuple[bool, float]:
    known = one.estimate is not None and one.estimate_before is not None
    moved = abs(one.estimate - one.estimate_before) if known else 0.0  # type: ignore[operator]
    return one.changes_verdict, moved


def dashboard_page(experiment: Experiment, *, job_key: str) -> DashboardPage:
    """experiment: with its snapshot, where it has one. Three queries at most, whatever there is of evidence."""
    policy = newest_policy(experiment)
    return DashboardPage(
        experiment=experiment,
        snapshot=getattr(experiment, "snapshot", None),
        policy=policy,
        decision=newest_decision(experiment) if policy else None,
        job=Job.objects.live().filter(key=job_key).first() if policy else None,
    )


def newest_policy(experiment: Experiment) -> RegisteredPolicy | None:
    return RegisteredPolicy.objects.filter(experiment=experiment).defer("text").order_by("-number").first()


def newest_decision(experiment: Experiment) -> Decision | None:
    return decisions_of(experiment).first()


def decisions_of(experiment: Experiment) -> "QuerySet[Decision]":
    """Newest first, without what they froze."""
    rows = Decision.objects.filter(experiment=experiment).select_related("signed_by", "policy")
    return rows.defer("evidence_text", "verdict_text", "report", "policy__text").order_by("-number")


def criteria_words(rows: Sequence[Row]) -> str:
    """ "6 of 7 criteria are met"."""
    met = sum(row.criterion.status == "met" for row in rows)
    if not met:
        return f"None of {len(rows)} criteria is met"
    return f"{met} of {len(rows)} criteria {'is' if met == 1 else 'are'} met"
