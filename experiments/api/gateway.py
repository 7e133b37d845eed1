"""OpenAI's chat completions, routed: the endpoint of the unit's arm answers, and the call becomes an event."""

import json
from typing import Annotated, Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Field, Router
from ninja.params.functions import Header
from pydantic import ConfigDict

from experiments.api import problems
from experiments.api.assignment import Key, Unit
from experiments.api.bodies import Body
from experiments.api.problems import ApiProblem
from experiments.api.schemas import Problem
from experiments.api.security import Needs, Scope
from experiments.endpoints import errors
from experiments.endpoints.errors import CallError
from experiments.services.keys import KeyNotReadable, NoFieldKeys
from experiments.services.live_traffic import assigning, gateway
from experiments.services.live_traffic.gateway import NotCallable, Routed, TooBusy
from experiments.tasks import ask_for_folding

router = Router(tags=["Live tests"])
MOST_MESSAGES = 2_000
EXPERIMENT = Header(..., alias="X-Evalsite-Experiment", description="key of the live test")
CONVERSATION = Header("", alias="X-Evalsite-Conversation", description="kept with the event")
NO_STREAMS = "Streams are not routed: send the request without stream."
NO_JSON = "A number beyond 64 bits, half of a surrogate pair or too deep a nesting stands in the request."
# What a server says of the request itself is passed on; that it does not know our key is no fault of the caller's.
PASSED_ON = frozenset({400, 404, 409, 413, 415, 422})
GATEWAY_STATUS = {errors.TIMEOUT: 504, errors.RATE_LIMITED: 429}
OURS = ("model", "stream", "stream_options")
LONGEST_WAIT = 3600


class ChatBody(Body):
    """Everything else of OpenAI's request is passed on as it is, but for what the model version sets itself."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    messages: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_MESSAGES)
    user: Unit = Field(description="the unit of the live test")
    model: Any = Field(None, description="ignored: the arm has its own")
    stream: bool | None = Field(None, description="only false")


@router.post(
    "/chat/completions",
    auth=Needs(Scope.GATEWAY),
    response={200: dict[str, Any], 502: Problem, 503: Problem, 504: Problem},
    summary="Route a model call",
)
def chat_completions(
    request: HttpRequest,
    asked: ChatBody,
    experiment: Key = EXPERIMENT,
    conversation: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = CONVERSATION,
) -> HttpResponse:
    """Answered by the model of the unit's arm, as it answered; control while the test does not run.

    The first call of a unit is its exposure. Every call is logged as the event `gateway_call` with its latency in
    milliseconds as value, and tokens, finish reason and error among its properties. Nothing is called twice.
    """
    if asked.stream:
        raise ApiProblem(422, "stream_not_supported", NO_STREAMS)
    test = assigning.known_test(experiment)
    body = passed_on(request.body)
    try:
        routed = gateway.complete(test=test, body=body, unit=asked.user, conversation=conversation, clock=timezone.now)
    except TooBusy as error:
        raise ApiProblem(503, "too_busy", str(error), Retry_After="1") from None
    except NotCallable as error:
        raise ApiProblem(409, "arm_not_callable", str(error)) from None
    except (KeyNotReadable, NoFieldKeys) as error:
        raise ApiProblem(409, "key_not_readable", str(error)) from None
    if routed.recorded:
        ask_for_folding(test.key, now=timezone.now())
    return shown(routed)


def passed_on(sent: bytes) -> dict[str, Any]:
    """All of the request as it came: the schema reads only what is decided on here."""
    body: dict[str, Any] = {name: value for name, value in json.loads(sent).items() if name not in OURS}
    try:
        orjson.dumps(body)
    except TypeError:
        raise ApiProblem(422, "invalid", NO_JSON) from None
    return body


def shown(routed: Routed) -> HttpResponse:
    """Errors in the protocol's own shape too, which its clients read."""
    headers = {"X-Evalsite-Arm": routed.arm, "X-Evalsite-Recorded": "true" if routed.recorded else "false"}
    if routed.answer:
        return HttpResponse(routed.answer.body, content_type="application/json", headers=headers)
    error = routed.error or CallError(errors.MALFORMED, "There is no answer.")
    if error.retry_after is not None:
        headers["Retry-After"] = str(min(max(1, round(error.retry_after)), LONGEST_WAIT))
    said = {"message": error.detail, "type": "upstream_error", "code": error.error_class}
    return problems.answer(status_of(error), error.error_class, error.detail, headers=headers, error=said)


def status_of(error: CallError) -> int:
    if error.error_class == errors.HTTP_4XX and error.status in PASSED_ON:
        return error.status or 400
    return GATEWAY_STATUS.get(error.error_class, 502)
