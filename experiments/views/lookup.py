"""Fetching what a URL names, with the access check in the name."""

from uuid import UUID

from django.shortcuts import get_object_or_404

from annotations.models import Campaign, Seat
from experiments.models import BlindedPair, CampaignPlan


def get_planned_campaign(campaign_uuid: UUID) -> Campaign:
    """A campaign that belongs to an experiment, which all of a lead's do."""
    planned = CampaignPlan.objects.values("campaign_id")
    return get_object_or_404(
        Campaign.objects.select_related("current_guidelines").filter(pk__in=planned), uuid=campaign_uuid
    )


def get_pair_of(campaign: Campaign, task_id: int) -> BlindedPair:
    pairs = BlindedPair.objects.select_related("task", "case")
    return get_object_or_404(pairs, campaign=campaign, pk=task_id)


def get_seat_of(campaign: Campaign, seat_id: int) -> Seat:
    return get_object_or_404(Seat.objects.select_related("campaign", "reviewer"), campaign=campaign, pk=seat_id)
