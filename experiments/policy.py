"""The go/no-go rule as a value: criteria, each naming its evidence, its threshold and how it must be met."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from experiments.deciding import canonical, catalogue
from experiments.deciding.catalogue import Bound, Comparison, Layer, Rule, Unit

VERSION = 1
IMPROVEMENT = "improvement"
# Metrics of which more is better and which the point rule may look at: latency and errors are none.
GAINS = ("value", "exact_match")
HEALTH_CHECKS: Mapping[str, str] = {
    "errors": "Too many cases ended in an error",
    "missing_pairs": "Cases are missing in one of the models",
    "eval_set_versions": "The models were run over different versions of an eval set",
    "comparison": "A comparison of runs is invalid for another reason",
    "srm": "The live test's arms are not split as planned",
    "opened_early": "The direction of a fixed-horizon test was opened early",
    "gold": "Reviewers missed too many known answers",
}


@dataclass(frozen=True)
class Problem:
    """`field` is a path such as `criteria[2].threshold`; empty for the whole."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class PolicyRefused(ValueError):
    """The policy cannot be used; `problems` say where and why, all of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class EvidenceRef:
    """Which number a criterion is about. What is left empty means all there is of it.

    role and eval_set_id choose suites (all of the role are taken together), scorer the scorer ("" is the suite's main
    one), category a category of cases ("*" is each of them: the criterion then asks all of them). campaign is a
    campaign's uuid, live_test a test's key; metric one of `catalogue.METRICS`, for a live test also a key of its plan.
    """

    layer: Layer
    metric: str
    role: str = ""
    eval_set_id: int | None = None
    scorer: str = ""
    category: str = ""
    campaign: str = ""
    live_test: str = ""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One line of the rule.

    comparison: what is held against the threshold, see `catalogue.COMPARISONS`. "points" is a plain difference, of
    shares .05 is 5 points; "relative" .05 is 5% more than the baseline; "ratio" 2 is twice the baseline.
    rule "shown": the estimate reaches the threshold and the interval's bound lies at or beyond `shown_beyond`, by
    default the threshold itself. rule "observed": the estimate decides, its interval does not.
    Not `required`: told beside the others, without a say in the verdict.
    """

    key: str
    title: str
    evidence: EvidenceRef
    comparison: Comparison
    direction: Bound
    threshold: float
    level: float = 0.95
    rule: Rule = "shown"
    shown_beyond: float | None = None
    required: bool = True
    unit: Unit = "share"

    @property
    def beyond(self) -> float:
        """What the bound of the interval is held against."""
        return self.threshold if self.shown_beyond is None else self.shown_beyond

    @property
    def metric(self) -> catalogue.Metric:
        found = catalogue.metric_of(self.evidence.layer, self.evidence.metric)
        if found is None:
            raise LookupError(f"no metric {self.evidence.metric!r} in {self.evidence.layer}")
        return found


@dataclass(frozen=True, kw_only=True)
class Policy:
    """`ignored_health` names checks of `HEALTH_CHECKS` whose failure is told but does not make the verdict INVALID.

    max_error_share: above it a benchmark's errors fail the check "errors".
    improvement_threshold: of the plain point rule that stands beside the verdict.
    """

    title: str
    criteria: tuple[Criterion, ...]
    improvement_threshold: float = 0.05
    max_error_share: float = 0.01
    ignored_health: tuple[str, ...] = ()
    version: int = VERSION

    @property
    def improvement(self) -> Criterion:
        """What the point rule looks at: the first criterion on the gain over target suites, or the gain itself."""
        for one in self.criteria:
            about = one.evidence
            is_score = about.layer == "benchmark" and about.metric in GAINS and one.unit == "share"
            is_gain = one.comparison == "points" and one.direction == "at_least"
            if is_score and is_gain and about.role == "target" and not about.category:
                return one
        return Criterion(
            key=IMPROVEMENT,
            title="Gain on target suites",
            evidence=EvidenceRef(layer="benchmark", role="target", metric="value"),
            comparison="points",
            direction="at_least",
            threshold=self.improvement_threshold,
            rule="observed",
            required=False,
        )

    @property
    def asked(self) -> tuple[Criterion, ...]:
        """All that evidence is gathered for: the criteria, and what the point rule needs beyond them."""
        gain = self.improvement
        return self.criteria if gain in self.criteria else (*self.criteria, gain)

    def without(self, key: str) -> "Policy":
        return replace(self, criteria=tuple(one for one in self.criteria if one.key != key))

    def to_dict(self) -> dict[str, Any]:
        found = asdict(self)
        return found | {
            "criteria": [dict(one) for one in found["criteria"]],
            "ignored_health": sorted(self.ignored_health),
        }

    def canonical(self) -> bytes:
        return canonical.canonical(self.to_dict())

    @cached_property
    def sha256(self) -> str:
        return canonical.sha256(self.canonical())

    @classmethod
    def from_dict(cls, raw: object) -> "Policy":
        """What somebody wrote. Raises PolicyRefused with every problem found."""
        from experiments.deciding import reading

        return reading.read_policy(raw)

    @classmethod
    def frozen(cls, raw: object) -> "Policy":
        """What `to_dict` gave, as it stood: a check that came later refuses nothing that was put on record before.

        Raises ValueError where it has not the shape of a policy.
        """
        from experiments.deciding import reading

        return reading.as_it_stood(raw)
