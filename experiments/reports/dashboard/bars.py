"""Where the bar of a criterion has its parts: every threshold in the middle, the better side always on the right."""

from dataclasses import dataclass

from evalsite.platform import drawing
from evalsite.platform.templatetags.figures import figure, span
from experiments.reports.evidence.page import Criterion

MIDDLE = drawing.WIDTH / 2
ROOM = 1.12
# How far an axis reaches at least to each side, so that a hair's breadth is not drawn as a mile.
LEAST_REACH = {"percent": 0.06, "points": 0.04, "coefficient": 0.15, "ratio": 0.3}
TONES = {"met": "met", "not_met": "failed", "undecided": "open"}


@dataclass(frozen=True)
class Bar:
    place: drawing.Interval
    beyond: float | None
    tone: str
    words: str


def bar_of(criterion: Criterion) -> Bar:
    """Distances from the threshold, counted to the better side, so that one line runs through all rows."""
    estimate, low, high, beyond = (
        ahead(criterion, value)
        for value in (criterion.estimate, criterion.ci_low, criterion.ci_high, criterion.shown_beyond)
    )
    ends = sorted(end for end in (low, high) if end is not None)
    reach = ROOM * max(map(abs, (*(one for one in (estimate, beyond) if one is not None), *ends)), default=0.0)
    reach = max(reach, least_reach(criterion))
    scale = drawing.Scale(-reach, reach)
    whole = len(ends) == len((low, high))
    return Bar(
        place=drawing.interval(
            estimate=estimate,
            ci_low=ends[0] if whole else None,
            ci_high=ends[1] if whole else None,
            threshold=0.0,
            scale=scale,
        ),
        beyond=None if beyond is None or beyond == 0 or estimate is None else scale.at(beyond),
        tone=TONES.get(criterion.status, "baseline"),
        words=words(criterion),
    )


def ahead(criterion: Criterion, value: float | None) -> float | None:
    if value is None:
        return None
    return value - criterion.threshold if criterion.direction == "at_least" else criterion.threshold - value


def least_reach(criterion: Criterion) -> float:
    return LEAST_REACH.get(criterion.unit, abs(criterion.threshold) * 0.1 or 1.0)


def words(criterion: Criterion) -> str:
    said = [f"threshold {criterion.threshold_words}", criterion.status.replace("_", " ")]
    if criterion.estimate is not None:
        interval = span(criterion.ci_low, criterion.ci_high, criterion.unit)
        said = [figure(criterion.estimate, criterion.unit), f"{100 * criterion.level:g}% interval {interval}", *said]
    return ", ".join(said)
