"""A reviewer's campaigns: what waits, how far it is, and where to go on."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from annotations.models import Campaign, Seat
from annotations.reports import progress, seated
from annotations.reports.progress import Progress
from annotations.views.access import reviewers_only
from evalsite.platform.http import HttpRequest, render


@dataclass(frozen=True)
class Row:
    seat: Seat
    progress: Progress

    @property
    def campaign(self) -> Campaign:
        return self.seat.campaign


@require_GET
@reviewers_only
def review(request: HttpRequest) -> HttpResponse:
    rows = [Row(seat=seat, progress=progress.of_seat(seat)) for seat in seated.of_reviewer(request.user)]
    running = [row for row in rows if not row.campaign.is_closed]
    closed = [row for row in rows if row.campaign.is_closed]
    return render(request, "annotations/my_campaigns.html", {"running": running, "closed": closed})
