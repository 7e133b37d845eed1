"""Sums of units per phase of the split, arm and group, made by the database: no unit reaches Python."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from experiments.live_plan import Metric
from experiments.reports.live.cells import Cell, Strata, Stratum, together

# Clients fetch the rule anew every minute, and their clocks are about right.
UNHEARD = timedelta(minutes=2)
# Units that were rightly in control and whose bucket a ramp gave to treatment since, known from clients that compute
# the arm themselves. One that has forgotten them tells treatment of those that return, which takes them out of control
# and leaves the others. Those told control against the rule of their own day are not meant: the split check sees them.
FORGETTABLE = """
(
    cardinality(%(ramps)s::timestamptz[]) > 0 AND source = 'event' AND arm = 'control' AND coalesce(
        bucket::float8 / %(buckets)s < (%(splits)s::float8[])[cardinality(%(splits)s::float8[])]
        AND bucket::float8 / %(buckets)s
            >= (%(splits)s::float8[])[width_bucket(exposed_at - %(unheard)s::interval, %(ramps)s::timestamptz[]) + 1],
        false
    )
)
"""
# Seen in the other arm; whoever is so only after the cut-off was in one when the units were counted.
IN_BOTH = """
EXISTS (
    SELECT 1 FROM experiments_armconflict AS conflict
    WHERE conflict.live_test_id = exposure.live_test_id AND conflict.unit_id = exposure.unit_id
      AND conflict.seen_at <= coalesce(%(cutoff)s::timestamptz, 'infinity')
)
"""
# Which units are compared: exposed by the cut-off, never seen in the other arm, and in none that may be forgotten.
COMPARED = f"""
compared AS (
    SELECT unit_id, (arm = 'treatment')::int AS treated, exposed_at, segment, bucket, source,
           width_bucket(exposed_at, %(ramps)s::timestamptz[]) AS phase
    FROM experiments_exposure AS exposure
    WHERE live_test_id = %(test)s AND exposed_at <= coalesce(%(cutoff)s::timestamptz, 'infinity')
      AND NOT {IN_BOTH}
      AND NOT {FORGETTABLE}
)
"""  # noqa: S608 constants of this module
EVERYBODY = "'0'"
BY_TIME = "width_bucket(extract(epoch FROM exposed_at), %(low)s::numeric, %(high)s::numeric, %(slots)s)::text"
BY_SEGMENT = "left(coalesce(segment ->> %(attribute)s, ''), 100)"
# y of a unit as `live_plan.Metric` says, x its covariate or denominator; units without a row have done nothing.
VALUES = """
FROM compared
JOIN experiments_unitmetric AS sums ON sums.live_test_id = %(test)s AND sums.unit_id = compared.unit_id
JOIN jsonb_to_recordset(%(metrics)s::jsonb) AS metric (
    key text, kind text, at_least float8, cap float8, of_events bool, has_third bool, has_x bool
)
  ON metric.key = sums.metric
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN metric.kind = 'rate' THEN (sums.total >= metric.at_least)::int::float8
        WHEN metric.of_events THEN sums.total / nullif(sums.n, 0)
        ELSE sums.total
    END AS raw,
    CASE WHEN metric.kind = 'ratio' THEN sums.denominator ELSE coalesce(sums.before, 0) END AS x
) AS value
WHERE (sums.n > 0 OR NOT metric.of_events)
"""


@dataclass(frozen=True)
class Scope:
    """Units of one test. ramps: when the split was raised, rising; splits: that of the start, then those of the ramps.
    cutoff: the last exposure that counts."""

    test_id: int
    ramps: tuple[datetime, ...] = ()
    cutoff: datetime | None = None
    splits: tuple[float, ...] = (0.0,)
    buckets: int = 10_000

    @property
    def params(self) -> dict[str, Any]:
        return {
            "test": self.test_id,
            "ramps": list(self.ramps),
            "cutoff": self.cutoff,
            "splits": list(self.splits),
            "unheard": UNHEARD,
            "buckets": self.buckets,
        }


@dataclass(frozen=True)
class Slots:
    """Exposure times cut into `n` even stretches."""

    low: float
    high: float
    n: int


Place = tuple[int, int, str]  # phase, 1 for treatment, group


@dataclass(frozen=True)
class Sums:
    """units: all that are compared. cells: per metric those with events; the rest have done nothing."""

    units: dict[Place, int]
    cells: dict[str, dict[Place, Cell]] = field(default_factory=dict)

    def strata(self, metric: Metric, *, wanted: Callable[[str], bool] = lambda group: True) -> Strata:
        """One stratum per phase, of the wanted groups."""
        phases = sorted({phase for phase, _, group in self.units if wanted(group)})
        return tuple(Stratum(*(self.cell(metric, phase, treated, wanted) for treated in (0, 1))) for phase in phases)

    def cell(self, metric: Metric, phase: int, treated: int, wanted: Callable[[str], bool]) -> Cell:
        def here(place: Place) -> bool:
            return place[0] == phase and place[1] == treated and wanted(place[2])

        found = together(cell for place, cell in self.cells.get(metric.key, {}).items() if here(place))
        if metric.per == "unit_with_event":
            return found
        return found.with_zeros(sum(n for place, n in self.units.items() if here(place)) - found.n)

    def exposed(self, treated: int, phase: int | None = None) -> int:
        return sum(n for place, n in self.units.items() if place[1] == treated and phase in (None, place[0]))


def largest_segments(scope: Scope, attribute: str, *, most: int) -> list[str]:
    """The most common values of an attribute. Clients send what they like, so the others never leave the database."""
    rows = fetch(
        f"""WITH {COMPARED} SELECT {BY_SEGMENT} COLLATE "C" FROM compared
            GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %(most)s""",  # noqa: S608 constants of this module
        scope.params | {"attribute": attribute, "most": most},
    )
    return [name for [name] in rows]


def read_sums(
    scope: Scope,
    metrics: Sequence[Metric],
    *,
    slots: Slots | None = None,
    attribute: str | None = None,
    among: Sequence[str] = (),
) -> Sums:
    """By stretches of exposure time, or by those values `among` a unit's attribute, or all together."""
    group = BY_TIME if slots else BY_SEGMENT if attribute is not None else EVERYBODY
    wanted = f"{BY_SEGMENT} = ANY(%(among)s::text[])" if attribute is not None else "true"
    params = scope.params | {"attribute": attribute, "among": list(among), "metrics": spec(metrics)}
    if slots:
        params |= {"low": slots.low, "high": slots.high, "slots": slots.n}
    counted = fetch(
        f"""WITH {COMPARED} SELECT phase, treated, {group}, count(*) FROM compared
            WHERE {wanted} GROUP BY 1, 2, 3""",  # noqa: S608 constants of this module
        params,
    )
    units = {(phase, treated, name): n for phase, treated, name, n in counted}
    cells: dict[str, dict[Place, Cell]] = defaultdict(dict)
    for key, phase, treated, name, *sums in fetch(cells_sql(group, wanted), params) if metrics else ():
        cells[key][(phase, treated, name)] = read_cell(sums)
    return Sums(units, dict(cells))


def cells_sql(group: str, wanted: str) -> str:
    return f"""
        WITH {COMPARED}
        SELECT key, phase, treated, grouped, count(*), avg(y), avg(x),
               regr_syy(y, x), regr_sxx(y, x), regr_sxy(y, x), avg(raw), count(*) FILTER (WHERE raw > cap),
               regr_sxy(y, CASE WHEN has_third THEN y * y END), regr_sxy(x, CASE WHEN has_x THEN y * y END),
               regr_sxy(y, CASE WHEN has_x THEN x * x END), regr_sxy(x, CASE WHEN has_x THEN x * x END)
        FROM (
            SELECT metric.key, metric.cap, has_third, has_x, phase, treated, {group} AS grouped, raw, x,
                   least(raw, metric.cap) AS y
            {VALUES} AND {wanted}
        ) AS valued GROUP BY 1, 2, 3, 4
    """  # noqa: S608 constants of this module


def read_cell(found: Sequence[Any]) -> Cell:
    """What cells_sql gives: third powers as products of a value with a square, both about their means.

    None where nobody asks for them: of a rate none, and of the products with x those of ratios and covariates.
    """
    cell = Cell(*found[:-4])
    y_yy, x_yy, y_xx, x_xx = found[-4:]
    return replace(
        cell,
        y3=0.0 if y_yy is None else y_yy - 2 * cell.y * cell.yy,
        y2x=0.0 if x_yy is None else x_yy - 2 * cell.y * cell.xy,
        yx2=0.0 if y_xx is None else y_xx - 2 * cell.x * cell.xy,
        x3=0.0 if x_xx is None else x_xx - 2 * cell.x * cell.xx,
    )


def spec(metrics: Iterable[Metric]) -> str:
    return orjson.dumps(
        [
            {
                "key": one.key,
                "kind": one.kind,
                "at_least": one.at_least,
                "cap": one.cap,
                "of_events": one.per == "unit_with_event",
                "has_third": one.kind in ("mean", "ratio"),
                "has_x": one.kind == "ratio" or (one.kind == "mean" and one.covariate is not None),
            }
            for one in metrics
        ]
    ).decode()


def fetch(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
