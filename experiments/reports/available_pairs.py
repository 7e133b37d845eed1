"""The pairs of an experiment that can be judged: cases for which both models have an output without an error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from experiments.models import CampaignPlan, Experiment
from experiments.reports.shown_response import same_response, shown_response

CASES = """
FROM experiments_experimentsuite AS suite
JOIN experiments_evalset AS evalset ON evalset.id = suite.eval_set_id
JOIN experiments_evalcase AS evalcase ON evalcase.eval_set_id = evalset.id
JOIN experiments_output AS baseline
  ON baseline.case_id = evalcase.id AND baseline.model_version_id = %(baseline)s
JOIN experiments_output AS candidate
  ON candidate.case_id = evalcase.id AND candidate.model_version_id = %(candidate)s
WHERE suite.experiment_id = %(experiment)s
  AND (%(eval_sets)s::bigint[] IS NULL OR suite.eval_set_id = ANY (%(eval_sets)s::bigint[]))
"""
AVAILABLE = f"""
SELECT evalcase.id AS case_id, evalcase.category, evalcase.external_id, evalset.content_hash,
       baseline.id AS baseline_id, candidate.id AS candidate_id,
       {same_response("baseline", "candidate")} AS identical,
       char_length({shown_response("baseline")}) AS baseline_length,
       char_length({shown_response("candidate")}) AS candidate_length
{CASES} AND baseline.error = '' AND candidate.error = ''
"""

COUNT = f"""
SELECT category, count(*) FILTER (WHERE usable), count(*) FILTER (WHERE usable AND identical),
       count(*) FILTER (WHERE NOT usable), count(*) FILTER (WHERE baseline_failed),
       count(*) FILTER (WHERE candidate_failed)
FROM (
    SELECT evalcase.category, {same_response("baseline", "candidate")} AS identical,
           baseline.error <> '' AS baseline_failed, candidate.error <> '' AS candidate_failed,
           baseline.error = '' AND candidate.error = '' AS usable
    {CASES}
) AS answered
GROUP BY category ORDER BY category
"""  # noqa: S608 its parts stand in our own files


@dataclass(frozen=True)
class LeftOut:
    """Cases with an output that ended in an error: truncated, filtered, empty or never come. Nobody is shown them."""

    n: int = 0
    baseline: int = 0
    candidate: int = 0


@dataclass(frozen=True)
class AvailablePairs:
    """Counts by category; `identical` pairs are part of them, those left out are not."""

    by_category: dict[str, int]
    identical: int
    left_out: LeftOut = LeftOut()

    @property
    def n(self) -> int:
        return sum(self.by_category.values())


def parameters(experiment: Experiment, eval_sets: Sequence[int] | None = None) -> dict[str, Any]:
    """Of all suites unless some are named."""
    return {
        "experiment": experiment.pk,
        "baseline": experiment.baseline_id,
        "candidate": experiment.candidate_id,
        "eval_sets": None if eval_sets is None else list(eval_sets),
    }


def available_pairs(experiment: Experiment, eval_sets: Sequence[int] | None = None) -> AvailablePairs:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, parameters(experiment, eval_sets))
        rows = cursor.fetchall()
    return AvailablePairs(
        by_category={category: n for category, n, *_ in rows if n},
        identical=sum(row[2] for row in rows),
        left_out=LeftOut(*(sum(row[place] for row in rows) for place in (3, 4, 5))),
    )


def planned_pairs(plan: CampaignPlan) -> AvailablePairs:
    """Those of the suites that a plan draws from."""
    return available_pairs(plan.experiment, plan.eval_sets)
