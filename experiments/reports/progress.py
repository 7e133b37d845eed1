"""How far campaigns are, from counters alone: cheap at any number of judgments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from annotations.models import Campaign, Flag, Seat
from experiments.models import CampaignPlan, PlanAmendment, SequentialStop, Unblinding

NOTHING_YET = {"done": 0, "surplus": 0, "skipped": 0, "reviewers": 0, "last_judged_at": None}
# Of computing results. Raised when the same judgments give other figures, so that those kept before are out of date.
WAY = 2
UNPLANNED = {"planned": None, "unblinded": False, "stopped": False}


@dataclass(frozen=True)
class Progress:
    """`counted` judgments enter the statistics; surplus ones came when the pair had all it asked for.

    `planned` is the registered number, or what it was lowered to on record.
    """

    campaign_id: int
    status: str
    done: int
    surplus: int
    skipped: int
    reviewers: int
    planned: int | None
    unblinded: bool
    last_judged_at: datetime | None
    flags: int
    stopped: bool

    @property
    def counted(self) -> int:
        return self.done - self.surplus

    @property
    def is_complete(self) -> bool:
        return self.planned is not None and self.counted >= self.planned

    @property
    def revealed(self) -> bool:
        """Told when the registered judgments are in or the registered rule stopped, or after a logged unblinding."""
        return self.is_complete or self.stopped or self.unblinded

    @property
    def source(self) -> str:
        """Changes whenever a result computed before could be out of date."""
        last = self.last_judged_at.isoformat() if self.last_judged_at else ""
        counters = (self.done, self.surplus, self.skipped, self.reviewers, self.flags)
        return f"{'/'.join(str(one) for one in counters)}/{last}/{self.revealed}/{WAY}"


def progress_of(campaigns: Iterable[Campaign]) -> dict[int, Progress]:
    by_id = {campaign.pk: campaign for campaign in campaigns}
    counters, plans, flags = seat_counters(list(by_id)), plan_states(by_id), flag_counts(by_id)
    return {
        pk: Progress(
            campaign_id=pk,
            status=campaign.status,
            flags=flags.get(pk, 0),
            **plans.get(pk, UNPLANNED),
            **counters.get(pk, NOTHING_YET),
        )
        for pk, campaign in by_id.items()
    }


def plan_states(campaigns: Iterable[int]) -> dict[int, dict[str, Any]]:
    mine = {"campaign": OuterRef("campaign_id")}
    amended = PlanAmendment.objects.filter(**mine).order_by("planned_judgments").values("planned_judgments")[:1]
    rows = CampaignPlan.objects.filter(campaign__in=campaigns).values(
        "campaign_id",
        planned=Coalesce(Subquery(amended), "planned_judgments"),
        unblinded=Exists(Unblinding.objects.filter(**mine)),
        stopped=Exists(SequentialStop.objects.filter(**mine)),
    )
    return {row["campaign_id"]: {name: row[name] for name in UNPLANNED} for row in rows}  # type: ignore[literal-required]


def flag_counts(campaigns: Iterable[int]) -> dict[int, int]:
    flags = Flag.objects.filter(assignment__campaign__in=campaigns).order_by().values("assignment__campaign_id")
    return dict(flags.annotate(n=Count("pk")).values_list("assignment__campaign_id", "n"))


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
