"""The four tables: their columns and the query behind each, read through a server-side cursor.

Gold pairs stand in the first with their known answer; the others are about the models and leave them out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection, transaction

from experiments.models import Experiment

FETCH = 2000

# One row per counted or surplus judgment, with sides turned into arms. Imported ones may never have had a side.
JUDGED = """
WITH judged AS (
    SELECT assignment.id, assignment.task_id, assignment.surplus, assignment.finished_at, judgment.*,
           pair.candidate_option = assignment.first_option AS candidate_left, pair.category, pair.gold,
           evalcase.external_id AS question_id, account.username AS reviewer, guidelines.number AS guidelines_number,
           campaign.title AS campaign, coalesce(imported.sides_known, true) AS sides_known,
           CASE WHEN judgment.choice IN ('tie', 'both_bad') THEN judgment.choice
                WHEN (judgment.choice = 'a') = (pair.candidate_option = assignment.first_option)
                THEN 'candidate' ELSE 'baseline' END AS winner
    FROM annotations_assignment AS assignment
    JOIN (SELECT id AS judgment_id, choice, criteria, comment, active_ms, revision, guidelines_id
          FROM annotations_judgment) AS judgment ON judgment.judgment_id = assignment.current_judgment_id
    JOIN experiments_blindedpair AS pair ON pair.task_id = assignment.task_id
    JOIN experiments_evalcase AS evalcase ON evalcase.id = pair.case_id
    JOIN annotations_campaign AS campaign ON campaign.id = assignment.campaign_id
    JOIN platform_user AS account ON account.id = assignment.reviewer_id
    LEFT JOIN experiments_judgmentimport AS imported ON imported.campaign_id = assignment.campaign_id
    LEFT JOIN annotations_guidelinesversion AS guidelines ON guidelines.id = judgment.guidelines_id
    WHERE assignment.campaign_id = ANY (%(campaigns)s) AND assignment.state = 'judged'
)
"""
SECONDS = "to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
CRITERIA = """
(SELECT coalesce(jsonb_object_agg(key, CASE WHEN value = 'tie' THEN 'tie'
                                            WHEN (value = 'a') = candidate_left THEN 'candidate'
                                            ELSE 'baseline' END), '{}')
 FROM jsonb_each_text(criteria))
"""
JUDGMENTS = f"""{JUDGED}
SELECT campaign, question_id, category, reviewer,
       CASE WHEN sides_known OR choice IN ('tie', 'both_bad') THEN choice END, winner,
       CASE WHEN NOT sides_known THEN NULL WHEN candidate_left THEN 'candidate' ELSE 'baseline' END,
       CASE WHEN criteria = '{{}}' THEN criteria ELSE {CRITERIA} END,
       comment, active_ms, revision, guidelines_number, surplus, {SECONDS}, gold
FROM judged ORDER BY id
"""  # noqa: S608 constants of this file, as below
BATTLES = f"""{JUDGED}
SELECT question_id,
       CASE WHEN candidate_left THEN %(candidate)s::text ELSE %(baseline)s::text END,
       CASE WHEN candidate_left THEN %(baseline)s::text ELSE %(candidate)s::text END,
       CASE choice WHEN 'a' THEN 'model_a' WHEN 'b' THEN 'model_b' WHEN 'tie' THEN 'tie' ELSE 'tie (bothbad)' END,
       reviewer, 1, true, category, extract(epoch FROM finished_at)::float8
FROM judged WHERE NOT surplus AND gold = '' ORDER BY id
"""  # noqa: S608
LABELS = f"""{JUDGED}
SELECT question_id, reviewer, winner FROM judged WHERE NOT surplus AND gold = '' ORDER BY id
"""  # noqa: S608
# The commonest answer of each pair, where it is one of the two arms and no other answer is as common.
PREFERENCES = """
WITH counted AS (
    SELECT pair.task_id,
           count(*) FILTER (WHERE choice = CASE WHEN candidate_option = first_option THEN 'a' ELSE 'b' END) AS wins,
           count(*) FILTER (WHERE choice = CASE WHEN candidate_option = first_option THEN 'b' ELSE 'a' END) AS losses,
           count(*) FILTER (WHERE choice = 'tie') AS ties,
           count(*) FILTER (WHERE choice = 'both_bad') AS both_bad
    FROM annotations_assignment AS assignment
    JOIN annotations_judgment AS judgment ON judgment.id = assignment.current_judgment_id
    JOIN experiments_blindedpair AS pair ON pair.task_id = assignment.task_id
    WHERE assignment.campaign_id = ANY (%(campaigns)s) AND assignment.state = 'judged' AND NOT assignment.surplus
      AND pair.gold = ''
    GROUP BY pair.task_id
)
SELECT evalcase.external_id, task.system, task.turns, task.prompt,
       CASE WHEN (wins > losses) = (candidate_option = 1) THEN response_1 ELSE response_2 END,
       CASE WHEN (wins > losses) = (candidate_option = 1) THEN response_2 ELSE response_1 END,
       pair.category, greatest(wins, losses), least(wins, losses), ties + both_bad
FROM counted
JOIN experiments_blindedpair AS pair USING (task_id)
JOIN experiments_evalcase AS evalcase ON evalcase.id = pair.case_id
JOIN annotations_comparisontask AS task ON task.id = pair.task_id
WHERE wins <> losses AND greatest(wins, losses) > greatest(ties, both_bad)
ORDER BY task_id
"""


@dataclass(frozen=True)
class Table:
    name: str
    about: str
    columns: tuple[str, ...]
    query: str
    json_places: tuple[int, ...] = ()


TABLES = {
    one.name: one
    for one in (
        Table(
            "judgments",
            "one row per judgment, with choice as seen, winner by arm, criteria, comment and time",
            ("campaign", "question_id", "category", "reviewer", "choice", "winner", "left_arm", "criteria", "comment",
             "active_ms", "revision", "guidelines", "surplus", "judged_at", "gold"),
            JUDGMENTS,
            json_places=(7,),
        ),
        Table(
            "battles",
            "as arena leaderboards read them: model_a stood on the left",
            ("question_id", "model_a", "model_b", "winner", "judge", "turn", "anony", "category", "tstamp"),
            BATTLES,
        ),
        Table(
            "preferences",
            "prompt, chosen and rejected for each pair whose majority decided, for preference training",
            ("id", "system", "turns", "prompt", "chosen", "rejected", "category", "votes_chosen", "votes_rejected",
             "votes_neither"),
            PREFERENCES,
            json_places=(2,),
        ),
        Table("labels", "task, worker, label, as crowd-labelling tools read them", ("task", "worker", "label"), LABELS),
    )
}  # fmt: skip


def table(name: str, *, experiment: Experiment, campaigns: Sequence[int]) -> Iterator[list[Any]]:
    """The rows, in the order of the judgments. Nothing is held in memory but the rows being sent."""
    wanted = TABLES[name]
    baseline, candidate = model_names(experiment)
    params: dict[str, Any] = {"campaigns": list(campaigns), "baseline": baseline, "candidate": candidate}
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(wanted.query, params)
        while rows := cursor.fetchmany(FETCH):
            for row in rows:
                yield decoded(row, wanted.json_places)


def decoded(row: Sequence[Any], json_places: tuple[int, ...]) -> list[Any]:
    """Django leaves jsonb as text where a query is written by hand."""
    values = list(row)
    for place in json_places:
        if isinstance(values[place], str):
            values[place] = orjson.loads(values[place])
    return values


def model_names(experiment: Experiment) -> tuple[str, str]:
    """Two names that differ, with the version where the name alone does not tell."""
    baseline, candidate = experiment.baseline, experiment.candidate
    if baseline.name != candidate.name:
        return baseline.name, candidate.name
    return f"{baseline.name} {baseline.version}", f"{candidate.name} {candidate.version}"
