"""What production sends: events, in batches, each answered by itself."""

from collections import Counter
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from msgspec.json import Encoder
from ninja import Field, Router, Schema

from experiments import live_events
from experiments.api.problems import ApiProblem
from experiments.api.security import Needs, Scope, spend_events, token_of
from experiments.live_events import MOST_IN_A_REQUEST
from experiments.services.live_traffic.ingesting import Answer, take_all
from experiments.services.live_traffic.sifting import ACCEPTED
from experiments.tasks import ask_for_folding

router = Router(tags=["Live tests"])
ENCODE = Encoder().encode


class Status(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"
    EARLY = "early"
    BEFORE_EXPOSURE = "before_exposure"
    NOT_EXPOSED = "not_exposed"
    UNKNOWN_TEST = "unknown_test"
    NOT_RUNNING = "not_running"
    MALFORMED = "malformed"
    CONFLICT = "conflict"


class Event(Schema):
    """Only for the description: each event is read by itself, so that one that is wrong costs no other."""

    event_id: str = Field(min_length=1, max_length=100, description="of your making; the same again counts once")
    event: str = Field(
        min_length=1, max_length=100, description="what happened; “exposure” tells with properties.arm what was shown"
    )
    experiment: str = Field(min_length=1, max_length=100, description="the key of the live test")
    unit_id: str = Field(min_length=1, max_length=200, description="whom it happened to, as in assignments")
    conversation_id: str | None = Field(None, max_length=200)
    timestamp: datetime = Field(description="ISO, with its zone")
    value: float | None = Field(None, ge=-1e15, le=1e15)
    properties: dict[str, str | float | bool | None] | None = Field(None, description="flat, at most 4 KB")


class EventAnswer(Schema):
    event_id: str
    status: Status
    reason: str = Field("", description="why it was not taken")


class EventAnswers(Schema):
    results: list[EventAnswer] = Field(description="one per event, in their order")
    counts: dict[str, int] = Field(description="how many got which status")


EVENTS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "maxItems": MOST_IN_A_REQUEST,
                    "items": {"$ref": "#/components/schemas/Event"},
                }
            }
        },
    }
}


@router.post(
    "/events",
    auth=Needs(Scope.EVENTS),
    response={202: EventAnswers},
    summary="Send events",
    openapi_extra=EVENTS_BODY,
)
def send_events(request: HttpRequest) -> HttpResponse:
    """Up to 500 at once, as an array or as {"events": […]}.

    The answer is sent after they are stored. “accepted” and “duplicate” mean: it is in, once. Whatever else it says,
    that event was not taken; after “not_exposed” it may be sent again once its unit is exposed.
    """
    events = read_body(request)
    now = timezone.now()
    spend_events(token_of(request), n=max(len(events) - 1, 0), now=now)
    answers = take_all(events, now=now)
    for key in {event.test for event, answer in zip(events, answers, strict=True) if answer.status == ACCEPTED}:
        ask_for_folding(key, now=now)
    return HttpResponse(as_json(answers), status=202, content_type="application/json")


def read_body(request: HttpRequest) -> list[live_events.Event | live_events.Malformed]:
    try:
        events = live_events.read_body(request.body)
    except RequestDataTooBig:
        raise ApiProblem(413, "too_large", "The request is larger than 5 MB: send fewer events at once.") from None
    except live_events.NotEvents as error:
        raise ApiProblem(422, "invalid", str(error)) from None
    if len(events) > MOST_IN_A_REQUEST:
        words = f"{len(events):,} events; at most {MOST_IN_A_REQUEST} fit one request. Nothing was taken."
        raise ApiProblem(413, "too_many_events", words)
    return events


def as_json(answers: list[Answer]) -> bytes:
    return ENCODE({"results": answers, "counts": Counter([one.status for one in answers])})
