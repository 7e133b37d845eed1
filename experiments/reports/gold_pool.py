"""The pairs of an experiment whose right verdict is known, so that they can measure reviewers."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from annotations.models import Campaign
from experiments.models import CampaignPlan, Experiment, GoldAnswer
from experiments.reports.available_pairs import AVAILABLE, parameters

Answer = GoldAnswer.Answer

# Identical pairs are never shown, so nobody can be measured by them.
POOL = f"""
SELECT available.*, known.answer
FROM ({AVAILABLE}) AS available
JOIN (
    SELECT DISTINCT ON (case_id) case_id, answer FROM experiments_goldanswer
    WHERE experiment_id = %(experiment)s ORDER BY case_id, id DESC
) AS known ON known.case_id = available.case_id
WHERE known.answer = ANY (%(answers)s) AND NOT available.identical
"""  # noqa: S608 a constant of ours
COUNT = f"SELECT category, count(*) FROM ({POOL}) AS pool GROUP BY category ORDER BY category"  # noqa: S608


@dataclass(frozen=True)
class GoldPool:
    """Counts by category; `unreachable` ones have an answer that the campaign does not offer."""

    by_category: dict[str, int]
    unreachable: int

    @property
    def n(self) -> int:
        return sum(self.by_category.values())


def answers_on_offer(campaign: Campaign) -> list[str]:
    answers = [Answer.CANDIDATE.value, Answer.BASELINE.value]
    if campaign.allow_tie:
        answers.append(Answer.TIE.value)
    if campaign.allow_both_bad:
        answers.append(Answer.BOTH_BAD.value)
    return answers


def gold_pool(plan: CampaignPlan, campaign: Campaign) -> GoldPool:
    experiment, eval_sets = plan.experiment, plan.eval_sets
    on_offer = answers_on_offer(campaign)
    others = [answer for answer in Answer.values if answer and answer not in on_offer]
    by_category = counted(experiment, on_offer, eval_sets)
    return GoldPool(by_category, sum(counted(experiment, others, eval_sets).values()) if others else 0)


def known_pairs(experiment: Experiment) -> int:
    """Whatever the answer, before a campaign says which ones it offers."""
    return sum(counted(experiment, [answer for answer in Answer.values if answer]).values())


def counted(experiment: Experiment, answers: list[str], eval_sets: Sequence[int] | None = None) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {**parameters(experiment, eval_sets), "answers": answers})
        return dict(cursor.fetchall())


def known_answer(experiment: Experiment, case_id: int) -> GoldAnswer | None:
    """The last word about a case, which may be that its answer is not known after all."""
    rows = GoldAnswer.objects.filter(experiment=experiment, case=case_id).select_related("created_by")
    return rows.order_by("-id").first()
