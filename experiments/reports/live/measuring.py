"""All metrics of a test measured once: sums by the database, values where a metric needs every one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from experiments.live_plan import Metric, Plan
from experiments.reports.live.contrasts import Contrast, contrast
from experiments.reports.live.correcting import corrected, corrected_segments
from experiments.reports.live.distributions import distribution, distribution_of_values
from experiments.reports.live.judging import History, Measure, Reading, judged, remembered
from experiments.reports.live.payload import Distribution, MetricRow, SegmentRow
from experiments.reports.live.sums import Scope, Slots, Sums, largest_segments, read_sums
from experiments.reports.live.values import Values, quantile_contrast, read_values

MOST_SEGMENTS = 12
NO_VALUE = "(none)"


@dataclass(frozen=True)
class Measured:
    """Only the metrics asked for were read: nothing is known of the direction of the others."""

    scope: Scope
    plan: Plan
    sums: Sums
    slots: Slots | None = None
    values: dict[str, Values] = field(default_factory=dict)

    def measure(self, metric: Metric) -> Measure:
        if metric.kind == "quantile":
            once = self.plan.method == "fixed_horizon"
            return lambda alpha: quantile_contrast(metric, self.values[metric.key], alpha=alpha, once=once)
        strata = self.sums.strata(metric)
        return lambda alpha: contrast(metric, strata, alpha=alpha)

    def contrast(self, metric: Metric) -> Contrast | None:
        return self.measure(metric)(self.plan.alpha)

    def left_out(self, metric: Metric, row: MetricRow) -> int:
        """Units without a value, where a metric leaves those out."""
        if metric.per == "unit" and metric.kind != "quantile":
            return 0
        return max(0, self.sums.exposed(0) + self.sums.exposed(1) - row.control_n - row.treatment_n)


def measured(scope: Scope, plan: Plan, metrics: Sequence[Metric], *, slots: Slots | None) -> Measured:
    summed = [one for one in metrics if one.kind != "quantile"]
    return Measured(
        scope=scope,
        plan=plan,
        sums=read_sums(scope, summed, slots=slots),
        slots=slots,
        values={one.key: read_values(scope, one) for one in metrics if one.kind == "quantile"},
    )


def rows_of(found: Measured, reading: Reading, histories: dict[str, History]) -> tuple[tuple[MetricRow, ...], ...]:
    """The rows as they are shown; and each as this look alone has it, for the looks to come."""
    plain = [judged(one, found.measure(one), reading) for one in found.plan.metrics]
    shown = [
        replace(remembered(alone, histories.get(one.key), reading.alpha), left_out=found.left_out(one, alone))
        for one, alone in zip(found.plan.metrics, plain, strict=True)
    ]
    return corrected(shown, method=found.plan.correction, alpha=reading.alpha), tuple(plain)


def distributions_of(found: Measured) -> tuple[Distribution, ...]:
    return tuple(
        distribution_of_values(one, found.values[one.key])
        if one.kind == "quantile"
        else distribution(found.scope, one, found.sums)
        for one in found.plan.metrics
    )


def segments_of(found: Measured, reading: Reading) -> tuple[SegmentRow, ...]:
    """The primary metric within the largest segments of each attribute of the plan."""
    primary = found.plan.primary
    if primary.kind == "quantile":
        return ()
    rows: list[SegmentRow] = []
    for attribute in found.plan.segments:
        largest = largest_segments(found.scope, attribute, most=MOST_SEGMENTS)
        sums = read_sums(found.scope, [primary], attribute=attribute, among=largest)
        for name in largest:
            row = judged(primary, measure_of(primary, sums, name), reading)
            rows.append(SegmentRow(attribute=attribute, value=name or NO_VALUE, row=row))
    return corrected_segments(rows, alpha=reading.alpha)


def measure_of(metric: Metric, sums: Sums, name: str) -> Measure:
    strata = sums.strata(metric, wanted=lambda group: group == name)
    return lambda alpha: contrast(metric, strata, alpha=alpha)
