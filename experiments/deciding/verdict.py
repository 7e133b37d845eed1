"""What `decide` gives: a verdict, its reason, and each criterion with the numbers it was decided by."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from experiments.deciding import canonical

# Of the rule and its words: raised whenever the same policy and evidence give other bytes, so that a decision signed
# under an earlier one is known as such. `tests/deciding/test_rule_version.py` holds the bytes of this one.
VERSION = 2
Word = Literal["GO", "NO-GO", "INCONCLUSIVE", "INVALID"]
Status = Literal["met", "not_met", "undecided", "no_evidence"]


@dataclass(frozen=True, kw_only=True)
class PartResult:
    name: str
    status: Status
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    threshold: float


@dataclass(frozen=True, kw_only=True)
class CriterionResult:
    """margin: how far the estimate lies on the good side of the threshold, below 0 on the bad one.

    n_more: about how many more of `n_unit` would settle it, where it is undecided and that can be told. n_min: the
    least n at which it can be shown at all, None where no n can or nothing can be said; n_min_sentence says which.
    rule_words is the rule as read on a page: "at least 60%".
    """

    key: str
    title: str
    layer: str
    status: Status
    required: bool
    sentence: str
    rule_words: str
    comparison: str
    direction: str
    rule: str
    level: float
    unit: str
    threshold: float
    shown_beyond: float | None
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    margin: float | None = None
    n: int = 0
    n_unit: str = ""
    n_more: int | None = None
    n_min: int | None = None
    n_min_sentence: str = ""
    method: str = ""
    state: str = "none"
    warnings: tuple[str, ...] = ()
    parts: tuple[PartResult, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HealthFailure:
    """`counts`: whether the policy lets it make the verdict INVALID."""

    key: str
    title: str
    detail: str
    layer: str
    counts: bool


@dataclass(frozen=True, kw_only=True)
class PointRule:
    verdict: Literal["SHIP", "ITERATE", "NO EVIDENCE"]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """criteria in the policy's order."""

    verdict: Word
    reason: str
    criteria: tuple[CriterionResult, ...]
    health_failures: tuple[HealthFailure, ...]
    point_rule: PointRule
    policy_sha256: str
    version: int = VERSION

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def canonical(self) -> bytes:
        return canonical.canonical(self.to_dict())

    @property
    def sha256(self) -> str:
        return canonical.sha256(self.canonical())
