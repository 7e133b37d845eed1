"""What was changed after registration, as the result tells it."""

from experiments.models import LiveAmendment
from experiments.reports.live.payload import Amendment


def shown_amendment(one: LiveAmendment) -> Amendment:
    return Amendment(
        kind=one.kind,
        title=one.get_kind_display(),
        reason=one.reason,
        change=one.change,
        by=one.made_by.username if one.made_by else "",
        at=one.made_at,
    )
