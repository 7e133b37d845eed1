"""The statements of a judgment import, in the order in which they run."""

STAGE = """
CREATE TEMPORARY TABLE staged (
    row bigint, external_id text COLLATE "C", reviewer text, choice text, left_arm text, criteria jsonb,
    comment text, active_ms integer, judged_at timestamptz, judgment_id uuid DEFAULT gen_random_uuid(),
    reviewer_id bigint, task_id bigint, first_option smallint, candidate_left boolean
) ON COMMIT DROP
"""
FILL = "COPY staged (row, external_id, reviewer, choice, left_arm, criteria, comment, active_ms, judged_at) FROM STDIN"
# A temporary table is never analysed by itself; without counts the planner would take it for a handful of rows.
ANALYZE = "ANALYZE staged"

# The cases of the experiment by their ids, each with the number of sets that hold it.
KNOWN_CASES = """
CREATE TEMPORARY TABLE known_case ON COMMIT DROP AS
SELECT evalcase.external_id, count(*) AS sets,
       bool_and(
           EXISTS (SELECT FROM experiments_output WHERE case_id = evalcase.id
                   AND model_version_id = %(baseline)s AND error = '')
           AND EXISTS (SELECT FROM experiments_output WHERE case_id = evalcase.id
                       AND model_version_id = %(candidate)s AND error = '')
       ) AS has_pair
FROM experiments_experimentsuite AS suite
JOIN experiments_evalcase AS evalcase ON evalcase.eval_set_id = suite.eval_set_id
WHERE suite.experiment_id = %(experiment)s
  AND evalcase.external_id IN (SELECT external_id FROM staged)
GROUP BY evalcase.external_id
"""
UNFIT_IDS = """
SELECT staged.row, staged.external_id, known_case.sets, known_case.has_pair
FROM staged LEFT JOIN known_case USING (external_id)
WHERE known_case.external_id IS NULL OR known_case.sets > 1 OR NOT known_case.has_pair
ORDER BY staged.row
"""
REPEATED = """
SELECT row, external_id, reviewer, first_row
FROM (SELECT row, external_id, reviewer, min(row) OVER (PARTITION BY external_id, reviewer) AS first_row
      FROM staged) AS numbered
WHERE row > first_row ORDER BY row
"""

# 32,767 judgments of one pair are the most its counters can hold.
COUNTS = """
SELECT coalesce(sum(n), 0)::bigint AS judgments, coalesce(max(n), 1)::bigint AS most_per_pair,
       coalesce(sum(ties), 0)::bigint AS ties, coalesce(sum(both_bad), 0)::bigint AS both_bad
FROM (SELECT count(*) AS n, count(*) FILTER (WHERE choice = 'tie') AS ties,
             count(*) FILTER (WHERE choice = 'both_bad') AS both_bad
      FROM staged GROUP BY external_id) AS by_pair
"""
CRITERIA = "SELECT DISTINCT jsonb_object_keys(criteria) AS key FROM staged WHERE criteria <> '{}' ORDER BY key"
REVIEWERS = "SELECT reviewer FROM staged GROUP BY reviewer ORDER BY min(row)"
NUMBER_REVIEWERS = """
UPDATE staged SET reviewer_id = account.id
FROM unnest(%(names)s::text[], %(ids)s::bigint[]) AS account (name, id) WHERE account.name = staged.reviewer
"""

# Judged pairs of two equal responses are judgments all the same, so none is marked as identical. Nor is any gold: no
# share of them was registered before they were judged.
CHOSEN = """
CREATE TEMPORARY TABLE chosen_pair ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY case_id) - 1 AS place, case_id, category, external_id, content_hash, baseline_id,
       candidate_id, false AS identical, '' AS gold, baseline_length, candidate_length
FROM ({available}) AS available
WHERE external_id IN (SELECT external_id FROM staged)
"""

# Where the file does not say the side, one is invented by turns and marked as unknown in the import's row.
PLACE = """
UPDATE staged SET task_id = pair.task_id, candidate_left = side.candidate_left,
    first_option = CASE WHEN side.candidate_left THEN pair.candidate_option ELSE 3 - pair.candidate_option END
FROM experiments_blindedpair AS pair
JOIN experiments_evalcase AS evalcase ON evalcase.id = pair.case_id
CROSS JOIN LATERAL (VALUES (true), (false)) AS side (candidate_left)
WHERE pair.campaign_id = %(campaign)s AND evalcase.external_id = staged.external_id
  AND side.candidate_left =
      (CASE staged.left_arm WHEN '' THEN staged.row %% 2 = 0 ELSE staged.left_arm = 'candidate' END)
"""
ASSIGN = """
INSERT INTO annotations_assignment (
    uuid, task_id, campaign_id, reviewer_id, first_option, state, lease_until, claimed_at, finished_at, surplus,
    current_judgment_id, skip_reason, skip_comment
)
SELECT gen_random_uuid(), task_id, %(campaign)s, reviewer_id, first_option, 'judged', judged_at,
       judged_at - active_ms * interval '1 millisecond', judged_at, false, judgment_id, '', ''
FROM staged ORDER BY row
"""
JUDGE = """
INSERT INTO annotations_judgment (
    id, assignment_id, revision, choice, criteria, comment, active_ms, guidelines_id, body_hash, created_at
)
SELECT staged.judgment_id, assignment.id, 1,
       CASE WHEN choice IN ('tie', 'both_bad') THEN choice
            WHEN (choice = 'candidate') = candidate_left THEN 'a' ELSE 'b' END,
       CASE WHEN criteria = '{}' THEN criteria ELSE (
           SELECT jsonb_object_agg(key, CASE WHEN value = 'tie' THEN 'tie'
                                             WHEN (value = 'candidate') = candidate_left THEN 'a' ELSE 'b' END)
           FROM jsonb_each_text(criteria)
       ) END,
       comment, active_ms, NULL, encode(sha256(judgment_id::text::bytea), 'hex'), judged_at
FROM staged JOIN annotations_assignment AS assignment
  ON assignment.task_id = staged.task_id AND assignment.reviewer_id = staged.reviewer_id
"""
SETTLE = """
UPDATE annotations_comparisontask AS task
SET needed = judged.n, taken = judged.n, judged = judged.n, option_1_left = judged.option_1_left
FROM (SELECT task_id, count(*) AS n, count(*) FILTER (WHERE first_option = 1) AS option_1_left
      FROM staged GROUP BY task_id) AS judged
WHERE task.id = judged.task_id
"""
SEATS = """
SELECT reviewer_id, count(*), sum(active_ms)::bigint, max(finished_at), count(*) FILTER (WHERE first_option = 1)
FROM annotations_assignment JOIN annotations_judgment ON annotations_judgment.id = current_judgment_id
WHERE campaign_id = %(campaign)s GROUP BY reviewer_id ORDER BY reviewer_id
"""
FORGET = "DROP TABLE staged, known_case"
