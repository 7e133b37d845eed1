"""All experiments with their verdicts, as the overview lists them: from kept rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from evalsite.platform.models import User
from experiments.models import Decision, Experiment, VerdictChange
from experiments.reports.dashboard.page import tone_of
from experiments.reports.evidence.page import NO_POLICY, Layer
from experiments.reports.evidence.plain import built

VERDICTS = Decision.Verdict.values
UNDECIDED = "none"
LONG_AGO = Value(datetime(1970, 1, 1, tzinfo=UTC))
LONGEST_SEARCH = 200


@dataclass(frozen=True)
class OverviewFilter:
    verdict: str = ""
    signed: str = ""
    mine: bool = False
    search: str = ""

    CHOICES = [*((one, one) for one in VERDICTS), (UNDECIDED, "no verdict yet")]
    SIGNED = [("yes", "signed"), ("no", "not signed yet"), ("overridden", "signed against the rule")]

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "OverviewFilter":
        verdict, signed = query.get("verdict", ""), query.get("signed", "")
        return cls(
            verdict=verdict if verdict in dict(cls.CHOICES) else "",
            signed=signed if signed in dict(cls.SIGNED) else "",
            mine=query.get("mine") == "yes",
            search=query.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
        )

    @property
    def narrows(self) -> bool:
        return bool(self.verdict or self.signed or self.mine or self.search)

    def apply(self, rows: "QuerySet[Experiment]", user: User) -> "QuerySet[Experiment]":
        if self.verdict == UNDECIDED:
            rows = rows.filter(Q(snapshot=None) | ~Q(snapshot__verdict__in=VERDICTS))
        elif self.verdict:
            rows = rows.filter(snapshot__verdict=self.verdict)
        if self.mine:
            rows = rows.filter(created_by=user)
        for word in self.search.split():
            rows = rows.filter(
                Q(name__icontains=word) | Q(candidate__name__icontains=word) | Q(baseline__name__icontains=word)
            )
        return self.by_signature(rows)

    def by_signature(self, rows: "QuerySet[Experiment]") -> "QuerySet[Experiment]":
        newest = Decision.objects.order_by("experiment_id", "-number").distinct("experiment_id")
        if self.signed == "yes":
            return rows.filter(pk__in=newest.values("experiment_id"))
        if self.signed == "no":
            return rows.exclude(pk__in=newest.values("experiment_id"))
        if self.signed == "overridden":
            against = Decision.objects.filter(pk__in=newest.values("pk")).exclude(override_reason="")
            return rows.filter(pk__in=against.values("experiment_id"))
        return rows


def listed() -> "QuerySet[Experiment]":
    return Experiment.objects.order_by("-created_at", "-pk")


@dataclass(frozen=True)
class OverviewRow:
    experiment: Experiment
    verdict: str
    reason: str
    since: datetime | None
    computed_at: datetime | None
    layers: Sequence[Layer]
    running: int
    decision: Decision | None

    @property
    def tone(self) -> str:
        return tone_of(self.verdict)

    @property
    def has_verdict(self) -> bool:
        return self.verdict in VERDICTS

    @property
    def lacks_policy(self) -> bool:
        return self.verdict == NO_POLICY

    @property
    def told(self) -> list[Layer]:
        return [one for one in self.layers if one.headline and one.headline.estimate is not None]


def rows(ids: Sequence[int]) -> list[OverviewRow]:
    """Two queries, however many experiments."""
    signed = (
        Decision.objects.filter(experiment__in=ids)
        .select_related("signed_by")
        .defer("evidence_text", "verdict_text", "report")
    )
    newest = {one.experiment_id: one for one in signed.order_by("experiment_id", "-number").distinct("experiment_id")}
    return [row_of(one, newest) for one in shown(ids)]


def shown(ids: Sequence[int]) -> "QuerySet[Experiment]":
    moved = VerdictChange.objects.filter(experiment=OuterRef("pk"))
    other = (
        VerdictChange.objects.filter(experiment=OuterRef(OuterRef("pk")))
        .exclude(verdict=OuterRef(OuterRef("snapshot__verdict")))
        .order_by("-at")
        .values("at")[:1]
    )
    held = moved.filter(at__gt=Coalesce(Subquery(other), LONG_AGO)).order_by("at").values("at")[:1]
    return (
        Experiment.objects.filter(pk__in=ids)
        .select_related("baseline", "candidate", "created_by")
        .annotate(
            told_verdict=F("snapshot__verdict"),
            told_reason=F("snapshot__reason"),
            told_at=F("snapshot__computed_at"),
            told_layers=F("snapshot__payload__layers"),
            told_running=F("snapshot__payload__running"),
            told_since=Subquery(held),
        )
        .order_by("-created_at", "-pk")
    )


def row_of(one: Any, newest: Mapping[int, Decision]) -> OverviewRow:
    return OverviewRow(
        experiment=one,
        verdict=one.told_verdict or "",
        reason=one.told_reason or "",
        since=one.told_since or one.told_at,
        computed_at=one.told_at,
        layers=[built(Layer, layer) for layer in one.told_layers or ()],
        running=len(one.told_running or ()),
        decision=newest.get(one.pk),
    )
