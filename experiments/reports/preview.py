"""What a draft will ask of its reviewers, before it is opened."""

from dataclasses import dataclass

from annotations.models import Campaign
from experiments.models import CampaignPlan
from experiments.reports.available_pairs import AvailablePairs, planned_pairs
from experiments.reports.gold_pool import gold_pool
from experiments.reports.sampling import Sizes, sizes

SECONDS_PER_JUDGMENT = 60


@dataclass(frozen=True)
class Preview:
    """In a sample the identical pairs are not known yet: the number of judgments is then the most there can be."""

    available: AvailablePairs
    chosen: int
    judgments: int
    reviewers: int
    reviewers_per_pair: int
    gold: Sizes
    unreachable: int

    @property
    def seconds(self) -> int:
        return self.judgments * SECONDS_PER_JUDGMENT

    @property
    def seconds_each(self) -> float | None:
        return self.seconds / self.reviewers if self.reviewers else None

    @property
    def too_few_reviewers(self) -> bool:
        return self.reviewers < self.reviewers_per_pair


def preview(campaign: Campaign, plan: CampaignPlan, *, reviewers: int) -> Preview:
    available, pool = planned_pairs(plan), gold_pool(plan, campaign)
    chosen = min(plan.sample_size or available.n, available.n)
    identical = available.identical if chosen == available.n else 0
    return Preview(
        available=available,
        chosen=chosen,
        judgments=(chosen - identical) * campaign.reviewers_per_pair,
        reviewers=reviewers,
        reviewers_per_pair=campaign.reviewers_per_pair,
        gold=sizes(plan=plan, available=available, pool=pool),
        unreachable=pool.unreachable,
    )
