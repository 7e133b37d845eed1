"""An experiment whose pairs have been judged, at any size: opened by the real service, judgments made by SQL."""

from dataclasses import dataclass
from time import perf_counter

from django.db import connection, transaction
from django.utils import timezone

from annotations.models import Campaign, Seat
from benchmarks.campaign import make_reviewers
from evalsite.platform import invitations
from evalsite.platform.models import Role, User
from experiments.models import EvalSet, Experiment, ExperimentSuite, ModelVersion
from experiments.services.campaigns import drafts, opening
from experiments.services.campaigns.drafts import CampaignDraft

PER_PAIR = 3
REVIEWERS = 30

CASES = """
INSERT INTO experiments_evalcase (eval_set_id, position, external_id, system, turns, prompt, expected, category,
                                  tags, cluster, metadata)
SELECT %(set)s, n, 'case-' || n, '', '[]', 'How do I export invoice ' || n || ' as CSV, with accents kept?', '',
       (ARRAY['billing', 'api', 'how-to', 'troubleshooting'])[1 + n %% 4], '[]', '', '{}'
FROM generate_series(1, %(pairs)s) AS n
"""
OUTPUTS = """
INSERT INTO experiments_output (model_version_id, case_id, text, finish_reason, error)
SELECT %(model)s, id,
       %(text)s || repeat(' Step ' || position || ': tick the row, then press *Export*.', 1 + position %% 5), '', ''
FROM experiments_evalcase WHERE eval_set_id = %(set)s
"""
# Each pair is judged by PER_PAIR reviewers in a row; which ones, and what they say, follows from the pair's number.
TURNS = """
CREATE TEMPORARY TABLE turn AS
SELECT task.id AS task_id, seats.reviewer_id, place, 1 + ((task.id + place) %% 2)::int AS first_option,
       gen_random_uuid() AS judgment_id, now() - ((task.id %% 200000) || ' seconds')::interval AS judged_at,
       (hashint8(task.id * 31 + place) & 1023) AS dice
FROM annotations_comparisontask AS task
CROSS JOIN generate_series(0, %(per_pair)s - 1) AS place
JOIN (SELECT reviewer_id, row_number() OVER (ORDER BY id) - 1 AS seat FROM annotations_seat
      WHERE campaign_id = %(campaign)s) AS seats ON seats.seat = (task.id + place * 7) %% %(reviewers)s
WHERE task.campaign_id = %(campaign)s;
ANALYZE turn
"""
ASSIGN = """
INSERT INTO annotations_assignment (uuid, task_id, campaign_id, reviewer_id, first_option, state, lease_until,
                                    claimed_at, finished_at, surplus, current_judgment_id, skip_reason, skip_comment)
SELECT gen_random_uuid(), task_id, %(campaign)s, reviewer_id, first_option, 'judged', judged_at, judged_at,
       judged_at, false, judgment_id, '', ''
FROM turn ORDER BY judged_at
"""
JUDGE = """
INSERT INTO annotations_judgment (id, assignment_id, revision, choice, criteria, comment, active_ms, body_hash,
                                  created_at)
SELECT judgment_id, assignment.id, 1,
       CASE WHEN dice < 420 THEN 'a' WHEN dice < 780 THEN 'b' WHEN dice < 980 THEN 'tie' ELSE 'both_bad' END,
       jsonb_build_object('correctness', CASE WHEN dice %% 3 = 0 THEN 'a' WHEN dice %% 3 = 1 THEN 'b' ELSE 'tie' END,
                          'helpfulness', CASE WHEN dice %% 5 < 2 THEN 'a' ELSE 'tie' END),
       CASE WHEN dice < 100 THEN 'The second step is wrong, the rest is fine.' ELSE '' END,
       5000 + dice * 60, '', judged_at
FROM turn JOIN annotations_assignment AS assignment USING (task_id, reviewer_id);
DROP TABLE turn
"""
COUNT = """
UPDATE annotations_comparisontask SET taken = needed, judged = needed, option_1_left = 1
WHERE campaign_id = %(campaign)s;
UPDATE annotations_seat SET done = counted.n, served = counted.n, last_judged_at = counted.last
FROM (SELECT reviewer_id, count(*) AS n, max(finished_at) AS last FROM annotations_assignment
      WHERE campaign_id = %(campaign)s GROUP BY reviewer_id) AS counted
WHERE annotations_seat.campaign_id = %(campaign)s AND annotations_seat.reviewer_id = counted.reviewer_id
"""
TABLES = (
    "annotations_comparisontask", "annotations_assignment", "annotations_judgment", "annotations_seat",
    "experiments_blindedpair", "experiments_evalcase", "experiments_output",
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    experiment: Experiment
    campaign: Campaign
    lead: User
    judgments: int
    opening_seconds: float


def make_judged(*, judgments: int) -> Judged:
    pairs = -(-judgments // PER_PAIR)
    experiment = make_experiment(pairs)
    campaign, seconds = open_campaign(experiment, pairs)
    values = {"campaign": campaign.pk, "per_pair": PER_PAIR, "reviewers": REVIEWERS}
    with connection.cursor() as cursor:
        with transaction.atomic():
            for statement in (TURNS, ASSIGN, JUDGE, COUNT):
                cursor.execute(statement, values)
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
    lead = invitations.create_person(username=f"lead of {pairs}", password=None, roles=[Role.LEAD])
    return Judged(experiment, campaign, lead, pairs * PER_PAIR, seconds)


def make_experiment(pairs: int) -> Experiment:
    now = timezone.now()
    baseline, candidate = (
        ModelVersion.objects.create(name=f"{name} {pairs}", version="1", content_hash=f"{name}{pairs}", created_at=now)
        for name in ("baseline", "candidate")
    )
    eval_set = EvalSet.objects.create(
        name=f"{pairs} pairs", version=1, content_hash=str(pairs), n_cases=pairs, created_at=now
    )
    experiment = Experiment.objects.create(
        name=f"{pairs} pairs", baseline=baseline, candidate=candidate, created_at=now
    )
    ExperimentSuite.objects.create(experiment=experiment, eval_set=eval_set)
    with connection.cursor() as cursor:
        cursor.execute(CASES, {"set": eval_set.pk, "pairs": pairs})
        for model, text in ((baseline, "Open the list."), (candidate, "In the invoice list:")):
            cursor.execute(OUTPUTS, {"set": eval_set.pk, "model": model.pk, "text": text})
        for table in ("experiments_evalcase", "experiments_output"):
            cursor.execute(f"VACUUM ANALYZE {table}")
    return experiment


def open_campaign(experiment: Experiment, pairs: int) -> tuple[Campaign, float]:
    now = timezone.now()
    draft = CampaignDraft(title="Measured round", guidelines="Choose the answer you would send.")
    campaign = drafts.create(experiment=experiment, draft=draft, created_by=None, now=now)
    make_reviewers(campaign=campaign, count=REVIEWERS, now=now, name=f"reviewer of {pairs} number ")
    Seat.objects.filter(campaign=campaign).update(guidelines_seen=1)
    opening.request_opening(campaign=campaign, requested_by=None, now=now)
    started = perf_counter()
    opened = opening.open_campaign(campaign_uuid=campaign.uuid, opened_by=None, now=now)
    return opened, perf_counter() - started
