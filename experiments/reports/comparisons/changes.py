"""Which cases changed by one scorer: was right and is wrong, or the other way; for values, worse or better."""

from dataclasses import dataclass

from experiments.models import CaseChange
from experiments.reports.comparisons.metrics import Metric, gains
from experiments.reports.comparisons.pairing import Paired
from experiments.reports.scores import CaseArrays, Floats, Ints

# Latency and length differ on nearly every case and say nothing of right and wrong: they are listed only as a goal.
LISTED_UNITS = ("share", "points", "perplexity")


@dataclass(frozen=True)
class Changes:
    """The cases that got worse and better by one scorer, with both values."""

    scorer_key: str
    worse_kind: str
    better_kind: str
    case_ids: Ints
    is_worse: list[bool]
    baseline: Floats
    candidate: Floats

    @property
    def kinds(self) -> list[str]:
        return [self.worse_kind if worse else self.better_kind for worse in self.is_worse]


def changes_of(metric: Metric, paired: Paired, cases: CaseArrays) -> Changes:
    kind = CaseChange.Kind
    kinds = (kind.REGRESSION, kind.IMPROVEMENT) if metric.kind == "pass" else (kind.WORSE, kind.BETTER)
    gaps = gains(metric.about, paired)
    is_listed = metric.about.is_primary or metric.kind == "pass" or metric.about.unit in LISTED_UNITS
    moved = (gaps != 0) & is_listed
    return Changes(
        scorer_key=metric.about.key,
        worse_kind=kinds[0].value,
        better_kind=kinds[1].value,
        case_ids=cases.case_ids[paired.place[moved]],
        is_worse=(gaps[moved] < 0).tolist(),
        baseline=paired.baseline[moved],
        candidate=paired.candidate[moved],
    )
