"""Single values of a quantile metric, which units cluster: read as numbers, and compared."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from experiments.live_plan import Metric
from experiments.reports import binary_copy
from experiments.reports.live.contrasts import Contrast
from experiments.reports.live.sums import COMPARED, Scope, fetch
from experiments.stats import quantiles
from experiments.stats.clustered_quantiles import ClusteredQuantile, clustered_quantile
from experiments.stats.means import quantile_difference
from experiments.stats.result import ComparisonResult

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Beyond these: the closed form instead of resamples, and a sample of the units instead of all.
MOST_RESAMPLED = 20_000
MOST_READ = 2_000_000
PARTS = 1000
RESAMPLES = 1000
SEED = 20_261_121
POOLED = "Quantiles are not compared within phases of the split: all phases are pooled."
SAMPLED = "Of {part:.1%} of the units, drawn by a hash of their id: all values would be more than {most:,}."
ROWS = """
FROM compared
JOIN experiments_unitmetric AS sums ON sums.live_test_id = %(test)s AND sums.unit_id = compared.unit_id
WHERE sums.metric = %(metric)s AND sums.n > 0
"""
KEPT = "AND abs(hashtextextended(compared.unit_id, 7) %% %(parts)s) < %(kept)s"


@dataclass(frozen=True)
class Values:
    """One entry per value; unit: which of them come from one unit. share: of the units that were read."""

    control: Floats
    treatment: Floats
    control_unit: Ints
    treatment_unit: Ints
    share: float = 1.0
    phases: int = 1

    @property
    def n(self) -> int:
        return self.control.size + self.treatment.size


def read_values(scope: Scope, metric: Metric, *, most: int = MOST_READ) -> Values:
    params = scope.params | {"metric": metric.key}
    [(total,)] = fetch(f"WITH {COMPARED} SELECT coalesce(sum(cardinality(sums.values)), 0) {ROWS}", params)
    kept = PARTS if total <= most else max(1, int(PARTS * most / total))
    found = binary_copy.fetch(
        {
            "treated": "treated::smallint",
            "unit": "unit::bigint",
            "value": "value::double precision",
        },
        f"""FROM (
            WITH {COMPARED}
            SELECT treated, hashtextextended(compared.unit_id, 0) AS unit, unnest(sums.values) AS value {ROWS} {KEPT}
        ) AS single""",
        params | {"parts": PARTS, "kept": kept},
    )
    treated, value = found["treated"] == 1, binary_copy.floats(found["value"])
    return Values(
        control=value[~treated],
        treatment=value[treated],
        control_unit=found["unit"][~treated],
        treatment_unit=found["unit"][treated],
        share=kept / PARTS,
        phases=len(scope.ramps) + 1,
    )


def quantile_contrast(metric: Metric, values: Values, *, alpha: float, once: bool = False) -> Contrast | None:
    """The error is Woodruff's by units. Read `once`, few values have a bootstrap interval of whole units instead.

    The level of an early look lies beyond what a thousand resamples can tell: their p-value never falls below .002.
    """
    q = metric.q or 0.5
    if not values.control.size or not values.treatment.size:
        return None
    control = clustered_quantile(values.control, values.control_unit, q)
    treatment = clustered_quantile(values.treatment, values.treatment_unit, q)
    found = by_closed_form(control, treatment, q, alpha)
    if once and values.n <= MOST_RESAMPLED:
        result = quantile_difference(
            values.control,
            values.treatment,
            q,
            clusters=(values.control_unit, values.treatment_unit),
            seed=SEED,
            resamples=RESAMPLES,
            alpha=alpha,
        )
        found = replace(found, result=replace(result, se=found.result.se, statistic=found.result.statistic))
    notes = [*found.result.warnings]
    if values.phases > 1:
        notes.append(POOLED)
    if values.share < 1:
        notes.append(SAMPLED.format(part=values.share, most=MOST_READ))
    return replace(found, result=replace(found.result, warnings=tuple(notes)))


def by_closed_form(control: ClusteredQuantile, treatment: ClusteredQuantile, q: float, alpha: float) -> Contrast:
    """A normal interval of the difference."""
    difference = treatment.value - control.value
    se = None if control.se is None or treatment.se is None else math.hypot(control.se, treatment.se)
    half = abs(float(special.ndtri(alpha / 2))) * se if se else None
    v0, v1 = (control.se or 0.0) ** 2, (treatment.se or 0.0) ** 2
    lift = difference / control.value if control.value else None
    lift_se = (
        math.sqrt(v1 + v0 * (treatment.value / control.value) ** 2) / abs(control.value) if lift is not None else 0
    )
    lift_half = abs(float(special.ndtri(alpha / 2))) * lift_se if se else None
    result = ComparisonResult(
        estimate=difference,
        ci_low=None if half is None else difference - half,
        ci_high=None if half is None else difference + half,
        p_value=2 * float(special.ndtr(-abs(difference) / se)) if se else None,
        alpha=alpha,
        n=control.clusters + treatment.clusters,
        method=f"difference of p{100 * q:g}, Woodruff's error by units",
        warnings=() if se else (too_few(q, min(control.clusters, treatment.clusters)),),
        control=control.value,
        treatment=treatment.value,
        statistic=difference / se if se else None,
        se=se,
        relative_lift=lift,
        lift_low=None if lift is None or lift_half is None else lift - lift_half,
        lift_high=None if lift is None or lift_half is None else lift + lift_half,
    )
    return Contrast(result=result, v0=v0, v1=v1, n0=control.clusters, n1=treatment.clusters)


def too_few(q: float, units: int) -> str:
    return (
        f"p{100 * q:g} has no interval yet: it takes about {quantiles.needed_for_bound(q):,} units in each arm, and "
        f"values that differ; the smaller arm has {units:,}."
    )
