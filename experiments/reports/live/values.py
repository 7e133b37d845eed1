"""Single values of a quantile metric, which units cluster: read as numbers, and compared."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from experiments.live_plan import Metric
from experiments.reports import binary_copy
from experiments.reports.live.contrasts import DROPPED, FEW, STRATIFIED, Contrast
from experiments.reports.live.sums import COMPARED, Scope, fetch
from experiments.stats import quantiles
from experiments.stats.clustered_quantiles import ClusteredQuantile, clustered_quantile, stratified_quantile
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
SAMPLED = "Of {part:.1%} of the units, drawn by a hash of their id: all values would be more than {most:,}."
ROWS = """
FROM compared
JOIN experiments_unitmetric AS sums ON sums.live_test_id = %(test)s AND sums.unit_id = compared.unit_id
WHERE sums.metric = %(metric)s AND sums.n > 0
"""
KEPT = "AND abs(hashtextextended(compared.unit_id, 7) %% %(parts)s) < %(kept)s"


@dataclass(frozen=True)
class Values:
    """One entry per value; unit: which of them come from one unit; phase: of the split, None where there is but one.

    share: of the units that were read.
    """

    control: Floats
    treatment: Floats
    control_unit: Ints
    treatment_unit: Ints
    share: float = 1.0
    control_phase: Ints | None = None
    treatment_phase: Ints | None = None

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
            "phase": "phase::smallint",
            "value": "value::double precision",
        },
        f"""FROM (
            WITH {COMPARED}
            SELECT treated, hashtextextended(compared.unit_id, 0) AS unit, phase, unnest(sums.values) AS value
            {ROWS} {KEPT}
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
        control_phase=found["phase"][~treated] if scope.ramps else None,
        treatment_phase=found["phase"][treated] if scope.ramps else None,
    )


def quantile_contrast(metric: Metric, values: Values, *, alpha: float, once: bool = False) -> Contrast | None:
    """The error is Woodruff's by units. Read `once`, few values have a bootstrap interval of whole units instead.

    The level of an early look lies beyond what a thousand resamples can tell: their p-value never falls below .002.
    """
    q = metric.q or 0.5
    if not values.control.size or not values.treatment.size:
        return None
    if values.control_phase is not None and values.treatment_phase is not None:
        return told_of_sample(within_phases(values, values.control_phase, values.treatment_phase, q, alpha), values)
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
    return told_of_sample(found, values)


def told_of_sample(found: Contrast | None, values: Values) -> Contrast | None:
    if found is None or values.share >= 1:
        return found
    note = SAMPLED.format(part=values.share, most=MOST_READ)
    return replace(found, result=replace(found.result, warnings=(*found.result.warnings, note)))


def within_phases(
    values: Values, control_phase: Ints, treatment_phase: Ints, q: float, alpha: float
) -> Contrast | None:
    """Both arms as if they had met the phases in the same proportions, each as much as it can tell of a difference."""
    phases = [
        (
            part(values.control, values.control_unit, control_phase == one),
            part(values.treatment, values.treatment_unit, treatment_phase == one),
        )
        for one in np.union1d(control_phase, treatment_phase)
    ]
    usable = [both for both in phases if min(one.units for one in both) >= FEW]
    if not usable:
        return None
    told = [control.units * treatment.units / (control.units + treatment.units) for control, treatment in usable]
    first, second = (
        stratified_quantile([(both[arm].values, both[arm].unit) for both in usable], told, q) for arm in (0, 1)
    )
    found = by_closed_form(first, second, q, alpha)
    dropped = sum(one.units for both in phases for one in both) - first.clusters - second.clusters
    notes = (*found.result.warnings, *([DROPPED.format(n=dropped)] if dropped else []))
    method = STRATIFIED.format(method=found.result.method, k=len(usable)) if len(usable) > 1 else found.result.method
    return replace(found, result=replace(found.result, method=method, warnings=notes), information=4 * sum(told))


@dataclass(frozen=True)
class Part:
    """Of one arm in one phase."""

    values: Floats
    unit: Ints
    units: int


def part(values: Floats, unit: Ints, here: NDArray[np.bool_]) -> Part:
    return Part(values[here], unit[here], np.unique(unit[here]).size)


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
