"""The criteria of a verdict as the rows of a dashboard: scale, axis, ways to the rows behind."""

from collections.abc import Iterable, Mapping

from experiments import policy
from experiments.go_no_go import CriterionResult, Observation
from experiments.reports.evidence import page

ROOM = 0.12
ABSOLUTE = {"share": "percent", "coefficient": "coefficient", "ms": "count", "tokens": "count"}


def rows(
    asked: Iterable[policy.Criterion], results: Iterable[CriterionResult], known: Mapping[str, Observation]
) -> tuple[page.Criterion, ...]:
    """In the policy's order."""
    by_key = {one.key: one for one in asked}
    return tuple(row(by_key[one.key], one, known.get(one.key, Observation(state="none"))) for one in results)


def row(asked: policy.Criterion, found: CriterionResult, known: Observation) -> page.Criterion:
    low, high = axis(found)
    return page.Criterion(
        key=found.key,
        title=found.title,
        layer=found.layer,
        status=found.status,
        sentence=found.sentence,
        required=found.required,
        estimate=found.estimate,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        unit=unit_of(found),
        threshold=found.threshold,
        threshold_words=found.rule_words,
        shown_beyond=found.shown_beyond,
        direction=found.direction,
        rule=found.rule,
        level=found.level,
        margin=found.margin,
        n=found.n,
        n_unit=found.n_unit,
        n_more=found.n_more,
        n_min=found.n_min,
        n_min_sentence=found.n_min_sentence,
        method=found.method,
        warnings=found.warnings,
        baseline=known.baseline,
        candidate=known.candidate,
        arm_unit=ABSOLUTE.get(asked.unit, "number"),
        state=found.state,
        why_none=known.why_none,
        axis_low=low,
        axis_high=high,
        sources=tuple(page.Link(label=one.label, url=one.url) for one in known.sources),
        parts=tuple(
            page.Part(
                name=one.name,
                status=one.status,
                estimate=one.estimate,
                ci_low=one.ci_low,
                ci_high=one.ci_high,
                n=one.n,
            )
            for one in found.parts
        ),
    )


def unit_of(asked: policy.Criterion | CriterionResult) -> str:
    """One of `figures.UNITS`. A result has that of the guardrail it tells of."""
    if asked.comparison == "ratio":
        return "ratio"
    if asked.comparison == "relative":
        return "percent"
    if asked.comparison == "points" and asked.unit == "share":
        return "points"
    return ABSOLUTE.get(asked.unit, "number")


def axis(found: CriterionResult) -> tuple[float, float]:
    """Holds threshold, interval and estimate with some room, and is never a point; shares stay within 0 and 1."""
    ends = (found.estimate, found.ci_low, found.ci_high, found.threshold, found.shown_beyond)
    values = [one for one in ends if one is not None]
    if found.comparison == "points":
        values.append(0.0)
    if found.comparison == "ratio":
        values.append(1.0)
    low, high = min(values), max(values)
    room = ROOM * (high - low) or 0.05 * (abs(high) or 1.0)
    low, high = low - room, high + room
    if found.comparison == "absolute" and found.unit == "share":
        return max(0.0, low), min(1.0, high)
    return (max(0.0, low), high) if found.comparison == "ratio" else (low, high)
