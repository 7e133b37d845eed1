"""What every scorer is made of: a case and a response in, a value with its reason out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from experiments.scorers.params import BadParams, Param, checked

__all__ = [
    "Aggregate",
    "BadParams",
    "Case",
    "Judge",
    "Param",
    "Response",
    "ScoreResult",
    "Scorer",
    "Unit",
    "measured",
    "right",
    "unscored",
    "wrong",
]

Unit = Literal["share", "ms", "tokens", "characters", "perplexity", "points"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What was asked, and what would be right. `checks` holds what a case asks beyond `expected`."""

    prompt: str = ""
    expected: str = ""
    checks: Mapping[str, Any] = field(default_factory=dict)
    category: str = ""


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back. Latency in milliseconds of the successful call; log-probabilities are natural logarithms."""

    text: str = ""
    tool_calls: Sequence[Any] | None = None
    finish_reason: str = ""
    latency_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    logprobs_sum: float | None = None
    logprobs_n: int | None = None


@dataclass(frozen=True)
class ScoreResult:
    """`value` is None where the scorer could not say, and `reason` tells why; `detail` is small JSON for a page."""

    value: float | None
    passed: bool | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


Judge = Callable[[Case, Response], ScoreResult]
Aggregate = Callable[[Sequence[ScoreResult]], float | None]


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """One way of scoring, in one version: another version may give other values for the same texts.

    `unit` is what `value` counts in; a "share" lies in [0, 1], "points" in [0, 100]. `higher_is_better` is None where
    neither is. `applies` tells whether a case holds what the scorer needs. `aggregate` is how many results become one
    number, None where that is their mean; results without a value are left out by the caller's choice or by itself.
    """

    name: str
    version: int
    title: str
    summary: str
    make: Callable[[Mapping[str, Any]], Judge]
    applies: Callable[[Case], bool]
    unit: Unit = "share"
    has_pass_mark: bool = True
    higher_is_better: bool | None = True
    params: tuple[Param, ...] = ()
    aggregate: Aggregate | None = None
    label_of: Callable[[Mapping[str, Any]], str] | None = None

    def settled(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, defaults filled in. Raises BadParams."""
        return checked(self.name, self.params, params)

    def label(self, params: Mapping[str, Any]) -> str:
        """The title, with whatever of the parameters is part of the metric's name. Raises BadParams."""
        return self.label_of(self.settled(params)) if self.label_of else self.title

    def bind(self, params: Mapping[str, Any]) -> Judge:
        """A judge of responses, which never raises and holds nothing from one case to the next. Raises BadParams."""
        return self.make(self.settled(params))


def right(**detail: Any) -> ScoreResult:
    return ScoreResult(1.0, passed=True, detail=detail)


def wrong(reason: str, /, **detail: Any) -> ScoreResult:
    return ScoreResult(0.0, passed=False, detail=detail, reason=reason)


def measured(value: float, /, **detail: Any) -> ScoreResult:
    """A value without a pass mark."""
    return ScoreResult(value, detail=detail)


def unscored(reason: str, /, **detail: Any) -> ScoreResult:
    """No value, and why."""
    return ScoreResult(None, detail=detail, reason=reason)
