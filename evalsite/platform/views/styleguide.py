"""Every component with sample data, for whoever builds a page."""

from datetime import timedelta

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from evalsite.platform.forms import InvitationForm
from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.marks import MARKS, STATES
from evalsite.platform.models import Job
from evalsite.platform.progress import Progress

WIN_RATE = {
    "estimate": 0.584,
    "ci_low": 0.539,
    "ci_high": 0.628,
    "p_value": 0.0004,
    "alpha": 0.05,
    "n": 612,
    "method": "win rate with ties as half, two-way clustered by pair and reviewer",
    "warnings": ["3 reviewers are few for clustering by reviewer."],
}
LOSS = {**WIN_RATE, "estimate": 0.41, "ci_low": 0.36, "ci_high": 0.46, "warnings": [], "n": 480}
UNDEFINED = {**WIN_RATE, "estimate": None, "ci_low": None, "ci_high": None, "p_value": None, "n": 0}
KAPPAS = [
    {"reviewers": ["Ana", "Bo"], "estimate": 0.71, "ci_low": 0.64, "ci_high": 0.78, "n": 212},
    {"reviewers": ["Ana", "Cem"], "estimate": 0.43, "ci_low": 0.31, "ci_high": 0.55, "n": 96},
    {"reviewers": ["Bo", "Cem"], "estimate": 0.08, "ci_low": -0.11, "ci_high": 0.27, "n": 41},
]
VOTES = [(f"{8 + index}:00", votes) for index, votes in enumerate([3, 18, 41, 38, 9, 22, 57, 49, 30, 12, 0, 4])]


@require_safe
@role_required("lead", "admin")
def styleguide(request: HttpRequest) -> HttpResponse:
    context = {
        "win_rate": WIN_RATE,
        "loss": LOSS,
        "undefined": UNDEFINED,
        "kappas": KAPPAS,
        "votes": VOTES,
        "states": STATES,
        "marks": MARKS,
        "jobs": sample_jobs(),
        "form": InvitationForm({"note": "x" * 201} if "errors" in request.GET else None),
        "page": Paginator(range(1, 1201), 50).get_page(request.GET.get("page", 7)),
    }
    return render(request, "platform/styleguide.html", context)


def sample_jobs() -> list[Progress]:
    now = timezone.now()
    running = Job(
        kind="sample",
        status=Job.Status.RUNNING,
        progress_done=41_200,
        progress_total=100_000,
        progress_note="Reading row 41,200",
        started_at=now - timedelta(seconds=40),
        created_at=now,
    )
    failed = Job(
        kind="sample", status=Job.Status.FAILED, error="Row 4,812 holds a byte that is not UTF-8.", created_at=now
    )
    return [
        Progress(job=running, seconds_left=57, no_worker=False),
        Progress(job=Job(kind="sample", created_at=now), seconds_left=None, no_worker=True),
        Progress(job=failed, seconds_left=None, no_worker=False),
        Progress(job=Job(kind="sample", status=Job.Status.DONE, created_at=now), seconds_left=None, no_worker=False),
    ]
