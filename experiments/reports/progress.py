"""How far campaigns are, from counters alone: cheap at any number of judgments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, Sum

from annotations.models import Campaign, Seat
from experiments.models import CampaignPlan, Unblinding

NOTHING_YET = {"done": 0, "surplus": 0, "skipped": 0, "reviewers": 0, "last_judged_at": None}


@dataclass(frozen=True)
class Progress:
    """`counted` judgments enter the statistics; surplus ones came when the pair had all it asked for."""

    campaign_id: int
    status: str
    done: int
    surplus: int
    skipped: int
    reviewers: int
    planned: int | None
    unblinded: bool
    last_judged_at: datetime | None

    @property
    def counted(self) -> int:
        return self.done - self.surplus

    @property
    def is_complete(self) -> bool:
        return self.planned is not None and self.counted >= self.planned

    @property
    def revealed(self) -> bool:
        """Direction is told when the registered number of judgments is in, or after a logged unblinding."""
        return self.is_complete or self.unblinded

    @property
    def source(self) -> str:
        """Changes whenever a result computed before could be out of date."""
        last = self.last_judged_at.isoformat() if self.last_judged_at else ""
        return f"{self.done}/{self.surplus}/{self.skipped}/{last}/{self.revealed}"


def progress_of(campaigns: Iterable[Campaign]) -> dict[int, Progress]:
    by_id = {campaign.pk: campaign for campaign in campaigns}
    counters = seat_counters(list(by_id))
    planned = dict(CampaignPlan.objects.filter(campaign__in=by_id).values_list("campaign_id", "planned_judgments"))
    unblinded = set(Unblinding.objects.filter(campaign__in=by_id).values_list("campaign_id", flat=True))
    return {
        pk: Progress(
            campaign_id=pk,
            status=campaign.status,
            planned=planned.get(pk),
            unblinded=pk in unblinded,
            **counters.get(pk, NOTHING_YET),
        )
        for pk, campaign in by_id.items()
    }


def seat_counters(campaigns: list[int]) -> dict[int, dict[str, Any]]:
    seats = Seat.objects.filter(campaign__in=campaigns).order_by().values("campaign_id")
    rows = seats.annotate(
        sum_done=Sum("done"),
        sum_surplus=Sum("surplus"),
        sum_skipped=Sum("skipped"),
        seated=Count("pk", filter=Q(removed_at__isnull=True)),
        last=Max("last_judged_at"),
    )
    return {
        row["campaign_id"]: {
            "done": row["sum_done"],
            "surplus": row["sum_surplus"],
            "skipped": row["sum_skipped"],
            "reviewers": row["seated"],
            "last_judged_at": row["last"],
        }
        for row in rows
    }
