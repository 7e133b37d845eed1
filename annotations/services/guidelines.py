"""Guidelines change by a new version; earlier ones stay, since judgments name them."""

from datetime import datetime

from django.db import transaction

from annotations.models import Campaign, GuidelinesVersion, Seat


@transaction.atomic
def publish(*, campaign: Campaign, text: str, now: datetime) -> GuidelinesVersion:
    """Make a text the current version; the same text again makes nothing new."""
    campaign = Campaign.objects.select_for_update(of=("self",)).select_related("current_guidelines").get(pk=campaign.pk)
    current = campaign.current_guidelines
    if current and current.text == text:
        return current
    version = GuidelinesVersion.objects.create(
        campaign=campaign, number=current.number + 1 if current else 1, text=text, created_at=now
    )
    Campaign.objects.filter(pk=campaign.pk).update(current_guidelines=version)
    return version


def mark_seen(*, seat: Seat, number: int) -> None:
    Seat.objects.filter(pk=seat.pk, guidelines_seen__lt=number).update(guidelines_seen=number)
