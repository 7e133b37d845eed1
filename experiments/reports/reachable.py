"""How many of a campaign's judgments can still come in, with the reviewers it has and what they skipped."""

from dataclasses import asdict, dataclass

from django.db import connection

from annotations.models import Campaign
from experiments.reports.progress import Progress

# A pair can get as many more as there are reviewers who have neither judged nor skipped it.
STILL_TO_COME = """
WITH active AS (
    SELECT reviewer_id FROM annotations_seat WHERE campaign_id = %(campaign)s AND removed_at IS NULL
), seats AS (
    SELECT count(*) AS n FROM active
), finished AS (
    SELECT task_id, count(*) FILTER (WHERE state = 'judged') AS judged,
           count(*) FILTER (WHERE state = 'skipped') AS skipped
    FROM annotations_assignment JOIN active USING (reviewer_id)
    WHERE campaign_id = %(campaign)s AND state IN ('judged', 'skipped')
    GROUP BY task_id
), pair AS (
    SELECT needed - task.judged AS missing,
           greatest(0, seats.n - coalesce(finished.judged, 0) - coalesce(finished.skipped, 0)) AS free,
           coalesce(finished.skipped, 0) AS skipped
    FROM annotations_comparisontask AS task CROSS JOIN seats LEFT JOIN finished ON finished.task_id = task.id
    WHERE campaign_id = %(campaign)s AND NOT identical AND task.judged < needed
)
SELECT coalesce(sum(least(missing, free)), 0)::bigint, coalesce(sum(least(missing, free + skipped)), 0)::bigint,
       count(*) FILTER (WHERE missing > free)
FROM pair
"""


@dataclass(frozen=True)
class Reachable:
    """`most` judgments with things as they are, `with_skips` if skipped pairs were offered again."""

    most: int
    with_skips: int
    short_pairs: int

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def reachable(campaign: Campaign, progress: Progress) -> Reachable:
    """Costly with many pairs, so it is only asked where something can stand in the way."""
    possible = campaign.n_tasks * campaign.reviewers_per_pair
    if not progress.skipped and progress.reviewers >= campaign.reviewers_per_pair:
        return Reachable(possible, possible, 0)
    with connection.cursor() as cursor:
        cursor.execute(STILL_TO_COME, {"campaign": campaign.pk})
        free, with_skips, short = cursor.fetchone()
    return Reachable(progress.counted + free, progress.counted + with_skips, short)
