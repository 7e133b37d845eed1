"""From a draft to pairs that reviewers can claim: the plan is registered, the sides of the arms are drawn."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from annotations.models import Campaign, Criterion, Seat
from evalsite.platform import audit, jobs
from evalsite.platform.models import Job, User
from experiments.models import CampaignPlan
from experiments.reports.available_pairs import planned_pairs
from experiments.reports.sampling import Sizes
from experiments.reports.shown_response import shown_response
from experiments.services.campaigns import choosing, registration
from experiments.services.campaigns.naming import NamesAModel, refuse_model_names

OPEN_CAMPAIGN = "experiments.open_campaign"
CHUNK = 20_000

Entropy = Callable[[int], bytes]


class CannotOpen(Exception):
    """Says what is missing."""


def job_key(campaign: Campaign) -> str:
    return f"open campaign {campaign.uuid}"


def job_of(campaign: Campaign) -> Job | None:
    """The latest attempt to open this campaign."""
    return Job.objects.filter(key=job_key(campaign)).order_by("-created_at").first()


@transaction.atomic
def request_opening(*, campaign: Campaign, requested_by: User | None, now: datetime) -> Job:
    """Hand the work to a worker; asking twice is asking once."""
    held = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if held.status == Campaign.Status.DRAFT:
        refuse_incomplete(held)
        held.status = Campaign.Status.OPENING
        held.save(update_fields=["status"])
    elif held.status != Campaign.Status.OPENING:
        raise CannotOpen(f"This campaign is {held.get_status_display()} already.")
    return jobs.enqueue(
        kind=OPEN_CAMPAIGN,
        args={"campaign": str(campaign.uuid), "requested_by": requested_by.pk if requested_by else None},
        key=job_key(campaign),
        created_by=requested_by,
        now=now,
    )


def refuse_incomplete(campaign: Campaign) -> None:
    plan = CampaignPlan.objects.select_related("experiment__baseline", "experiment__candidate").get(campaign=campaign)
    if campaign.current_guidelines is None:
        raise CannotOpen("Write guidelines first: reviewers need to know what better means here.")
    if not Seat.objects.active().filter(campaign=campaign).exists():
        raise CannotOpen("Choose who may review first: nobody could claim a pair.")
    if not planned_pairs(plan).n:
        raise CannotOpen("There is no case for which both models have an output.")
    labels = Criterion.objects.filter(campaign=campaign).values_list("label", flat=True)
    words = [("The title", campaign.title), ("The question", campaign.question)]
    words += [("The guidelines", campaign.current_guidelines.text), *(("A criterion", label) for label in labels)]
    try:
        refuse_model_names(experiment=plan.experiment, texts=words)
    except NamesAModel as error:
        raise CannotOpen(str(error)) from error


def back_to_draft(*, campaign_uuid: UUID) -> bool:
    """After a failed opening, nothing of which was kept."""
    opening = Campaign.objects.filter(uuid=campaign_uuid, status=Campaign.Status.OPENING)
    return bool(opening.update(status=Campaign.Status.DRAFT))


def open_campaign(
    *,
    campaign_uuid: UUID,
    opened_by: User | None,
    now: datetime,
    entropy: Entropy = secrets.token_bytes,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
    guard: Callable[[], None] = lambda: None,
) -> Campaign:
    """Everything in one transaction: a campaign is registered and open with all its pairs, or still a draft."""
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).get(uuid=campaign_uuid)
        if campaign.status != Campaign.Status.OPENING:
            return campaign
        plan = CampaignPlan.objects.select_related("experiment__baseline", "experiment__candidate").get(
            campaign=campaign
        )
        progress(0, 1, "choosing the pairs")
        sizes = choosing.choose_pairs(plan=plan, campaign=campaign)
        refuse_nothing_to_judge()
        refuse_gold_missing(sizes)
        draw(entropy=entropy)
        counts = insert_pairs(campaign=campaign, plan=plan, progress=progress)
        registration.register(campaign=campaign, plan=plan, registered_by=opened_by, sizes=sizes, now=now, **counts)
        campaign.status, campaign.opened_at = Campaign.Status.OPEN, now
        campaign.n_tasks, campaign.n_identical = counts["n_tasks"], counts["n_identical"]
        campaign.save(update_fields=["status", "opened_at", "n_tasks", "n_identical"])
        audit.record(
            actor=opened_by,
            action="campaign.opened",
            subject=str(campaign.uuid),
            details={"title": campaign.title, "plan": plan.hash, "planned_judgments": plan.planned_judgments},
            now=now,
        )
        guard()
    return campaign


COUNT_CHOSEN = """
SELECT count(*) FILTER (WHERE NOT identical), count(*) FILTER (WHERE identical),
       encode(sha256(convert_to(
           string_agg(content_hash || ':' || external_id, chr(10) ORDER BY content_hash, external_id), 'UTF8'
       )), 'hex'),
       count(*) FILTER (WHERE gold <> ''),
       encode(sha256(convert_to(coalesce(string_agg(
           content_hash || ':' || external_id || ':' || gold, chr(10) ORDER BY content_hash, external_id
       ) FILTER (WHERE gold <> ''), ''), 'UTF8')), 'hex')
FROM chosen_pair
"""


def refuse_nothing_to_judge() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM chosen_pair WHERE NOT identical)")
        if not cursor.fetchone()[0]:
            raise CannotOpen("Both models say the same in every chosen case: there is nothing to judge.")


def refuse_gold_missing(sizes: Sizes) -> None:
    """Fewer than registered are said on the campaign's page; with none nothing would be measured."""
    if sizes.wanted and not sizes.n_gold:
        raise CannotOpen(
            "The plan asks for gold pairs, but no pair has a known answer yet: mark some on their pages, import them "
            "with a gold column, or set the gold share to 0."
        )


def draw(*, entropy: Entropy) -> None:
    """A place on the ring and the candidate's option for each chosen pair, from the entropy given."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chosen_pair")
        n = int(cursor.fetchone()[0])
        cursor.execute(
            "CREATE TEMPORARY TABLE drawn (place bigint, random_key bigint, candidate_option smallint) ON COMMIT DROP"
        )
        keys = distinct_keys(n, entropy)
        options = np.frombuffer(entropy(n), dtype=np.uint8) % 2 + 1
        with connection.wrap_database_errors, cursor.copy("COPY drawn FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "int8", "int2"])
            for row in zip(range(n), keys.tolist(), options.tolist(), strict=True):
                copy.write_row(row)
        cursor.execute("CREATE INDEX ON drawn (random_key)")
        cursor.execute("ANALYZE chosen_pair")
        cursor.execute("ANALYZE drawn")


def distinct_keys(n: int, entropy: Entropy) -> NDArray[np.uint64]:
    while True:
        keys = np.frombuffer(entropy(8 * n), dtype=np.uint64) >> np.uint64(1)
        if np.unique(keys).size == n:
            return keys


# In the order of their places, which is random: neither id nor position tells which case a pair is.
INSERT_TASKS = f"""
WITH inserted AS (
    INSERT INTO annotations_comparisontask (
        campaign_id, system, turns, prompt, response_1, response_2, identical, random_key, needed,
        taken, judged, option_1_left
    )
    SELECT %(campaign)s, evalcase.system, evalcase.turns, evalcase.prompt,
           CASE candidate_option WHEN 1 THEN {shown_response("candidate")} ELSE {shown_response("baseline")} END,
           CASE candidate_option WHEN 2 THEN {shown_response("candidate")} ELSE {shown_response("baseline")} END,
           chosen.identical, random_key, %(needed)s, 0, 0, 0
    FROM drawn
    JOIN chosen_pair AS chosen USING (place)
    JOIN experiments_evalcase AS evalcase ON evalcase.id = chosen.case_id
    JOIN experiments_output AS baseline ON baseline.id = chosen.baseline_id
    JOIN experiments_output AS candidate ON candidate.id = chosen.candidate_id
    WHERE random_key BETWEEN %(first)s AND %(last)s
    ORDER BY random_key
    RETURNING id, random_key
)
INSERT INTO experiments_blindedpair (
    task_id, campaign_id, experiment_id, case_id, baseline_output_id, candidate_output_id, candidate_option,
    category, identical, gold, baseline_length, candidate_length
)
SELECT inserted.id, %(campaign)s, %(experiment)s, case_id, baseline_id, candidate_id, candidate_option,
       category, identical, gold, baseline_length, candidate_length
FROM inserted JOIN drawn USING (random_key) JOIN chosen_pair USING (place)
"""  # noqa: S608 its parts stand in our own files


def insert_pairs(
    *, campaign: Campaign, plan: CampaignPlan, progress: Callable[[int, int, str], None]
) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT random_key FROM drawn ORDER BY random_key")
        keys = [row[0] for row in cursor.fetchall()]
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            values: Mapping[str, int] = {
                "campaign": campaign.pk,
                "experiment": plan.experiment_id,
                "needed": campaign.reviewers_per_pair,
                "first": chunk[0],
                "last": chunk[-1],
            }
            cursor.execute(INSERT_TASKS, values)
            progress(start + len(chunk), len(keys), "freezing the pairs")
        cursor.execute(COUNT_CHOSEN)
        names = ("n_tasks", "n_identical", "cases_hash", "n_gold", "gold_hash")
        counts = dict(zip(names, cursor.fetchone(), strict=True))
        cursor.execute(choosing.FORGET)
    return counts
