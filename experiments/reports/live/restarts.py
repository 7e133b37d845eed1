"""Ramps that took units away: what is compared since is not what was compared before, and bounds start anew."""

from collections.abc import Sequence
from itertools import accumulate

from experiments.reports.live.sums import FORGETTABLE, Scope, fetch
from experiments.stats.sequential import asymptotic_sequence_spent

# Of alpha is always left: where a test went on for ever before a ramp, all but nothing.
LEAST_LEFT = 1e-6
# Each unit by the ramp that gave its bucket to treatment. Who came after it was in no look before.
TAKING = f"""
SELECT DISTINCT ramp FROM (
    SELECT exposed_at, width_bucket(bucket::float8 / %(buckets)s, %(splits)s::float8[]) AS ramp
    FROM experiments_exposure AS exposure
    WHERE live_test_id = %(test)s AND exposed_at <= coalesce(%(cutoff)s::timestamptz, 'infinity') AND {FORGETTABLE}
) AS moved WHERE exposed_at < (%(ramps)s::timestamptz[])[ramp] ORDER BY 1
"""  # noqa: S608 constants of this module
EXPOSED = """
SELECT width_bucket(exposed_at, %(taking)s::timestamptz[]), count(*) FROM experiments_exposure
WHERE live_test_id = %(test)s GROUP BY 1
"""


def read_restarts(scope: Scope) -> tuple[int, ...]:
    """Units exposed before each ramp that took units away, in their order."""
    if not scope.ramps:
        return ()
    taking = [scope.ramps[ramp - 1] for [ramp] in fetch(TAKING, scope.params)]
    if not taking:
        return ()
    exposed = dict(fetch(EXPOSED, scope.params | {"taking": taking}))
    return tuple(accumulate(exposed.get(place, 0) for place in range(len(taking))))


def level_left(alpha: float, n_star: float, restarts: Sequence[int]) -> float:
    """The alpha of a confidence sequence that starts after those that ended with so many units.

    The errors of all of them add up to alpha at most, so what an earlier one has excluded stays so.
    """
    left = alpha
    for units in restarts:
        left -= asymptotic_sequence_spent(units, n_star=n_star, alpha=left)
        left = max(left, LEAST_LEFT * alpha)
    return left
