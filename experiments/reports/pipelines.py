"""A pipeline as pages, the command and the API show it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from experiments.models import Experiment, PipelineRun

KEPT_ON_PAGE = 10
URL_NAMES = {"run": "run", "comparison": "comparison"}


@dataclass(frozen=True)
class ShownPart:
    key: str
    kind: str
    title: str
    state: str
    done: int
    total: int | None
    reused: bool
    note: str
    url: str


@dataclass(frozen=True)
class Shown:
    id: str
    experiment: int
    status: str
    status_words: str
    status_reason: str
    verdict: str
    evidence_sha256: str
    started_by: str
    created_at: datetime
    finished_at: datetime | None
    parts: tuple[ShownPart, ...]

    @property
    def is_running(self) -> bool:
        return self.status == PipelineRun.Status.RUNNING

    @property
    def stuck(self) -> list[ShownPart]:
        return [one for one in self.parts if one.state == "stuck"]

    @property
    def n_over(self) -> int:
        return sum(one.state in ("done", "failed") for one in self.parts)

    @property
    def n_reused(self) -> int:
        return sum(one.reused for one in self.parts)

    @property
    def summary(self) -> str:
        now = next((one for one in self.parts if one.state in ("running", "stuck", "waiting")), None)
        if not self.is_running or now is None:
            return f"{self.n_over} of {len(self.parts)} parts are over."
        far = f", {now.done:,} of {now.total:,} cases" if now.total else ""
        return f"{self.n_over} of {len(self.parts)} parts are over; {now.title}{far}."

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def shown(pipeline: PipelineRun) -> Shown:
    return Shown(
        id=str(pipeline.pk),
        experiment=pipeline.experiment_id,
        status=pipeline.status,
        status_words=pipeline.get_status_display(),
        status_reason=pipeline.status_reason,
        verdict=pipeline.verdict,
        evidence_sha256=pipeline.evidence_sha256,
        started_by=pipeline.started_by.username if pipeline.started_by else "",
        created_at=pipeline.created_at,
        finished_at=pipeline.finished_at,
        parts=tuple(part(row) for row in pipeline.parts),
    )


def part(row: dict[str, Any]) -> ShownPart:
    url_name = URL_NAMES.get(row["kind"])
    url = reverse(url_name, args=[row["made"]]) if url_name and row["made"] else ""
    fields = {name: row[name] for name in ("key", "kind", "title", "state", "done", "total", "reused", "note")}
    return ShownPart(**fields, url=url)


def latest(experiment: Experiment) -> list[Shown]:
    rows = PipelineRun.objects.filter(experiment=experiment).select_related("started_by").order_by("-created_at")
    return [shown(one) for one in rows[:KEPT_ON_PAGE]]
