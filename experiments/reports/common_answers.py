"""Pairs on which given reviewers, or all of them, said the same or not, by verdict or by one criterion."""

from collections.abc import Sequence

import numpy as np
from django.db import connection
from numpy.typing import NDArray

# An answer is told by the response it names, not by the side that response stood on.
ANSWERS = """
SELECT task_id FROM (
    SELECT assignment.task_id,
           CASE given.answer WHEN 'a' THEN first_option::text WHEN 'b' THEN (3 - first_option)::text
                             ELSE given.answer END AS said
    FROM annotations_assignment AS assignment
    JOIN annotations_judgment AS judgment ON judgment.id = assignment.current_judgment_id
    CROSS JOIN LATERAL (
        SELECT CASE %(criterion)s WHEN '' THEN judgment.choice ELSE judgment.criteria->>%(criterion)s END AS answer
    ) AS given
    WHERE assignment.campaign_id = ANY (%(campaigns)s) AND assignment.state = 'judged' AND NOT assignment.surplus
      AND given.answer IS NOT NULL
      AND (%(everybody)s OR assignment.reviewer_id IN
           (SELECT id FROM platform_user WHERE username = ANY (%(among)s::varchar[])))
) AS answers
GROUP BY task_id
HAVING count(*) >= %(fewest)s
   AND (%(agreed)s::boolean IS NULL OR (count(*) > 1 AND (count(DISTINCT said) = 1) = %(agreed)s::boolean))
"""


def judged_by(
    campaigns: Sequence[int], *, among: Sequence[str] = (), criterion: str = "", agreed: bool | None = None
) -> NDArray[np.int64]:
    """Tasks that all of `among` (or anybody) answered; agreed: whether those answers are one, None for either."""
    with connection.cursor() as cursor:
        cursor.execute(
            ANSWERS,
            {
                "campaigns": list(campaigns),
                "everybody": not among,
                "among": list(among),
                "criterion": criterion,
                "fewest": max(1, len(among)),
                "agreed": agreed,
            },
        )
        return np.array([row[0] for row in cursor.fetchall()], dtype=np.int64)
