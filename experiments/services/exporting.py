"""Handing out judgments by arm: only where the direction may be told, and on record."""

from collections.abc import Iterator
from datetime import datetime

from annotations.models import Campaign
from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.models import Experiment
from experiments.reports.exports import TABLES, as_csv, as_json_lines, table
from experiments.reports.progress import progress_of

FORMATS = {"csv": as_csv, "jsonl": as_json_lines}


class DirectionHidden(Exception):
    """An export tells the direction, which is not to be told yet."""


def export(
    *,
    experiment: Experiment,
    campaigns: list[Campaign],
    name: str,
    ending: str,
    exported_by: User | None,
    now: datetime,
) -> Iterator[bytes]:
    """Checks and records at once; the rows are read while they are sent."""
    progress = progress_of(campaigns)
    if hidden := [campaign.title for campaign in campaigns if not progress[campaign.pk].revealed]:
        raise DirectionHidden(
            f"The direction of “{hidden[0]}” is hidden until the registered judgments are in or a lead unblinds it. "
            "An export would tell it."
        )
    for campaign in campaigns:
        audit.record(
            actor=exported_by,
            action="campaign.exported",
            subject=str(campaign.uuid),
            details={"title": campaign.title, "table": name, "format": ending},
            now=now,
        )
    rows = table(name, experiment=experiment, campaigns=[campaign.pk for campaign in campaigns])
    return FORMATS[ending](TABLES[name].columns, rows)
