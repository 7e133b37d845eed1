"""What an experiment's dashboard shows: computed in a worker, kept as JSON, and read in one row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from experiments.reports.evidence.plain import built, plain

# Verdicts as `go_no_go.decide` gives them, and what stands instead of one while no policy is registered.
NO_POLICY = "NO POLICY"


@dataclass(frozen=True, kw_only=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, kw_only=True)
class PointRule:
    """SHIP, ITERATE or NO EVIDENCE at the improvement threshold, uncertainty left aside."""

    verdict: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of several that a criterion asks all of: a category, a guardrail."""

    name: str
    status: str
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 0

    @property
    def tag(self) -> str:
        return self.status.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One row. Values are on the criterion's own scale; `unit` is one of `figures.UNITS` and says how to write them.

    status: met, not_met, undecided, no_evidence. state: final, growing, hidden, none.
    threshold_words is the rule in words ("at least 60%"); `shown_beyond` what the interval must lie beyond, where
    that is not the threshold. axis_low and axis_high hold interval, threshold and estimate, for the bar.
    `sources` lead to the rows behind the number, the nearest first.
    """

    key: str
    title: str
    layer: str
    status: str
    sentence: str
    required: bool = True
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    unit: str = "percent"
    threshold: float
    threshold_words: str
    shown_beyond: float | None = None
    direction: str = "at_least"
    rule: str = "shown"
    level: float = 0.95
    margin: float | None = None
    n: int = 0
    n_unit: str = ""
    n_more: int | None = None
    n_min: int | None = None
    n_min_sentence: str = ""
    method: str = ""
    warnings: tuple[str, ...] = ()
    baseline: float | None = None
    candidate: float | None = None
    arm_unit: str = "percent"
    state: str = "none"
    why_none: str = ""
    axis_low: float = 0.0
    axis_high: float = 1.0
    sources: tuple[Link, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number with its uncertainty, as small print of a layer."""

    label: str
    unit: str = "percent"
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int | None = None
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """benchmarks, human or live. state: none, growing, hidden, final, invalid.

    `headline` is the one number (None while there is none or it is hidden), `sentence` says what it is and `why_none`
    why it is missing; `split` the outcomes of human review in the order candidate, tie, both bad, baseline.
    """

    key: str
    title: str
    state: str
    sentence: str
    headline: Figure | None = None
    figures: tuple[Figure, ...] = ()
    split: tuple[int, ...] = ()
    why_none: str = ""
    url: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Running:
    """Work on the way. `enough_when` says in words when it will settle something; `eta_at` when, if it can be told."""

    what: str
    layer: str
    done: int
    total: int | None
    unit: str = ""
    enough_when: str = ""
    eta_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Fragile:
    """The verdict without one part of the evidence. kind: reviewer, category, cases. ci_low, ci_high, n: without it."""

    leave_out: str
    kind: str
    criterion: str
    criterion_title: str
    estimate: float | None
    estimate_before: float | None
    unit: str
    status: str
    verdict: str
    changes_verdict: bool
    ci_low: float | None = None
    ci_high: float | None = None
    n: int | None = None
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class HealthRow:
    """status: ok, failed, warning, unknown."""

    key: str
    title: str
    status: str
    detail: str
    layer: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Act:
    """What somebody did that a reader of the verdict must know: an unblinding, an amendment, a deviation."""

    kind: str
    what: str
    reason: str = ""
    by: str = ""
    at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The registered rule the verdict follows. `after_evidence` says which evidence was open already, if any."""

    number: int
    title: str
    sha256: str
    registered_at: datetime
    registered_by: str = ""
    after_evidence: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A move of the verdict or of a criterion, newest first."""

    at: datetime
    sentence: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """`verdict` is GO, NO-GO, INCONCLUSIVE, INVALID, or NO_POLICY; without a policy there are no criteria."""

    verdict: str
    reason: str
    computed_at: datetime
    version: int = 1
    point_rule: PointRule | None = None
    policy: Policy | None = None
    criteria: tuple[Criterion, ...] = ()
    layers: tuple[Layer, ...] = ()
    running: tuple[Running, ...] = ()
    fragility: tuple[Fragile, ...] = ()
    fragility_sentence: str = ""
    health: tuple[HealthRow, ...] = ()
    unblindings: tuple[Act, ...] = ()
    amendments: tuple[Act, ...] = ()
    deviations: tuple[Act, ...] = ()
    changes: tuple[Change, ...] = ()
    data_sha256: str = ""
    evidence_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Dashboard":
        return built(cls, raw)

    @property
    def met(self) -> int:
        return sum(one.status == "met" for one in self.criteria)

    @property
    def failures(self) -> tuple[HealthRow, ...]:
        return tuple(one for one in self.health if one.status == "failed")

    @property
    def by_layer(self) -> dict[str, Layer]:
        return {one.key: one for one in self.layers}
