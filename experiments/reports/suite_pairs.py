"""The suites of an experiment as a campaign may choose them, each with the pairs it has to offer."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from experiments.models import CampaignPlan, Experiment, ExperimentSuite, SuiteRole
from experiments.reports.available_pairs import AVAILABLE, parameters

BY_SUITE = f"""
SELECT evalset.id, evalset.name, evalset.version, suite.role, coalesce(counted.n, 0), coalesce(counted.identical, 0)
FROM experiments_experimentsuite AS suite
JOIN experiments_evalset AS evalset ON evalset.id = suite.eval_set_id
LEFT JOIN (
    SELECT content_hash, count(*) AS n, count(*) FILTER (WHERE identical) AS identical
    FROM ({AVAILABLE}) AS available GROUP BY content_hash
) AS counted USING (content_hash)
WHERE suite.experiment_id = %(experiment)s
ORDER BY suite.id
"""  # noqa: S608 both parts are our own


@dataclass(frozen=True)
class SuitePairs:
    """`identical` ones are part of `n`."""

    eval_set: int
    name: str
    version: int
    role: str
    n: int
    identical: int

    @property
    def words(self) -> str:
        equal = f", {self.identical:,} of them identical" if self.identical else ""
        return f"{self.name} v{self.version} ({self.role}): {self.n:,} pair{'' if self.n == 1 else 's'}{equal}"


def suite_pairs(experiment: Experiment) -> list[SuitePairs]:
    with connection.cursor() as cursor:
        cursor.execute(BY_SUITE, parameters(experiment))
        return [SuitePairs(*row) for row in cursor.fetchall()]


def default_of(roles: Mapping[int, str]) -> list[int]:
    """What the candidate was made for, where a suite says so; else all."""
    return [pk for pk, role in roles.items() if role == SuiteRole.TARGET] or list(roles)


def default_sets(experiment: Experiment) -> list[int]:
    suites = ExperimentSuite.objects.filter(experiment=experiment).order_by("pk")
    return default_of(dict(suites.values_list("eval_set_id", "role")))


def planned_sets(plan: CampaignPlan) -> list[int]:
    if plan.eval_sets is not None:
        return list(plan.eval_sets)
    return list(plan.experiment.suites.order_by("pk").values_list("eval_set_id", flat=True))


def named_suites(plan: CampaignPlan) -> list[dict[str, str]]:
    """As they are registered; nothing where a plan was registered without naming any."""
    if plan.registered is not None:
        found: list[dict[str, str]] = plan.registered.get("suites", [])
        return found
    suites = plan.experiment.suites.filter(eval_set__in=planned_sets(plan)).select_related("eval_set").order_by("pk")
    return [{"name": str(one.eval_set), "role": one.role, "content": one.eval_set.content_hash} for one in suites]
