"""Who judged how much, how fast, how evenly by side; and when."""

from dataclasses import asdict, dataclass

import numpy as np

from experiments.reports.human.agreement import AgreementReport
from experiments.reports.human.votes import Votes
from experiments.stats import preference

HOUR = 3600
DAY = 24 * HOUR
MOST_BARS = 96


@dataclass(frozen=True)
class ReviewerActivity:
    name: str
    n: int
    per_hour: float | None
    median_seconds: float | None
    left_share: dict[str, object]
    agreement: dict[str, object]

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def reviewers(votes: Votes, agreed: AgreementReport) -> tuple[ReviewerActivity, ...]:
    """votes: all of them; gold pairs take time as others do, but tell nothing about a leaning to one side."""
    count = len(votes.reviewers)
    done = np.bincount(votes.reviewer, minlength=count)
    spent = np.bincount(votes.reviewer, weights=votes.active_ms, minlength=count)
    median = medians(votes)
    known = votes.decided & (votes.side >= 0) & ~votes.on_gold
    decided = np.bincount(votes.reviewer[known], minlength=count)
    left = np.bincount(votes.reviewer[known], weights=votes.side[known], minlength=count)
    return tuple(
        ReviewerActivity(
            name=name,
            n=int(done[place]),
            per_hour=float(done[place] / spent[place] * HOUR * 1000) if spent[place] else None,
            median_seconds=median[place],
            left_share=preference.position_bias_test(int(left[place]), int(decided[place])).to_dict(),
            agreement=agreed.with_others[place].to_dict(),
        )
        for place, name in enumerate(votes.reviewers)
    )


def medians(votes: Votes) -> list[float | None]:
    """Median active seconds of each reviewer; judgments without a time do not count."""
    timed = votes.active_ms > 0
    order = np.lexsort((votes.active_ms[timed], votes.reviewer[timed]))
    values = votes.active_ms[timed][order]
    sizes = np.bincount(votes.reviewer[timed], minlength=len(votes.reviewers))
    starts = np.cumsum(sizes) - sizes
    return [
        float((values[start + (size - 1) // 2] + values[start + size // 2]) / 2000) if size else None
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
    ]


def timeline(votes: Votes) -> dict[str, object]:
    """Votes per hour, or per day and more where hours would be too many bars. Times are seconds since 1970."""
    if votes.n == 0:
        return {"step_seconds": HOUR, "start": None, "counts": []}
    first, last = int(votes.judged_at.min()), int(votes.judged_at.max())
    step = HOUR
    for wider in (HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY):
        step = wider
        if last // wider - first // wider < MOST_BARS:
            break
    start = first // step
    counts = np.bincount(votes.judged_at // step - start)
    return {"step_seconds": step, "start": start * step, "counts": counts.tolist()}
