"""A campaign before it opens: everything can still be changed, and nobody has seen a pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random, SystemRandom
from uuid import UUID, uuid4

from django.db import transaction

from annotations.models import Campaign, Criterion, Seat
from annotations.services import guidelines, seats
from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import CampaignPlan, Experiment
from experiments.reports.suite_pairs import default_sets
from experiments.services.campaigns.naming import refuse_model_names

SYSTEM_RANDOM = SystemRandom()
SEEDS = 2**53


class NotADraft(Exception):
    """The campaign has been registered, so its plan stands."""


@dataclass(frozen=True, kw_only=True)
class AskedCriterion:
    key: str
    label: str
    required: bool = False


DEFAULT_CRITERIA = tuple(AskedCriterion(key=key, label=label) for key, label in Criterion.DEFAULTS)


@dataclass(frozen=True, kw_only=True)
class CampaignDraft:
    """What a lead fills in."""

    title: str
    question: str = "Which response is better?"
    guidelines: str = ""
    criteria: Sequence[AskedCriterion] = DEFAULT_CRITERIA
    reviewers_per_pair: int = 3
    allow_tie: bool = True
    allow_both_bad: bool = True
    eval_sets: Sequence[int] | None = None
    """Ids of those whose cases are drawn from; None for the suites that the candidate was made for."""
    sample_size: int | None = None
    gold_share: float = 0
    gold_threshold: float = 0.7
    stopping: str = CampaignPlan.Stopping.FIXED
    reviewers: Sequence[User] = ()

    def words(self) -> list[tuple[str, str]]:
        """All that reviewers will read."""
        labels = [("A criterion", criterion.label) for criterion in self.criteria]
        return [
            ("The title", self.title),
            ("The question", self.question),
            ("The guidelines", self.guidelines),
            *labels,
        ]


@transaction.atomic
def create(
    *,
    experiment: Experiment,
    draft: CampaignDraft,
    created_by: User | None,
    now: datetime,
    uuid: UUID | None = None,
    rng: Random = SYSTEM_RANDOM,
) -> Campaign:
    """The seed of the sample is drawn here, once: it cannot be tried again until the sample pleases.

    Asked again with the same uuid, it returns what was made the first time.
    """
    refuse_model_names(experiment=experiment, texts=draft.words())
    campaign, is_new = Campaign.objects.get_or_create(
        uuid=uuid or uuid4(), defaults={"created_by": created_by, "created_at": now, **fields_of(draft)}
    )
    if not is_new:
        return campaign
    CampaignPlan.objects.create(
        campaign=campaign, experiment=experiment, seed=rng.randrange(SEEDS), **sampling_of(draft, experiment)
    )
    fill(campaign=campaign, draft=draft, now=now)
    audit.record(
        actor=created_by, action="campaign.drafted", subject=str(campaign.uuid), details={"title": draft.title}, now=now
    )
    return campaign


@transaction.atomic
def change(*, campaign: Campaign, draft: CampaignDraft, changed_by: User | None, now: datetime) -> None:
    held = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if held.status != Campaign.Status.DRAFT:
        raise NotADraft("This campaign is registered: its plan cannot be changed any more.")
    plan = CampaignPlan.objects.select_related("experiment__baseline", "experiment__candidate").get(campaign=campaign)
    refuse_model_names(experiment=plan.experiment, texts=draft.words())
    Campaign.objects.filter(pk=campaign.pk).update(**fields_of(draft))
    CampaignPlan.objects.filter(pk=plan.pk).update(**sampling_of(draft, plan.experiment))
    fill(campaign=campaign, draft=draft, now=now)
    audit.record(
        actor=changed_by, action="campaign.changed", subject=str(campaign.uuid), details={"title": draft.title}, now=now
    )


@transaction.atomic
def discard(*, campaign: Campaign, discarded_by: User, now: datetime) -> None:
    held = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if held.status != Campaign.Status.DRAFT:
        raise NotADraft("This campaign is registered and stays on record; close it instead.")
    audit.record(
        actor=discarded_by,
        action="campaign.discarded",
        subject=str(campaign.uuid),
        details={"title": campaign.title},
        now=now,
    )
    Campaign.objects.filter(pk=campaign.pk).update(current_guidelines=None)
    held.delete()


def fields_of(draft: CampaignDraft) -> dict[str, object]:
    return {
        "title": draft.title,
        "question": draft.question,
        "reviewers_per_pair": draft.reviewers_per_pair,
        "allow_tie": draft.allow_tie,
        "allow_both_bad": draft.allow_both_bad,
    }


def sampling_of(draft: CampaignDraft, experiment: Experiment) -> dict[str, object]:
    sampling = CampaignPlan.Sampling.SAMPLE if draft.sample_size else CampaignPlan.Sampling.ALL
    return {
        "sampling": sampling,
        "eval_sets": default_sets(experiment) if draft.eval_sets is None else sorted(draft.eval_sets),
        "sample_size": draft.sample_size,
        "gold_share": draft.gold_share,
        "gold_threshold": draft.gold_threshold,
        "stopping": draft.stopping,
    }


def fill(*, campaign: Campaign, draft: CampaignDraft, now: datetime) -> None:
    """Criteria, guidelines and reviewers as the draft has them, nothing left from before."""
    Criterion.objects.filter(campaign=campaign).delete()
    Criterion.objects.bulk_create(
        Criterion(campaign=campaign, key=one.key, label=one.label, required=one.required, position=position)
        for position, one in enumerate(draft.criteria)
    )
    if draft.guidelines:
        guidelines.publish(campaign=campaign, text=draft.guidelines, now=now)
    Seat.objects.filter(campaign=campaign).exclude(reviewer__in=draft.reviewers).delete()
    for reviewer in draft.reviewers:
        seats.add(campaign=campaign, reviewer=reviewer, now=now)
