"""Runs as their pages show them: how far, how fast, what it cost, what failed and the cases behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from evalsite.platform.models import Job, Sweep
from experiments.models import BenchmarkRun, Endpoint, EndpointState, Output, RunItem

Status = BenchmarkRun.Status
MOST_LANES = 16
PATIENCE = timedelta(seconds=10)
GENERATING = (Status.QUEUED, Status.RUNNING)
# What its lanes write.
MOVING = ("status", "status_reason", "n_done", "n_errors", "input_tokens", "output_tokens", "cost", "finished_at")
# Summing the tries of more cases than this takes too long for a page that renews itself.
TRIES_COUNTED_UP_TO = 50_000


@dataclass(frozen=True)
class RunFilter:
    eval_set: int | None = None
    model: int | None = None
    status: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "RunFilter":
        status = query.get("status", "")
        return cls(
            eval_set=number_in(query.get("eval_set", "")),
            model=number_in(query.get("model", "")),
            status=status if status in Status.values else "",
        )

    @property
    def narrows(self) -> bool:
        return bool(self.eval_set or self.model or self.status)

    def apply(self, runs: "QuerySet[BenchmarkRun]") -> "QuerySet[BenchmarkRun]":
        if self.eval_set:
            runs = runs.filter(eval_set=self.eval_set)
        if self.model:
            runs = runs.filter(model_version=self.model)
        return runs.filter(status=self.status) if self.status else runs


def number_in(word: str) -> int | None:
    """A row's id as it stands in an address; anything else narrows nothing."""
    return int(word) if word.isascii() and word.isdigit() and len(word) < 19 else None


@dataclass(frozen=True)
class Standing:
    """How far a run is. `pace` is in cases a second, over what its lanes do now."""

    run: BenchmarkRun
    lanes: Sequence[Job]
    pace: float | None
    worker_is_missing: bool
    state: EndpointState | None
    tries: int | None
    waits_for_a_person: bool
    now: datetime

    @property
    def n_ended(self) -> int:
        return self.run.n_done + self.run.n_errors

    @property
    def n_left(self) -> int:
        return self.run.n_cases - self.n_ended

    @property
    def percent(self) -> int:
        return 100 * self.n_ended // self.run.n_cases if self.run.n_cases else 0

    @property
    def seconds_left(self) -> float | None:
        return self.n_left / self.pace if self.pace and self.n_left else None

    @property
    def seconds_taken(self) -> float | None:
        end = self.run.finished_at or self.now
        return (end - self.run.started_at).total_seconds() if self.run.started_at else None

    @property
    def is_generating(self) -> bool:
        return self.run.status in GENERATING

    @property
    def is_live(self) -> bool:
        return self.run.status in BenchmarkRun.LIVE or (self.run.status == Status.PAUSED and bool(self.lanes))

    @property
    def is_stuck(self) -> bool:
        """Its lanes all ended although cases are left: parked, stopped on the jobs page, or failed."""
        return self.is_generating and not self.lanes

    @property
    def renews_itself(self) -> bool:
        """Its page does, but not under the hands of whoever is entering a budget."""
        asks = self.run.budget is not None and (self.run.status == Status.PAUSED or self.waits_for_a_person)
        return self.is_live and not asks

    @property
    def error_share(self) -> float:
        return self.run.n_errors / self.run.n_cases if self.run.n_cases else 0.0

    @property
    def breaker_is_open(self) -> bool:
        return self.state is not None and self.state.breaker != EndpointState.Breaker.CLOSED

    @property
    def rests(self) -> bool:
        return bool(self.state and self.state.resting_until and self.state.resting_until > self.now)

    @property
    def is_eased(self) -> bool:
        """The endpoint was found to bear fewer calls at once than it may get."""
        return self.state is not None and self.state.concurrency < self.state.endpoint.max_concurrency


def standing(run: BenchmarkRun, *, now: datetime) -> Standing:
    lanes = live_lanes(run)
    if not lanes and run.status in GENERATING:
        # Its last lane may have ended it after it was read.
        run.refresh_from_db(fields=MOVING)
    endpoint_id = run.model_version.endpoint_id
    states = EndpointState.objects.select_related("endpoint").filter(endpoint=endpoint_id)
    return Standing(
        run=run,
        lanes=lanes,
        pace=pace_of(lanes, now=now),
        worker_is_missing=worker_is_missing(run, lanes, now=now),
        state=states.first() if endpoint_id and run.status in GENERATING else None,
        tries=tries_of(run),
        waits_for_a_person=not lanes and run.status in GENERATING and was_stopped(run),
        now=now,
    )


def lane_key(run_id: UUID, lane: int) -> str:
    return f"run:{run_id}:{lane}"


def live_lanes(run: BenchmarkRun) -> list[Job]:
    keys = [lane_key(run.pk, lane) for lane in range(MOST_LANES)]
    return list(Job.objects.live().filter(key__in=keys).order_by("key"))


def was_stopped(run: BenchmarkRun) -> bool:
    """Its last lane failed, was parked, or was cancelled on the jobs page: nobody wakes it but a person."""
    keys = [lane_key(run.pk, lane) for lane in range(MOST_LANES)]
    last = Job.objects.filter(key__in=keys, finished_at__isnull=False).order_by("-finished_at").first()
    return last is not None and last.status != Job.Status.DONE


def pace_of(lanes: Sequence[Job], *, now: datetime) -> float | None:
    paces = [
        lane.progress_done / max((now - lane.started_at).total_seconds(), 0.5)
        for lane in lanes
        if lane.status == Job.Status.RUNNING and lane.started_at and lane.progress_done
    ]
    return sum(paces) if paces else None


def worker_is_missing(run: BenchmarkRun, lanes: Sequence[Job], *, now: datetime) -> bool:
    """Work waits for a while, and nobody has swept lately."""
    jobs = list(lanes)
    if run.status == Status.SCORING:
        jobs = list(Job.objects.live().filter(kind="experiments.score_run", args__run_id=str(run.pk)))
    waits = [job.created_at if job.status == Job.Status.QUEUED else job.lease_until or now for job in jobs]
    if not waits or min(waits) + PATIENCE > now:
        return False
    return not Sweep.objects.workers_alive(now=now)


def tries_of(run: BenchmarkRun) -> int | None:
    if run.n_cases > TRIES_COUNTED_UP_TO:
        return None
    return RunItem.objects.filter(run=run).aggregate(n=Sum("attempts"))["n"] or 0


@dataclass(frozen=True)
class ItemFilter:
    state: str = ""
    error: str = ""
    search: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "ItemFilter":
        state = query.get("state", "")
        return cls(
            state=state if state in RunItem.State.values else "",
            error=query.get("error", "")[:20],
            search=query.get("search", "").replace("\0", "").strip()[:200],
        )

    @property
    def narrows(self) -> bool:
        return bool(self.state or self.error or self.search)


def items_of(run: BenchmarkRun, wanted: ItemFilter) -> "QuerySet[RunItem]":
    items = RunItem.objects.filter(run=run).select_related("case", "output").order_by("case_id")
    if wanted.state:
        items = items.filter(state=wanted.state)
    if wanted.error:
        items = items.filter(state=RunItem.State.ERROR, error_class=wanted.error)
    if wanted.search:
        items = items.filter(Q(case__external_id=wanted.search) | Q(case__prompt__icontains=wanted.search))
    return items


@dataclass(frozen=True)
class Forecast:
    """About what a run will take, from what this model's earlier answers took."""

    n_to_call: int
    n_standing: int
    cost: Decimal | None
    currency: str
    seconds: float | None
    n_known: int


def forecast(
    *, eval_set_id: int, n_cases: int, model_version_id: int, endpoint: Endpoint | None, threads: int
) -> Forecast:
    outputs = Output.objects.filter(model_version=model_version_id)
    n_standing = outputs.filter(case__eval_set=eval_set_id).count()
    n_to_call = n_cases - n_standing if endpoint else 0
    answered = outputs.filter(latency_ms__isnull=False).order_by("-pk")
    latest = list(answered.values_list("latency_ms", "input_tokens", "output_tokens")[:500])
    latencies = [latency for latency, _, _ in latest if latency is not None]
    seconds = None
    if latencies and n_to_call:
        at_once = min(threads, endpoint.max_concurrency) if endpoint else 1
        seconds = n_to_call * sum(latencies) / 1000 / len(latencies) / at_once
    return Forecast(
        n_to_call=n_to_call,
        n_standing=n_standing,
        cost=cost_of(endpoint, [row[1:] for row in latest], n_to_call),
        currency=endpoint.currency if endpoint else "",
        seconds=seconds,
        n_known=len(latest),
    )


def cost_of(
    endpoint: Endpoint | None, tokens: Sequence[tuple[int | None, int | None]], n_to_call: int
) -> Decimal | None:
    counted = [(first, second) for first, second in tokens if first is not None and second is not None]
    if endpoint is None or not counted or not (endpoint.price_per_million_input or endpoint.price_per_million_output):
        return None
    n_input, n_output = (sum(pair[place] for pair in counted) for place in (0, 1))
    total = n_input * (endpoint.price_per_million_input or 0) + n_output * (endpoint.price_per_million_output or 0)
    return Decimal(total) / 1_000_000 / len(counted) * n_to_call
