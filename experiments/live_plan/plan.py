"""The plan as a whole: read from JSON with every problem named, written as canonical JSON, known by its SHA-256."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal, cast, get_args

from experiments.live_plan import metrics as metric_reader
from experiments.live_plan.metrics import Metric
from experiments.live_plan.problems import PlanRefused, Problem, Reader
from experiments.live_plan.sizing import planned_size

Method = Literal["confidence_sequence", "group_sequential", "fixed_horizon"]
Spending = Literal["obrien_fleming", "pocock"]
Correction = Literal["holm", "bh", "none"]

BUCKETS = (1_000, 10_000)
LEAST_PER_ARM = 1_000
MOST_UNITS = 1_000_000_000
MOST_METRICS = 30
MOST_DAYS = 730
MOST_SEGMENTS = 5
MOST_LOOKS = 20
LEAST_ALPHA = 1e-6
LEAST_EFFECT = 1e-9
MOST_POWER = 0.9999


@dataclass(frozen=True, kw_only=True)
class Routing:
    """How a unit finds its arm (experiments/routing.py). `split`: the share of treatment at the start."""

    version: int = 2
    salt: str = ""
    buckets: int = 10_000
    split: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything decided before the first unit.

    mde: the smallest effect worth finding, absolute, in the primary metric's own unit. baseline: its expected value in
    control; baseline_sd: the spread of one unit, where it is no rate. n_computed, formula: units of the smaller arm by
    the formula; n_per_arm: planned for the smaller arm, with small_reason where it is below the formula or 1,000.
    method: how results are read; looks, spending: of group_sequential. late_hours: an event older than that is late;
    early_minutes: how far clocks may be apart, so that one further ahead is early and one further before its unit's
    exposure is before it; bot_events_per_day: a unit above it looks like a bot.
    """

    version: int = 1
    key: str
    unit: str = "user"
    control_id: int
    control_name: str
    treatment_id: int
    treatment_name: str
    routing: Routing
    metrics: tuple[Metric, ...]
    alpha: float = 0.05
    power: float = 0.8
    mde: float
    baseline: float
    baseline_sd: float | None = None
    n_per_arm: int
    n_computed: int
    formula: str
    small_reason: str = ""
    days: int
    method: Method
    looks: int = 5
    spending: Spending = "obrien_fleming"
    correction: Correction = "holm"
    segments: tuple[str, ...] = ()
    late_hours: int = 168
    early_minutes: int = 10
    guardrail_stops: bool = False
    bot_events_per_day: int = 1000

    @classmethod
    def from_dict(cls, raw: object) -> "Plan":
        """Read a plan; PlanRefused names every problem. n_computed and formula are worked out where missing."""
        problems: list[Problem] = []
        plan = _read(raw, problems)
        if problems:
            raise PlanRefused(tuple(problems))
        if not plan.n_computed:
            plan = _sized(plan)
        if plan.n_per_arm < max(LEAST_PER_ARM, plan.n_computed) and not plan.small_reason:
            raise PlanRefused((_too_small(plan),))
        return plan

    def to_dict(self) -> dict[str, Any]:
        raw = asdict(self)
        raw["metrics"] = list(raw["metrics"])
        raw["segments"] = list(raw["segments"])
        return raw

    def canonical(self) -> bytes:
        """Sorted keys, no spaces, UTF-8: the bytes that are hashed."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()

    @property
    def primary(self) -> Metric:
        return next(metric for metric in self.metrics if metric.role == "primary")

    @property
    def n_total(self) -> int:
        """Units of both arms when the smaller one is full at the first split."""
        return math.ceil(self.n_per_arm / min(self.routing.split, 1 - self.routing.split) - 1e-9)

    @property
    def planned_looks(self) -> tuple[float, ...]:
        """Shares of the planned size at which a group-sequential test is looked at; none otherwise."""
        if self.method != "group_sequential":
            return ()
        return tuple(look / self.looks for look in range(1, self.looks + 1))

    def metric(self, key: str) -> Metric:
        """KeyError where the plan has none of this key."""
        found = next((metric for metric in self.metrics if metric.key == key), None)
        if found is None:
            raise KeyError(key)
        return found


def metrics_of(plan: Plan, event: str) -> tuple[Metric, ...]:
    """The metrics that an event of this name changes, also as denominator or covariate."""
    return tuple(metric for metric in plan.metrics if event in metric.events)


def in_force(plan: Plan, changes: Iterable[Mapping[str, Any]]) -> Plan:
    """The plan with the size and duration of the last extension, {"after": {"n_per_arm", "days"}}, and with the metrics
    that were added, {"added": metric}. All else stands."""
    for change in changes:
        if "added" in change:
            plan = replace(plan, metrics=(*plan.metrics, metric_reader.read(change["added"], [], at="metric")))
        elif "after" in change:
            plan = replace(plan, n_per_arm=int(change["after"]["n_per_arm"]), days=int(change["after"]["days"]))
    return plan


def one_more_metric(plan: Plan, raw: object) -> Metric:
    """A metric that may be added to a registered plan; PlanRefused names every problem.

    Never a primary one, which would choose the question by the answer, nor one with a covariate: what units did before
    they were exposed is only taken where the plan has asked for it from the start.
    """
    problems: list[Problem] = []
    metric = metric_reader.read(raw, problems, at="metric")
    if metric.role == "primary":
        problems.append(Problem(field="metric.role", reason="must be secondary or guardrail: the primary one stands"))
    if metric.covariate is not None:
        reason = "cannot be added later: what units did before was not taken for this metric"
        problems.append(Problem(field="metric.covariate", reason=reason))
    if any(metric.key == known.key for known in plan.metrics):
        problems.append(Problem(field="metric.key", reason=f"“{metric.key}” is in the plan already"))
    if len(plan.metrics) >= MOST_METRICS:
        problems.append(Problem(field="metric", reason=f"is one too many: a plan has at most {MOST_METRICS}"))
    if problems:
        raise PlanRefused(tuple(problems))
    return metric


def _read(raw: object, problems: list[Problem]) -> Plan:
    reader = Reader(raw, problems)
    plan = Plan(
        version=reader.whole("version", low=1, high=1, default=1),
        key=reader.text("key", most=100, pattern=r"[-a-zA-Z0-9_]+", shape="must be letters, digits, - and _"),
        unit=reader.text("unit", most=40, default="user"),
        control_id=reader.whole("control_id", low=1, high=2**63 - 1),
        control_name=reader.text("control_name", most=200),
        treatment_id=reader.whole("treatment_id", low=1, high=2**63 - 1),
        treatment_name=reader.text("treatment_name", most=200),
        routing=_routing(reader),
        metrics=_metrics(reader),
        alpha=reader.number("alpha", low=LEAST_ALPHA, high=0.5, default=0.05),
        power=reader.number("power", low=0.5, high=MOST_POWER, default=0.8),
        mde=reader.number("mde", low=LEAST_EFFECT, high=metric_reader.MOST),
        baseline=reader.number("baseline", low=-metric_reader.MOST, high=metric_reader.MOST),
        baseline_sd=reader.maybe_number("baseline_sd", low=0, high=metric_reader.MOST),
        n_computed=reader.whole("n_computed", low=0, high=MOST_UNITS, default=0),
        n_per_arm=reader.whole("n_per_arm", low=0, high=MOST_UNITS, default=0),
        formula=reader.text("formula", most=500, default=""),
        small_reason=reader.text("small_reason", most=500, default=""),
        days=reader.whole("days", low=1, high=MOST_DAYS),
        method=cast(Method, reader.choice("method", get_args(Method), default="confidence_sequence")),
        looks=reader.whole("looks", low=2, high=MOST_LOOKS, default=5),
        spending=cast(Spending, reader.choice("spending", get_args(Spending), default="obrien_fleming")),
        correction=cast(Correction, reader.choice("correction", get_args(Correction), default="holm")),
        segments=_segments(reader),
        late_hours=reader.whole("late_hours", low=1, high=24 * 90, default=168),
        early_minutes=reader.whole("early_minutes", low=0, high=24 * 60, default=10),
        guardrail_stops=reader.truth("guardrail_stops", default=False),
        bot_events_per_day=reader.whole("bot_events_per_day", low=1, high=MOST_UNITS, default=1000),
    )
    reader.nothing_else()
    _holds_together(plan, reader)
    return plan


def _routing(reader: Reader) -> Routing:
    raw = reader.take("routing")
    part = Reader({} if raw is None else raw, reader.problems, at=reader.path("routing"))
    routing = Routing(
        version=part.whole("version", low=1, high=2, default=2),
        salt=part.text("salt", most=64, default="", pattern=r"[-a-zA-Z0-9_.]+", shape="must be letters, digits, - _ ."),
        buckets=part.whole("buckets", low=2, high=1_000_000, default=10_000),
        split=part.number("split", low=0, high=1, default=0.5),
    )
    if routing.buckets not in BUCKETS:
        part.problem("buckets", "must be 1000 or 10000")
    elif not 1 <= round(routing.split * routing.buckets) < routing.buckets:
        part.problem("split", f"must leave each arm at least one of the {routing.buckets:,} buckets")
    part.nothing_else()
    return routing


def _metrics(reader: Reader) -> tuple[Metric, ...]:
    raw = reader.items("metrics", most=MOST_METRICS)
    read = tuple(metric_reader.read(item, reader.problems, at=f"metrics.{place}") for place, item in enumerate(raw))
    for place, metric in enumerate(read):
        if metric.key and metric.key in {earlier.key for earlier in read[:place]}:
            reader.problem(f"metrics.{place}.key", f"“{metric.key}” stands there twice")
    primaries = sum(metric.role == "primary" for metric in read)
    if primaries != 1:
        reader.problem("metrics", f"exactly one must be primary, not {primaries or 'none'}")
    return read


def _segments(reader: Reader) -> tuple[str, ...]:
    names = reader.items("segments", most=MOST_SEGMENTS)
    for name in names:
        if not isinstance(name, str) or not name.isascii() or not name.replace("_", "a").isalnum() or len(name) > 40:
            reader.problem("segments", "are names of letters, digits and _, at most 40 characters each")
            return ()
    if len(set(names)) != len(names):
        reader.problem("segments", "name an attribute twice")
    return tuple(names)


def _holds_together(plan: Plan, reader: Reader) -> None:
    if plan.control_id == plan.treatment_id and reader.raw.get("treatment_id") is not None:
        reader.problem("treatment_id", "is the control too: two arms are two model versions")
    primary = next((metric for metric in plan.metrics if metric.role == "primary"), None)
    if primary is None:
        return
    if primary.kind != "rate":
        if plan.baseline_sd is None:
            reader.problem("baseline_sd", f"is needed to plan for a {primary.kind}: the spread of one unit")
        return
    if plan.baseline_sd is not None:
        reader.problem("baseline_sd", "a rate needs none: its spread follows from the baseline")
    if not 0 < plan.baseline < 1:
        reader.problem("baseline", "of a rate must lie between 0 and 1, as .71")
    elif not 0 < plan.baseline + (plan.mde if primary.direction == "higher" else -plan.mde) < 1:
        reader.problem("mde", "moves the rate out of 0 to 1; it is absolute, as .05 for five points")


def _sized(plan: Plan) -> Plan:
    try:
        n, formula = planned_size(plan)
    except (ArithmeticError, ValueError) as error:
        raise PlanRefused((Problem(field="mde", reason=f"gives no size: {error}"),)) from None
    if n > MOST_UNITS:
        reason = f"needs {n:,} units per arm, more than {MOST_UNITS:,}: look for a larger effect"
        raise PlanRefused((Problem(field="mde", reason=reason),))
    return replace(plan, n_computed=n, formula=formula, n_per_arm=plan.n_per_arm or max(LEAST_PER_ARM, n))


def _too_small(plan: Plan) -> Problem:
    least = max(LEAST_PER_ARM, plan.n_computed)
    return Problem(
        field="small_reason",
        reason=f"{plan.n_per_arm:,} units per arm are fewer than {least:,}: say why that is enough",
    )
