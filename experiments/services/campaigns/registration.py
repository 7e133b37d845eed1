"""The plan as it is frozen: all that could be bent after looking, under one hash."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from annotations.models import Campaign, Criterion
from evalsite.platform.models import User
from experiments.models import CampaignPlan
from experiments.reports.sampling import Sizes
from experiments.reports.suite_pairs import named_suites

WIN_RATE = "win rate with ties and both bad as half, gold pairs left out"
ANALYSIS: dict[str, str] = {
    CampaignPlan.Stopping.FIXED: f"{WIN_RATE}, clustered by task and reviewer, two-sided, alpha .05",
    CampaignPlan.Stopping.SEQUENTIAL: f"{WIN_RATE}, mean of the pairs with all their judgments, betting confidence "
    "sequence over pairs in the order of their last judgments, alpha .05",
}


def register(
    *,
    campaign: Campaign,
    plan: CampaignPlan,
    registered_by: User | None,
    n_tasks: int,
    n_identical: int,
    cases_hash: str,
    n_gold: int,
    gold_hash: str,
    sizes: Sizes,
    now: datetime,
) -> CampaignPlan:
    plan.planned_judgments = n_tasks * campaign.reviewers_per_pair
    plan.n_gold = n_gold
    plan.registered = registered_content(
        campaign=campaign, plan=plan, n_tasks=n_tasks, n_identical=n_identical, cases_hash=cases_hash
    )
    plan.registered["gold"] = {
        "share": plan.gold_share,
        "threshold": plan.gold_threshold,
        "wanted": sizes.wanted,
        "n": n_gold,
        "answers": gold_hash,
    }
    plan.registered["left_out"] = asdict(sizes.left_out)
    plan.hash = CampaignPlan.hash_of(plan.registered)
    plan.registered_at, plan.registered_by = now, registered_by
    plan.save()
    return plan


def registered_content(
    *, campaign: Campaign, plan: CampaignPlan, n_tasks: int, n_identical: int, cases_hash: str
) -> dict[str, Any]:
    guidelines = campaign.current_guidelines
    criteria = Criterion.objects.filter(campaign=campaign).order_by("position")
    return {
        "campaign": str(campaign.uuid),
        "title": campaign.title,
        "question": campaign.question,
        "guidelines": guidelines.text if guidelines else "",
        "criteria": [{"key": one.key, "label": one.label, "required": one.required} for one in criteria],
        "reviewers_per_pair": campaign.reviewers_per_pair,
        "allow_tie": campaign.allow_tie,
        "allow_both_bad": campaign.allow_both_bad,
        "baseline": plan.experiment.baseline.content_hash,
        "candidate": plan.experiment.candidate.content_hash,
        "suites": named_suites(plan),
        "sampling": plan.sampling,
        "sample_size": plan.sample_size,
        "seed": plan.seed,
        "cases": cases_hash,
        "n_pairs": n_tasks,
        "n_identical": n_identical,
        "planned_judgments": plan.planned_judgments,
        "stopping": plan.stopping,
        "analysis": ANALYSIS[plan.stopping],
    }
