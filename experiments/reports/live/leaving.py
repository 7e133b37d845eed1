"""What a ramp would cost, before it is made: units of control that would be left out of the comparison."""

from dataclasses import dataclass
from itertools import accumulate

from experiments.models import LiveTest
from experiments.reports.live.sums import IN_BOTH, fetch

TO = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
MOST_SHOWN = 4
LEAVING = f"""
SELECT width_bucket(bucket::float8 / %(buckets)s, %(splits)s::float8[]), count(*) FROM experiments_exposure AS exposure
WHERE live_test_id = %(test)s AND source = 'event' AND arm = 'control' AND NOT {IN_BOTH} GROUP BY 1
"""  # noqa: S608 constants of this module


@dataclass(frozen=True)
class Leaving:
    """`n` of the `control` units compared now, by a ramp to `split`."""

    split: float
    n: int
    control: int


def leaving(live_test: LiveTest, *, buckets: int) -> tuple[Leaving, ...]:
    """By ramps to some usual shares. Empty where no unit would go: the site remembers whoever asks it for the arm."""
    splits = [one for one in TO if one > live_test.split][:MOST_SHOWN]
    params = {"test": live_test.pk, "buckets": buckets, "cutoff": None, "splits": [live_test.split, *splits]}
    found = dict(fetch(LEAVING, params))
    gone = list(accumulate(found.get(place, 0) for place in range(1, len(splits) + 1)))
    control = sum(found.values()) - found.get(0, 0)
    return tuple(Leaving(split, n, control) for split, n in zip(splits, gone, strict=True)) if any(gone) else ()
