"""All that the result page, the API and the command show of a live test: computed in a worker, read in one row.

Values of a rate are shares in [0, 1], all others stand in the metric's own unit. Differences are treatment minus
control. What is undefined or hidden is None and has its reason beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from experiments.reports.evidence.plain import built, plain

VERSION = 1

HealthStatus = Literal["ok", "warning", "failed", "unknown"]
Verdict = Literal["better", "worse", "no_difference_shown", "hidden", "blocked", "doubted", "undefined"]
PKind = Literal["fixed", "always_valid", "group_sequential"]
GuardrailStatus = Literal["kept", "breached", "open", "watched", "undefined"]


@dataclass(frozen=True, kw_only=True)
class PerArm:
    control: int = 0
    treatment: int = 0

    @property
    def total(self) -> int:
        return self.control + self.treatment


@dataclass(frozen=True, kw_only=True)
class Figure:
    label: str
    value: str


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """key: srm, both_arms, moved, no_events, duplicates, refused, delays, bots. ways_out: what to do, in sentences."""

    key: str
    title: str
    status: HealthStatus
    sentence: str
    figures: tuple[Figure, ...] = ()
    ways_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """n counts units. With p_kind "fixed" interval and p hold for one reading at the planned n, with "always_valid"
    at any time, with "group_sequential" at the planned looks. significant is by p_corrected where there is one.

    stopping_bound: the z of this look's bound, and z what stands against it, in group-sequential tests.
    cuped_reduction: share of the variance that the covariate took away. capped: units whose value counted as the cap.
    added_at: when it was added to the registered plan. doubt: why neither interval nor p may be trusted, where a few
    large values decide; then there is no verdict.
    left_out: units without a value, such as those without any such event where a metric averages over events.
    """

    key: str
    title: str
    role: Literal["primary", "secondary", "guardrail"]
    kind: Literal["rate", "mean", "ratio", "quantile"]
    unit: str = ""
    direction: Literal["higher", "lower"] = "higher"
    control_n: int = 0
    treatment_n: int = 0
    control: float | None = None
    treatment: float | None = None
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    p_value: float | None = None
    p_kind: PKind = "fixed"
    p_corrected: float | None = None
    significant: bool | None = None
    verdict: Verdict = "undefined"
    doubt: str = ""
    method: str = ""
    warnings: tuple[str, ...] = ()
    z: float | None = None
    se: float | None = None
    stopping_bound: float | None = None
    cuped_reduction: float | None = None
    uncapped_difference: float | None = None
    left_out: int = 0
    capped: int = 0
    added_at: datetime | None = None
    sentence: str = ""

    @property
    def p_deciding(self) -> float | None:
        """The one that is held against α."""
        return self.p_value if self.p_corrected is None else self.p_corrected


@dataclass(frozen=True, kw_only=True)
class Point:
    """n units in both arms together; low and high are the bounds as the method of the test gives them."""

    at: datetime | None
    n: int
    estimate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Series:
    """basis "looks": what was computed at those moments. basis "exposure": units exposed until then, by what
    is known of them now."""

    metric: str
    title: str
    basis: Literal["looks", "exposure"]
    points: tuple[Point, ...]
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Values from low up to high, high left out; the last bin also holds all above. Shares are of the arm's units."""

    low: float
    high: float
    control: int
    treatment: int
    control_share: float | None = None
    treatment_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """of: what is counted, "units" or "values"."""

    metric: str
    title: str
    unit: str = ""
    of: Literal["units", "values"] = "units"
    bins: tuple[Bin, ...] = ()
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class ExposedInStep:
    at: datetime
    control: int
    treatment: int


@dataclass(frozen=True, kw_only=True)
class ExposureChart:
    """Per hour, or per step_seconds where hours would be too many bars."""

    step_seconds: int = 3600
    steps: tuple[ExposedInStep, ...] = ()
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class SegmentRow:
    """Exploration: the primary metric among units whose attribute has this value, p corrected over all segments."""

    attribute: str
    value: str
    row: MetricRow


@dataclass(frozen=True, kw_only=True)
class Guardrail:
    """Always judged by a sequence that is valid at any time. margin: the largest accepted worsening, absolute.

    kept: shown not to be worse than the margin allows; breached: shown to be; open: not shown either way; watched:
    not breached, and no more is said while directions are hidden.
    """

    metric: str
    title: str
    unit: str
    kind: str
    direction: str
    status: GuardrailStatus
    margin: float = 0.0
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    stops: bool = False
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class Amendment:
    kind: str
    title: str
    reason: str
    change: Mapping[str, Any]
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Look:
    """A planned look of a group-sequential test, or the one reading of a fixed-horizon test at its planned n."""

    number: int
    at: datetime
    n: int
    information: float | None = None
    bound: float | None = None
    z: float | None = None
    crossed: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch with one split; comparisons are made within each and joined by their share of the units."""

    since: datetime | None
    split: float
    units: PerArm


@dataclass(frozen=True, kw_only=True)
class LivePayload:
    """exposed counts the units compared, without those seen in both arms; planned_n is per arm.

    progress: share of the planned n that the smaller arm has, at most 1. stop_now: the plan's rule says so, because a
    bound was crossed, the planned n is in, or a guardrail was breached. hidden: no figure of the metrics is shown.
    units_hidden: what single units did is not, since it tells a direction of now that the plan does not show; so also
    between planned looks. look_due_since: a look was due then, and waits for events that had arrived.
    """

    version: int = VERSION
    key: str
    status: str
    method: Literal["confidence_sequence", "group_sequential", "fixed_horizon"]
    plan_sha256: str
    unit: str = "user"
    alpha: float = 0.05
    control_name: str = ""
    treatment_name: str = ""
    computed_at: datetime
    exposed: PerArm = PerArm()
    planned_n: int
    progress: float = 0.0
    days_running: float | None = None
    eta_days: float | None = None
    hidden: bool = False
    hidden_why: str = ""
    units_hidden: bool = False
    look_due_since: datetime | None = None
    opened_early: bool = False
    blocked: bool = False
    blocked_why: str = ""
    stop_now: bool = False
    stop_why: str = ""
    headline: str = ""
    health: tuple[HealthCheck, ...] = ()
    metrics: tuple[MetricRow, ...] = ()
    correction: str = "none"
    over_time: tuple[Series, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    exposures_per_hour: ExposureChart = ExposureChart()
    segments: tuple[SegmentRow, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    looks: tuple[Look, ...] = ()
    next_look_n: int | None = None
    phases: tuple[Phase, ...] = ()
    events: int = 0
    events_waiting: int = 0
    notes: tuple[str, ...] = ()

    @property
    def primary(self) -> MetricRow | None:
        return next((row for row in self.metrics if row.role == "primary"), None)

    def metric(self, key: str) -> MetricRow | None:
        return next((row for row in self.metrics if row.key == key), None)

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "LivePayload":
        return built(cls, raw)
