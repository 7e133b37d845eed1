"""What the page of a campaign says, in a fixed number of queries however many judgments there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from annotations.models import Campaign, Seat
from experiments.models import CampaignPlan, CampaignResult, Experiment, PlanAmendment, SequentialStop, Unblinding
from experiments.reports.progress import Progress, flag_counts
from experiments.reports.suite_pairs import named_suites

FEWEST_FOR_A_PACE = 5


@dataclass(frozen=True)
class CampaignPage:
    campaign: Campaign
    plan: CampaignPlan
    seats: Sequence[Seat]
    unblindings: Sequence[Unblinding]
    amendments: Sequence[PlanAmendment]
    stop: SequentialStop | None
    result: CampaignResult | None
    progress: Progress

    @property
    def experiment(self) -> Experiment:
        return self.plan.experiment

    @property
    def suites(self) -> list[dict[str, str]]:
        return named_suites(self.plan)

    @property
    def human(self) -> dict[str, Any] | None:
        """The stored figures, unless they tell a direction that may not be told."""
        if self.result is None or (self.result.revealed and not self.progress.revealed):
            return None
        found: dict[str, Any] = self.result.payload["human"]
        return found

    @property
    def is_told(self) -> bool:
        """Whether the direction is told; just after it may be, the figures are still being computed."""
        return self.human is not None and not self.human["direction_hidden"]

    @property
    def is_computing(self) -> bool:
        return self.result is None or self.result.source != self.progress.source

    @property
    def stamp(self) -> str:
        """Changes whenever the page has something new to show."""
        computed = self.result.computed_at.isoformat() if self.result else ""
        return f"{self.campaign.status}/{self.progress.source}/{computed}"

    @property
    def flags(self) -> int:
        return self.progress.flags

    @property
    def out_of_reach(self) -> dict[str, int] | None:
        """Where fewer judgments can come in than were registered: how many can, as last computed."""
        told = self.result.payload.get("reachable") if self.result else None
        over = self.progress.is_complete or self.progress.stopped
        if told is None or over or self.campaign.status not in (Campaign.Status.OPEN, Campaign.Status.PAUSED):
            return None
        missing = (self.progress.planned or 0) - told["most"]
        return {**told, "missing": missing, "by_skips": told["with_skips"] - told["most"]} if missing > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """At the pace since opening."""
        progress, opened = self.progress, self.campaign.opened_at
        if not (opened and progress.planned and progress.last_judged_at) or progress.counted < FEWEST_FOR_A_PACE:
            return None
        took = (progress.last_judged_at - opened).total_seconds()
        return max(0, progress.planned - progress.counted) * took / progress.counted


def campaign_page(campaign: Campaign) -> CampaignPage:
    plan = CampaignPlan.objects.select_related("experiment__baseline", "experiment__candidate", "registered_by").get(
        campaign=campaign
    )
    seats = list(Seat.objects.filter(campaign=campaign).select_related("reviewer").order_by("reviewer__username"))
    unblindings = list(Unblinding.objects.filter(campaign=campaign).select_related("by").order_by("at"))
    amendments = list(PlanAmendment.objects.filter(campaign=campaign).select_related("by").order_by("at"))
    stop = SequentialStop.objects.filter(campaign=campaign).first()
    result = CampaignResult.objects.filter(campaign=campaign).defer("pairs").first()
    progress = Progress(
        campaign_id=campaign.pk,
        status=campaign.status,
        done=sum(seat.done for seat in seats),
        surplus=sum(seat.surplus for seat in seats),
        skipped=sum(seat.skipped for seat in seats),
        reviewers=sum(1 for seat in seats if seat.removed_at is None),
        planned=amendments[-1].planned_judgments if amendments else plan.planned_judgments,
        unblinded=bool(unblindings),
        stopped=stop is not None,
        flags=flag_counts([campaign.pk]).get(campaign.pk, 0),
        last_judged_at=max((seat.last_judged_at for seat in seats if seat.last_judged_at), default=None),
    )
    return CampaignPage(campaign, plan, seats, unblindings, amendments, stop, result, progress)


def most_active_first(reviewers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(reviewers, key=lambda one: (-one["n"], one["name"]))


def bars(timeline: dict[str, Any]) -> list[tuple[str, int]]:
    """Label and count of each bar of the votes over time."""
    step, start = timeline["step_seconds"], timeline["start"]
    if start is None:
        return []
    form = "%d %b %Hh" if step < 24 * 3600 else "%d %b %Y"
    return [
        (datetime.fromtimestamp(start + place * step, tz=UTC).strftime(form).lstrip("0"), count)
        for place, count in enumerate(timeline["counts"])
    ]


def busiest(timeline: dict[str, Any]) -> str:
    """The finding of that chart in a sentence."""
    found = bars(timeline)
    if not found:
        return "No judgment yet."
    label, count = max(found, key=lambda bar: bar[1])
    span = {3600: "hour", 86400: "day"}.get(timeline["step_seconds"], "period")
    return f"Judgments per {span}: the busiest was {label} with {count:,}, times in UTC."
