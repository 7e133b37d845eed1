"""The pairs of an experiment that can be judged: cases for which both models have an output without an error."""

from dataclasses import dataclass

from django.db import connection

from experiments.models import Experiment

AVAILABLE = """
SELECT evalcase.id AS case_id, evalcase.category, evalcase.external_id, evalset.content_hash,
       baseline.id AS baseline_id, candidate.id AS candidate_id, baseline.text = candidate.text AS identical,
       char_length(baseline.text) AS baseline_length, char_length(candidate.text) AS candidate_length
FROM experiments_experimentsuite AS suite
JOIN experiments_evalset AS evalset ON evalset.id = suite.eval_set_id
JOIN experiments_evalcase AS evalcase ON evalcase.eval_set_id = evalset.id
JOIN experiments_output AS baseline
  ON baseline.case_id = evalcase.id AND baseline.model_version_id = %(baseline)s AND baseline.error = ''
JOIN experiments_output AS candidate
  ON candidate.case_id = evalcase.id AND candidate.model_version_id = %(candidate)s AND candidate.error = ''
WHERE suite.experiment_id = %(experiment)s
"""

COUNT = f"""
SELECT category, count(*), count(*) FILTER (WHERE identical) FROM ({AVAILABLE}) AS available
GROUP BY category ORDER BY category
"""  # noqa: S608 both parts stand in this file


@dataclass(frozen=True)
class AvailablePairs:
    """Counts by category; `identical` pairs are part of them."""

    by_category: dict[str, int]
    identical: int

    @property
    def n(self) -> int:
        return sum(self.by_category.values())


def parameters(experiment: Experiment) -> dict[str, int]:
    return {
        "experiment": experiment.pk,
        "baseline": experiment.baseline_id,
        "candidate": experiment.candidate_id,
    }


def available_pairs(experiment: Experiment) -> AvailablePairs:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, parameters(experiment))
        rows = cursor.fetchall()
    return AvailablePairs({category: n for category, n, _ in rows}, sum(identical for _, _, identical in rows))
