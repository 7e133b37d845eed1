"""Model calls of client applications, each made to the endpoint of its unit's arm, and logged as an event."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError

from experiments.endpoints.errors import CallError
from experiments.endpoints.relaying import Relayed
from experiments.models import Endpoint, Exposure, ModelVersion
from experiments.services import endpoints
from experiments.services.live_traffic import sharing
from experiments.services.live_traffic.assigning import assign
from experiments.services.live_traffic.ingesting import ingest
from experiments.services.live_traffic.running_tests import RunningTest
from experiments.services.live_traffic.sifting import ACCEPTED
from experiments.services.runs.messages import AskedCase, AskedModel, messages_for

logger = logging.getLogger(__name__)

EVENT = "gateway_call"
Message = Mapping[str, Any]


class NotCallable(Exception):
    """An arm has nothing to call; says which."""


class TooBusy(Exception):
    """As many calls as this process may have are on their way."""


@dataclass(frozen=True)
class Routed:
    """`recorded`: whether the call's event is stored, which it is not while the test does not run."""

    arm: str
    recorded: bool
    answer: Relayed | None = None
    error: CallError | None = None


class Lanes:
    """Each call holds a thread of the web server for as long as its model takes, so some are kept for all else."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.busy = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        with self.lock:
            if self.busy >= settings.GATEWAY_CALLS_AT_ONCE:
                raise TooBusy("Too many model calls are on their way through this gateway: ask again in a second.")
            self.busy += 1
        try:
            yield
        finally:
            with self.lock:
                self.busy -= 1


lanes = Lanes()


def complete(
    *, test: RunningTest, body: Mapping[str, Any], unit: str, conversation: str, clock: Callable[[], datetime]
) -> Routed:
    """Raises NotCallable, TooBusy, KeyNotReadable and NoFieldKeys, before anybody is exposed."""
    versions = arms_of(test)
    called = {arm: callable_endpoint(version) for arm, version in versions.items()}
    callers = {arm: endpoints.caller(endpoint) for arm, endpoint in called.items()}
    with lanes.one():
        [assigned] = assign(test=test, unit_ids=[unit], attributes={}, now=clock(), source=Exposure.Source.GATEWAY)
        request = request_for(versions[assigned.arm], body)
        try:
            relay = partial(callers[assigned.arm].relay, request)
            answer, error = sharing.call(called[assigned.arm], relay, clock=clock), None
        except CallError as failed:
            answer, error = None, failed
    event = event_of(test, unit, conversation, answer, error, now=clock())
    return Routed(assigned.arm, test.runs and recorded(event, now=clock()), answer, error)


def arms_of(test: RunningTest) -> dict[str, ModelVersion]:
    ids = {"control": test.plan.control_id, "treatment": test.plan.treatment_id}
    found = ModelVersion.objects.select_related("endpoint").in_bulk(list(ids.values()))
    return {arm: found[number] for arm, number in ids.items()}


def callable_endpoint(version: ModelVersion) -> Endpoint:
    """Asked of both arms at each call: one that fails always would fail in its own arm only."""
    if version.endpoint is None:
        raise NotCallable(f"{version} was imported and has no endpoint, so this test cannot be routed here.")
    return version.endpoint


def request_for(version: ModelVersion, body: Mapping[str, Any]) -> dict[str, Any]:
    """The client's request with what the model version stands for in its place: model, prompts and parameters."""
    asked = AskedModel(version.model, version.system_prompt, version.prompt_template)
    return {**body, **version.params, "model": version.model, "messages": messages(asked, body["messages"])}


def messages(asked: AskedModel, said: Sequence[Message]) -> list[Message]:
    """The version's template holds the last thing the user said; what is no plain text stays as it is."""
    system = "\n\n".join(text for one in said if one.get("role") == "system" and (text := text_of(one)))
    turns = [one for one in said if one.get("role") != "system"]
    last = turns[-1] if turns else {}
    if last.get("role") == "user" and isinstance(last.get("content"), str):
        *rest, shown = messages_for(asked, AskedCase(prompt=last["content"], system=system, turns=turns[:-1]))
        return [*rest, {**last, "content": shown["content"]}]
    *rest, _ = messages_for(replace(asked, prompt_template=""), AskedCase(prompt="", system=system, turns=turns))
    return rest


def text_of(message: Message) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def event_of(
    test: RunningTest, unit: str, conversation: str, answer: Relayed | None, error: CallError | None, *, now: datetime
) -> dict[str, Any]:
    """`value` is the latency in milliseconds; a failed call has none."""
    event: dict[str, Any] = {
        "event_id": uuid4().hex,
        "event": EVENT,
        "experiment": test.key,
        "unit_id": unit,
        "timestamp": now.isoformat(),
        "properties": {"error": error.error_class if error else "", "failed": int(error is not None)},
    }
    if conversation:
        event["conversation_id"] = conversation
    if answer:
        event["value"] = round(answer.latency_ms, 3)
        measured = {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
        event["properties"] |= {name: count for name, count in measured.items() if count is not None}
        event["properties"] |= {"latency_ms": event["value"], "finish_reason": answer.finish_reason}
    return event


def recorded(event: dict[str, Any], *, now: datetime) -> bool:
    """An answer that was paid for reaches its caller also when it cannot be logged, and says so."""
    try:
        [told] = ingest([event], now=now)
    except DatabaseError:
        logger.exception("a gateway call could not be logged")
        return False
    if told.status != ACCEPTED:
        logger.warning("the event of a gateway call was not taken: %s %s", told.status, told.reason)
    return told.status == ACCEPTED
