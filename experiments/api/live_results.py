"""What a live test says, as its page says it."""

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Status

from experiments.api.assignment import Key
from experiments.api.problems import ApiProblem
from experiments.api.security import Needs, Scope
from experiments.models import LiveResult, LiveTest
from experiments.reports.live.payload import LivePayload
from experiments.services import live_results

router = Router(tags=["Live tests"])
RETRY_SECONDS = 5


@router.get(
    "/live-tests/{key}/results",
    auth=Needs(Scope.READ),
    response={200: LivePayload, 202: LivePayload},
    summary="What a live test says",
)
def get_results(request: HttpRequest, key: Key) -> Status:  # type: ignore[type-arg]
    """Health first, then each metric with its interval. 202 while newer traffic is being counted.

    What a plan hides until its planned size is null here too. 409 before the test has started.
    """
    live_test = get_object_or_404(LiveTest, key=key)
    if live_test.status not in live_results.STARTED:
        raise ApiProblem(409, "not_started", "This live test has no result before it starts.")
    kept = LiveResult.objects.filter(live_test=live_test).first()
    if kept is None:
        wait = str(RETRY_SECONDS)
        raise ApiProblem(409, "not_computed", "Its first result is being computed: ask again soon.", Retry_After=wait)
    return Status(202 if live_results.is_stale(kept) else 200, LivePayload.from_dict(kept.payload))
