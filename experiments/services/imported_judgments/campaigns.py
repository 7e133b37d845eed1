"""The closed campaign that staged judgments become."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from annotations.models import Campaign, Criterion, Seat
from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import CampaignPlan, Experiment, JudgmentImport
from experiments.services.campaigns import opening
from experiments.services.imported_judgments import accounts, rows, sql


@dataclass(frozen=True)
class Origin:
    filename: str
    sha256: str
    by: User | None
    now: datetime


def build(*, experiment: Experiment, origin: Origin, sides_known: bool, entropy: opening.Entropy) -> JudgmentImport:
    """From the rows staged in this transaction."""
    counts = rows.counts()
    campaign = make_campaign(origin, counts)
    plan = register(campaign, experiment, origin, counts["judgments"])
    rows.choose_judged_pairs(plan)
    opening.draw(entropy=entropy)
    pairs = opening.insert_pairs(campaign=campaign, plan=plan, progress=lambda done, total, note: None)
    rows.number_reviewers(accounts.make(rows.reviewers()))
    rows.insert_judgments(campaign)
    Seat.objects.bulk_create(seats(campaign, origin.now))
    campaign.n_tasks = pairs["n_tasks"]
    campaign.save(update_fields=["n_tasks"])
    rows.forget()
    return note(experiment, campaign, origin, counts["judgments"], sides_known=sides_known)


def make_campaign(origin: Origin, counts: dict[str, int]) -> Campaign:
    campaign = Campaign.objects.create(
        title=f"Judgments of {origin.filename}"[:200],
        question="Judged elsewhere",
        status=Campaign.Status.CLOSED,
        reviewers_per_pair=counts["most_per_pair"],
        allow_tie=counts["ties"] > 0,
        allow_both_bad=counts["both_bad"] > 0,
        created_by=origin.by,
        created_at=origin.now,
        opened_at=origin.now,
        closed_at=origin.now,
    )
    for position, key in enumerate(rows.criteria()):
        label = key.replace("_", " ").replace("-", " ").capitalize()
        Criterion.objects.create(campaign=campaign, key=key, label=label, position=position)
    return campaign


def register(campaign: Campaign, experiment: Experiment, origin: Origin, n: int) -> CampaignPlan:
    """What was planned elsewhere is not known: the plan says so, and names the bytes."""
    content: dict[str, Any] = {
        "campaign": str(campaign.uuid),
        "source": "imported judgments",
        "sha256": origin.sha256,
    }
    return CampaignPlan.objects.create(
        campaign=campaign,
        experiment=experiment,
        sampling=CampaignPlan.Sampling.IMPORTED,
        seed=0,
        planned_judgments=n,
        registered=content,
        hash=CampaignPlan.hash_of(content),
        registered_at=origin.now,
        registered_by=origin.by,
    )


def seats(campaign: Campaign, now: datetime) -> list[Seat]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SEATS, {"campaign": campaign.pk})
        return [
            Seat(
                campaign=campaign,
                reviewer_id=reviewer,
                created_at=now,
                removed_at=now,
                done=done,
                served=done,
                active_ms=active_ms,
                last_judged_at=last,
                option_1_left=option_1_left,
                ring_start=0,
                ring_cursor=0,
                lap=Seat.Lap.WALKED,
            )
            for reviewer, done, active_ms, last, option_1_left in cursor.fetchall()
        ]


def note(experiment: Experiment, campaign: Campaign, origin: Origin, n: int, *, sides_known: bool) -> JudgmentImport:
    audit.record(
        actor=origin.by,
        action="judgments.imported",
        subject=str(campaign.uuid),
        details={"experiment": experiment.name, "file": origin.filename, "sha256": origin.sha256, "judgments": n},
        now=origin.now,
    )
    return JudgmentImport.objects.create(
        experiment=experiment,
        campaign=campaign,
        filename=origin.filename[:255],
        sha256=origin.sha256,
        n_judgments=n,
        sides_known=sides_known,
        created_by=origin.by,
        created_at=origin.now,
    )
