"""One metric of a plan: what is counted or measured, for which unit, and which way is better."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

from experiments.live_plan.problems import Problem, Reader

Role = Literal["primary", "secondary", "guardrail"]
Kind = Literal["rate", "mean", "ratio", "quantile"]
Per = Literal["unit", "unit_with_event"]
Direction = Literal["higher", "lower"]

ROLES: tuple[Role, ...] = get_args(Role)
KEY = r"[a-z][a-z0-9_]{0,59}"
FIELD = r"value|count|properties\.[^.\s]{1,80}"
FIELD_SHAPE = "must be value, count, or properties. and a name"
MOST = 1e12


@dataclass(frozen=True, kw_only=True)
class Sum:
    """The denominator of a ratio: this amount, added up over a unit's events."""

    event: str
    field: str = "value"


@dataclass(frozen=True, kw_only=True)
class Covariate:
    """Added up over the unit's events in the `days` before its exposure, to take out what was so before (CUPED)."""

    event: str
    field: str = "value"
    days: int


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What is measured.

    rate: share of exposed units with at least `at_least` events; with a field other than "count", events with more
    than 0 there. mean: of the units' sums, where a unit without events has 0 (per "unit"), or of the units' means over
    their events, where a unit without events is left out and counted (per "unit_with_event"). ratio: sum of the field
    over sum of the denominator. quantile: the q-quantile of single values, which the units cluster.
    cap: a unit's value above it counts as the cap. margin: the largest accepted worsening of a guardrail, in the
    metric's own unit or (margin_is_relative) as a share of control. An empty field is "count" for a rate, else "value".
    """

    key: str
    title: str
    role: Role
    kind: Kind
    event: str
    field: str = ""
    at_least: int = 1
    per: Per = "unit"
    denominator: Sum | None = None
    q: float | None = None
    direction: Direction = "higher"
    unit: str = ""
    cap: float | None = None
    covariate: Covariate | None = None
    margin: float | None = None
    margin_is_relative: bool = False

    def __post_init__(self) -> None:
        if not self.field:
            object.__setattr__(self, "field", "count" if self.kind == "rate" else "value")

    @property
    def events(self) -> tuple[str, ...]:
        """The names of all events that this metric reads."""
        parts = [self.event]
        if self.denominator:
            parts.append(self.denominator.event)
        if self.covariate:
            parts.append(self.covariate.event)
        return tuple(dict.fromkeys(parts))


def read(raw: object, problems: list[Problem], *, at: str) -> Metric:
    reader = Reader(raw, problems, at=at)
    kind = cast(Kind, reader.choice("kind", get_args(Kind)))
    role = cast(Role, reader.choice("role", ROLES, default="secondary"))
    key = reader.text("key", most=60, pattern=KEY, shape="must be a small letter, then small letters, digits and _")
    metric = Metric(
        key=key,
        title=reader.text("title", most=100, default=key or "metric"),
        role=role,
        kind=kind,
        event=reader.text("event", most=100),
        field=_field(reader, default="count" if kind == "rate" else "value"),
        at_least=reader.whole("at_least", low=1, high=1_000_000, default=1),
        per=cast(Per, reader.choice("per", get_args(Per), default="unit")),
        denominator=_denominator(reader),
        q=reader.maybe_number("q", low=0, high=1),
        direction=cast(Direction, reader.choice("direction", get_args(Direction), default="higher")),
        unit=reader.text("unit", most=20, default=""),
        cap=reader.maybe_number("cap", low=0, high=MOST),
        covariate=_covariate(reader),
        margin=reader.maybe_number("margin", low=0, high=MOST, closed=True),
        margin_is_relative=reader.truth("margin_is_relative", default=False),
    )
    reader.nothing_else()
    _fits_its_kind(metric, reader)
    return metric


def _fits_its_kind(metric: Metric, reader: Reader) -> None:
    """A field that would silently do nothing is a mistake in the plan."""
    kind = metric.kind
    if kind == "ratio" and metric.denominator is None:
        reader.problem("denominator", "a ratio needs what it is divided by")
    if kind != "ratio" and metric.denominator is not None:
        reader.problem("denominator", f"only a ratio has one, not a {kind}")
    if kind == "quantile" and metric.q is None:
        reader.problem("q", "a quantile needs its q, as .95")
    if kind != "quantile" and metric.q is not None:
        reader.problem("q", f"only a quantile has one, not a {kind}")
    if kind == "quantile" and metric.field == "count":
        reader.problem("field", "a quantile is taken of values, not of a count")
    if kind != "rate" and metric.at_least != 1:
        reader.problem("at_least", f"only a rate has one, not a {kind}")
    if kind != "mean" and metric.per != "unit":
        reader.problem("per", f"only a mean can leave out units without events, not a {kind}")
    if kind != "mean" and metric.cap is not None:
        reader.problem("cap", f"only a mean can be capped, not a {kind}")
    if kind in ("ratio", "quantile") and metric.covariate is not None:
        reader.problem("covariate", f"only a rate or a mean can have one, not a {kind}")
    if metric.role != "guardrail" and (metric.margin is not None or metric.margin_is_relative):
        reader.problem("margin", f"only a guardrail has one, not a {metric.role} metric")
    if metric.margin_is_relative and metric.margin is None:
        reader.problem("margin", "is missing: as a share of control, as .05")


def _field(reader: Reader, *, default: str) -> str:
    return reader.text("field", most=100, default=default, pattern=FIELD, shape=FIELD_SHAPE)


def _denominator(reader: Reader) -> Sum | None:
    raw = reader.take("denominator")
    if raw is None:
        return None
    part = Reader(raw, reader.problems, at=reader.path("denominator"))
    found = Sum(event=part.text("event", most=100), field=_field(part, default="value"))
    part.nothing_else()
    return found


def _covariate(reader: Reader) -> Covariate | None:
    raw = reader.take("covariate")
    if raw is None:
        return None
    part = Reader(raw, reader.problems, at=reader.path("covariate"))
    found = Covariate(
        event=part.text("event", most=100),
        field=_field(part, default="value"),
        days=part.whole("days", low=1, high=365),
    )
    part.nothing_else()
    return found
