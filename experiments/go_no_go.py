"""May the candidate be shipped? A policy and the evidence in, a verdict with its reasons out."""

from experiments.deciding.evidence import Evidence, Health, Observation, Part, Source
from experiments.deciding.verdict import CriterionResult, HealthFailure, PartResult, PointRule, Verdict

__all__ = [
    "CriterionResult",
    "Evidence",
    "Health",
    "HealthFailure",
    "Observation",
    "Part",
    "PartResult",
    "PointRule",
    "Source",
    "Verdict",
]
