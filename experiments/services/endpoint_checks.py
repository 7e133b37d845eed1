"""“Check this endpoint”: four small calls, and what each says, in words with the way out."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from evalsite.platform import jobs
from evalsite.platform.models import Job, User
from experiments.endpoints import errors
from experiments.endpoints.client import Answer
from experiments.endpoints.errors import CallError
from experiments.endpoints.exchange import ChatAnswer, ChatRequest
from experiments.models import Endpoint, EndpointState, ModelVersion
from experiments.services import endpoints, keys
from experiments.services.endpoints import Caller
from experiments.services.runs import limits

CHECK = "experiments.check_endpoint"
# All questions together: checks share the quick queue's few threads with what people wait for.
SECONDS = 15.0
TOO_SHORT_TO_ASK = 0.5
MOST_MODELS = 200
LONGEST_NAME = 200
OK = 200
GOOD, BAD, OPEN = "good", "bad", "open"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
WAYS_OUT = {
    errors.BLOCKED: "",
    errors.DNS: "Look at the host in the base URL.",
    errors.REFUSED: "Look whether the server is running, and at the port in the base URL.",
    errors.TIMEOUT: "The server may be loading the model: try again in a minute, or allow more seconds.",
    errors.RATE_LIMITED: "Wait a minute and check again. Lower the requests per minute if it stays.",
    errors.HTTP_5XX: "The fault is on the server's side: look at its log.",
    errors.MALFORMED: "The address answers, but not with this protocol. The base URL often ends in /v1.",
    errors.TOO_LARGE: "Allow larger answers, or ask for fewer tokens.",
}
TAKE_LONGER = "The server may be loading the model: try again in a minute. manage.py check_endpoint waits longer."
KEY_WAY_OUT = "Enter the key again; check that it belongs to this server."


@dataclass(frozen=True)
class Finding:
    """`state` is good, bad, or open where it could not be told."""

    about: str
    state: str
    words: str
    way_out: str = ""


@dataclass(frozen=True)
class Findings:
    findings: list[Finding]
    models: list[str]
    model: str
    latency_ms: float | None


@dataclass(frozen=True)
class Timed:
    """Calls that take no longer than `seconds` all together."""

    ready: Caller
    seconds: float
    until: float

    @property
    def left(self) -> float:
        return round(self.until - time.monotonic(), 1)

    @property
    def is_over(self) -> bool:
        return self.left < TOO_SHORT_TO_ASK

    def get(self, path: str) -> Answer:
        return self.in_time().get(path)

    def chat(self, request: ChatRequest) -> ChatAnswer:
        return self.in_time().chat(request)

    def in_time(self) -> Caller:
        """Raises CallError when the time is up."""
        if self.is_over:
            raise CallError(errors.TIMEOUT, f"Not asked: the {self.seconds:g} seconds of a check were over.")
        return replace(self.ready, deadline_seconds=min(self.left, self.ready.deadline_seconds))


def job_key(endpoint_id: int) -> str:
    return f"check endpoint {endpoint_id}"


def request_check(*, endpoint: Endpoint, model: str, requested_by: User | None, now: datetime) -> Job:
    """A check that is under way is joined, not doubled."""
    args = {"endpoint": endpoint.pk, "model": model}
    return jobs.enqueue(kind=CHECK, args=args, key=job_key(endpoint.pk), created_by=requested_by, now=now)


def run_check(
    *,
    endpoint: Endpoint,
    model: str,
    now: datetime,
    progress: Callable[[int, int, str], None],
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Make the calls and keep what they say beside the endpoint. What `seconds` do not suffice for is not asked."""
    try:
        ready = endpoints.caller(endpoint)
    except (keys.KeyNotReadable, keys.NoFieldKeys) as error:
        found = Findings([Finding("key", BAD, str(error))], [], model, None)
    else:
        timed = Timed(ready, seconds, time.monotonic() + seconds)
        found = look(timed, model=model or last_model(endpoint), progress=progress)
    kept = asdict(found)
    EndpointState.objects.get_or_create(endpoint=endpoint, defaults={"concurrency": endpoint.max_concurrency})
    EndpointState.objects.filter(endpoint=endpoint).update(checked_at=now, check_findings=kept)
    if found.latency_ms is not None:
        limits.forget_failures(endpoint=endpoint)
    return kept


def last_model(endpoint: Endpoint) -> str:
    newest = ModelVersion.objects.filter(endpoint=endpoint).order_by("-created_at").first()
    return newest.model if newest else ""


def look(ready: Timed, *, model: str, progress: Callable[[int, int, str], None]) -> Findings:
    progress(0, 4, "Asking for the list of models")
    listing, models = list_models(ready)
    model = model or (models[0] if models else "")
    if not model:
        asked = Finding("answer", OPEN, "No model was asked.", "Name a model of this server below and check again.")
        return Findings([listing, asked], models, model, None)
    progress(1, 4, f"Asking {model} for one word")
    answering, latency_ms = answers(ready, model)
    findings = [listing, answering]
    if answering.state != BAD:
        progress(2, 4, "Asking for log probabilities")
        findings.append(tells_logprobs(ready, model))
        progress(3, 4, "Offering a tool")
        findings.append(calls_tools(ready, model))
    progress(4, 4, "")
    return Findings(findings, models, model, latency_ms)


def list_models(ready: Timed) -> tuple[Finding, list[str]]:
    try:
        answer = ready.get("models")
    except CallError as error:
        return Finding("models", BAD, str(error), WAYS_OUT.get(error.error_class, "")), []
    if answer.status in {401, 403}:
        return Finding("models", BAD, f"The server does not accept the key ({answer.status}).", KEY_WAY_OUT), []
    models = names_in(answer.body) if answer.status == OK else []
    if not models:
        words = "It is reachable but tells no list of models, which some servers do not have."
        return Finding("models", OPEN, words, "Name a model below."), []
    count = f"{len(models)} model" + ("s" if len(models) > 1 else "")
    return Finding("models", GOOD, f"Reachable: it lists {count} in {milliseconds(answer.elapsed_ms)}."), models[
        :MOST_MODELS
    ]


def milliseconds(elapsed: float) -> str:
    return f"{elapsed:,.0f} ms" if elapsed >= 1 else "less than 1 ms"


def names_in(body: bytes) -> list[str]:
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    entries = reply.get("data", reply.get("models")) if isinstance(reply, dict) else reply
    names = [entry.get("id") or entry.get("name") for entry in entries or [] if isinstance(entry, dict)]
    return sorted({name[:LONGEST_NAME] for name in names if isinstance(name, str) and name.isprintable()})


def asked(ready: Timed, model: str, text: str, **changes: Any) -> ChatAnswer:
    """An answer that is cut off or empty is an answer all the same: reasoning models think before they speak."""
    request = ChatRequest(model=model, messages=[{"role": "user", "content": text}], **changes)
    try:
        return ready.chat(request)
    except CallError as error:
        if error.answer is None:
            raise
        return error.answer


def answers(ready: Timed, model: str) -> tuple[Finding, float | None]:
    try:
        answer = asked(ready, model, "Answer with the one word: ready")
    except CallError as error:
        if error.error_class == errors.TIMEOUT and ready.is_over:
            return Finding("answer", OPEN, f"Whether {model} answers could not be told. {error}", TAKE_LONGER), None
        way_out = KEY_WAY_OUT if error.status in {401, 403} else WAYS_OUT.get(error.error_class, "")
        return Finding("answer", BAD, f"{model} gives no answer. {error}", way_out), None
    tokens = "" if answer.output_tokens else " It does not say how many tokens it used, so no cost can be counted."
    return Finding("answer", GOOD, f"{model} answers in {milliseconds(answer.latency_ms)}.{tokens}"), answer.latency_ms


def tells_logprobs(ready: Timed, model: str) -> Finding:
    without = "Perplexity cannot be computed; everything else can."
    try:
        answer = asked(ready, model, "Answer with the one word: ready", logprobs=True)
    except CallError as error:
        return unsupported("logprobs", "log probabilities", error, without)
    if answer.logprobs_n:
        return Finding("logprobs", GOOD, f"It tells log probabilities ({answer.logprobs_n} tokens).")
    return Finding("logprobs", OPEN, "It takes the wish for log probabilities and tells none.", without)


def calls_tools(ready: Timed, model: str) -> Finding:
    try:
        answer = asked(ready, model, "What is the weather in Oslo? Use the tool.", tools=[TOOL])
    except CallError as error:
        return unsupported("tools", "tools", error, "Cases that expect a tool call would all end in errors.")
    if answer.tool_calls:
        return Finding("tools", GOOD, f"It calls tools: it chose {answer.tool_calls[0]['function']['name'][:60]}.")
    words = "It takes tools, but did not call the one it was asked to."
    return Finding("tools", OPEN, words, "Some servers need a flag for tool calls, and some models never learnt them.")


def unsupported(about: str, what: str, error: CallError, consequence: str) -> Finding:
    if error.error_class == errors.HTTP_4XX:
        return Finding(about, BAD, f"It does not support {what}. {error}", consequence)
    return Finding(about, OPEN, f"Whether it supports {what} could not be told. {error}", "Check again.")
