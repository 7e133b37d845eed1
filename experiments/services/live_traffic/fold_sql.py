"""From events to sums per unit, in one statement; which events count for what is handed in as rows of rules.

A rule is a part of a metric: its total, the denominator of a ratio, or what a unit did before it was exposed.
"""

from typing import Any

import orjson

from experiments.live_events import LARGEST, SMALLEST
from experiments.live_plan import Metric, Plan

TOTAL, DENOMINATOR, BEFORE = "total", "denominator", "before"
# Of one unit. Whoever has more is no usual unit, and each fold writes its list anew.
MOST_VALUES = 10_000
# What happened is dated by one clock and the exposure by another: up to so far apart, it came after.
SKEW = "%(skew)s * interval '1 minute'"
# Names these locks apart from any other advisory lock. Held until the transaction ends: by folds together, by a making
# anew alone, since it forgets what a fold beside it adds.
ADVISORY_SPACE = 29
TOGETHER = "SELECT pg_try_advisory_xact_lock_shared(%(space)s, %(test)s)"
ALONE = "SELECT pg_advisory_xact_lock(%(space)s, %(test)s)"

BATCHES = """
SELECT id, n FROM experiments_eventbatch WHERE live_test_id = %(test)s AND folded_at IS NULL
ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
ALL_BATCHES = """
SELECT id, n FROM experiments_eventbatch WHERE live_test_id = %(test)s AND n > 0 ORDER BY id FOR UPDATE
"""
MARK = "UPDATE experiments_eventbatch SET folded_at = %(now)s WHERE id = ANY(%(batches)s)"
FORGET = "DELETE FROM experiments_unitmetric WHERE live_test_id = %(test)s"
# Rows are written in the order of their key, so that two folds never wait for each other. The + 0 keeps the number of
# the test out of the planner's sight: of one that began after the last ANALYZE it expects a single exposure, and then
# would read all of them for each event.
FOLD = f"""
INSERT INTO experiments_unitmetric AS sums
    (live_test_id, metric, unit_id, n, total, denominator, before, "values", last_at)
SELECT %(test)s, metric, unit_id,
       count(*) FILTER (WHERE part = '{TOTAL}'),
       coalesce(sum(y) FILTER (WHERE part = '{TOTAL}'), 0),
       coalesce(sum(y) FILTER (WHERE part = '{DENOMINATOR}'), 0),
       sum(y) FILTER (WHERE part = '{BEFORE}'),
       coalesce((array_agg(y ORDER BY at, event_id) FILTER (WHERE keeps))[:{MOST_VALUES}], '{{}}'),
       max(at) FILTER (WHERE part = '{TOTAL}')
FROM (
    SELECT rule.metric, rule.part, rule.keeps, event.unit_id, event.event_id, event.at,
           CASE WHEN NOT rule.is_share THEN found.y WHEN found.y > 0 THEN 1 END AS y
    FROM experiments_liveevent AS event
    JOIN experiments_exposure AS exposure
      ON exposure.live_test_id = event.live_test_id + 0 AND exposure.unit_id = event.unit_id
    JOIN jsonb_to_recordset(%(rules)s::jsonb) AS rule
      (metric text, part text, event text, source text, property text, is_share bool, keeps bool, days float8)
      ON rule.event = event.name
    CROSS JOIN LATERAL (
        SELECT CASE rule.source
            WHEN 'count' THEN 1
            WHEN 'value' THEN event.value
            ELSE CASE jsonb_typeof(event.properties -> rule.property)
                WHEN 'number' THEN (event.properties -> rule.property)::float8
                WHEN 'boolean' THEN (event.properties -> rule.property)::bool::int
            END
        END AS y
    ) AS found
    WHERE event.live_test_id = %(test)s AND event.batch_id = ANY(%(batches)s)
      AND (abs(found.y) BETWEEN {SMALLEST} AND {LARGEST} OR found.y = 0)
      AND CASE WHEN rule.part = '{BEFORE}'
          THEN event.at < exposure.exposed_at - {SKEW}
               AND event.at >= exposure.exposed_at - {SKEW} - rule.days * interval '1 day'
          ELSE event.at >= exposure.exposed_at - {SKEW} END
) AS counted
WHERE y IS NOT NULL
GROUP BY metric, unit_id ORDER BY metric, unit_id
ON CONFLICT (live_test_id, metric, unit_id) DO UPDATE SET
    n = sums.n + excluded.n,
    total = sums.total + excluded.total,
    denominator = sums.denominator + excluded.denominator,
    before = CASE WHEN excluded.before IS NULL THEN sums.before ELSE coalesce(sums.before, 0) + excluded.before END,
    "values" = (sums."values" || excluded."values")[:{MOST_VALUES}],
    last_at = greatest(sums.last_at, excluded.last_at)
"""  # noqa: S608 constants of this module


def rules(plan: Plan) -> str:
    """As the JSON that the statement reads."""
    return orjson.dumps([rule for metric in plan.metrics for rule in rules_of(metric)]).decode()


def rules_of(metric: Metric) -> list[dict[str, Any]]:
    is_share = metric.kind == "rate"
    keeps = metric.kind == "quantile"
    found = [rule(metric.key, TOTAL, metric.event, metric.field, is_share=is_share, keeps=keeps)]
    if metric.denominator:
        found.append(rule(metric.key, DENOMINATOR, metric.denominator.event, metric.denominator.field))
    if metric.covariate:
        covariate = metric.covariate
        found.append(rule(metric.key, BEFORE, covariate.event, covariate.field, days=covariate.days))
    return found


def rule(
    metric: str, part: str, event: str, field: str, *, is_share: bool = False, keeps: bool = False, days: float = 0
) -> dict[str, Any]:
    source, _, name = field.partition(".")
    return {
        "metric": metric,
        "part": part,
        "event": event,
        "source": source,
        "property": name,
        "is_share": is_share,
        "keeps": keeps,
        "days": days,
    }
