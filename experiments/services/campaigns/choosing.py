"""Which pairs a campaign asks about: seeded, each category in its share, some of them with a known answer."""

from typing import Any

from django.db import connection

from annotations.models import Campaign
from experiments.models import CampaignPlan
from experiments.reports.available_pairs import AVAILABLE, parameters, planned_pairs
from experiments.reports.gold_pool import POOL, answers_on_offer, gold_pool
from experiments.reports.sampling import Sizes, sizes

# The order within a category comes from the seed and the case's own id, so that anybody can draw it again.
GOLD = f"""
CREATE TEMPORARY TABLE gold_pair ON COMMIT DROP AS
SELECT case_id, answer
FROM (
    SELECT pool.*, row_number() OVER (
        PARTITION BY category ORDER BY
            sha256(convert_to(%(seed)s || ':gold:' || content_hash || ':' || external_id, 'UTF8')), case_id
    ) AS rank
    FROM ({POOL}) AS pool
) AS ranked
JOIN unnest(%(categories)s::varchar[], %(quotas)s::integer[]) AS quota (name, size) ON quota.name = ranked.category
WHERE rank <= quota.size
"""  # noqa: S608 a constant of ours
CHOOSE = f"""
CREATE TEMPORARY TABLE chosen_pair ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY case_id) - 1 AS place, ranked.*
FROM (
    SELECT available.*, coalesce(gold_pair.answer, '') AS gold, row_number() OVER (
        PARTITION BY category, gold_pair.answer IS NULL ORDER BY
            sha256(convert_to(%(seed)s || ':' || content_hash || ':' || external_id, 'UTF8')), available.case_id
    ) AS rank
    FROM ({AVAILABLE}) AS available LEFT JOIN gold_pair ON gold_pair.case_id = available.case_id
) AS ranked
JOIN unnest(%(categories)s::varchar[], %(quotas)s::integer[]) AS quota (name, size) ON quota.name = ranked.category
WHERE gold <> '' OR rank <= quota.size
"""  # noqa: S608 a constant of ours
FORGET = "DROP TABLE IF EXISTS chosen_pair, gold_pair, drawn"


def choose_pairs(*, plan: CampaignPlan, campaign: Campaign) -> Sizes:
    """Into a temporary table: place, case, outputs, category, and the known answer of those drawn as gold."""
    pool = gold_pool(plan, campaign)
    found = sizes(plan=plan, available=planned_pairs(plan), pool=pool)
    run(GOLD, plan, found.gold, answers=answers_on_offer(campaign))
    run(CHOOSE, plan, found.others)
    return found


def run(statement: str, plan: CampaignPlan, by_category: dict[str, int], **more: Any) -> None:
    values = {
        **parameters(plan.experiment, plan.eval_sets),
        "seed": str(plan.seed),
        "categories": list(by_category),
        "quotas": list(by_category.values()),
        **more,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
