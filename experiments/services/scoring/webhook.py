"""Rubric checks: one guarded call per case, a few at once. What goes wrong is a reason, never a score."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from experiments.endpoints.client import GuardedClient
from experiments.endpoints.errors import CallError
from experiments.endpoints.targets import parse
from experiments.models import Endpoint
from experiments.scorers.base import ScoreResult, unscored
from experiments.scorers.registry import get
from experiments.scorers.rubric import request_body, result_of
from experiments.services import endpoints, keys
from experiments.services.scoring.cases import Answered

NAME = "rubric"
MAX_BYTES = 256 * 1024
TRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# A service that failed so often in a row is down: the rest of the cases is told so without waiting for each.
GIVES_UP_AFTER = 20


class WebhookRefused(Exception):
    """The service cannot be asked at all, for a reason a user can read."""


@dataclass
class Webhook:
    """The service as one run asks it. `check` may run in several threads."""

    client: GuardedClient
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    refused: str = ""
    failures: int = 0
    lock: Lock = field(default_factory=Lock)

    @property
    def at_once(self) -> int:
        """Cases between two commits: what a killed worker may ask for again."""
        return 4 * int(self.params["threads"])

    def check(self, one: Answered) -> ScoreResult:
        if self.refused:
            return unscored(self.refused)
        if self.failures >= GIVES_UP_AFTER:
            return unscored(f"not asked: the service had failed {GIVES_UP_AFTER} times in a row")
        try:
            result = self.asked(one)
        except CallError as error:
            self.count(failed=True)
            return unscored(f"the service was not reached: {error.detail}", error=error.error_class)
        self.count(failed=False)
        return result

    def count(self, *, failed: bool) -> None:
        with self.lock:
            self.failures = self.failures + 1 if failed else 0

    def asked(self, one: Answered) -> ScoreResult:
        body = request_body(one.case, one.response, rubric=self.params["rubric"], case_id=str(one.case_id))
        for number in range(1, TRIES + 1):
            try:
                return result_of(self.called(body), pass_mark=self.params["pass_mark"])
            except CallError as error:
                if number == TRIES or not error.is_retryable:
                    raise
                pause = error.retry_after if error.retry_after is not None else FIRST_PAUSE * 2**number
                self.sleep(min(pause, LONGEST_PAUSE))
        raise AssertionError  # the last try has returned or raised

    def called(self, body: bytes) -> bytes:
        answer = self.client.request(
            "POST",
            self.params["url"],
            body=body,
            headers=self.headers,
            deadline_seconds=self.params["deadline_seconds"],
            max_bytes=MAX_BYTES,
        )
        if answer.status != 200:
            raise refusal_of(answer.status, answer.headers)
        return answer.body

    def check_all(self, answered: Sequence[Answered], after_each: Callable[[], None]) -> list[ScoreResult]:
        found = []
        with ThreadPoolExecutor(self.params["threads"]) as pool:
            for result in pool.map(self.check, answered):
                found.append(result)
                after_each()
        return found


def refusal_of(status: int, headers: Mapping[str, str]) -> CallError:
    waits = headers.get("retry-after", "")
    kind = "rate_limited" if status == 429 else "http_5xx" if status >= 500 else "http_4xx"
    wait = float(waits) if waits.isdigit() else None
    return CallError(kind, f"it answered {status}", status=status, retry_after=wait)


def webhook(params: Mapping[str, Any]) -> Webhook:
    """One that cannot be asked says so for every case, so that the other scorers of the run still count."""
    settled, refused = get(NAME).settled(params), ""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    try:
        if settled["endpoint"]:
            headers["Authorization"] = f"Bearer {key_of(settled['endpoint'], settled['url'])}"
    except (WebhookRefused, CallError) as refusal:
        refused = str(refusal)
    return Webhook(endpoints.client(), settled, headers, refused=refused)


def key_of(name: str, url: str) -> str:
    """The key of an endpoint goes to its own origin only."""
    endpoint = Endpoint.objects.filter(name=name, archived_at=None).first()
    if endpoint is None:
        raise WebhookRefused(f"rubric: there is no endpoint called {name!r}.")
    if parse(url).origin != endpoint.key_origin:
        raise WebhookRefused(
            f"rubric: the key of {name!r} is for {endpoint.key_origin or 'no address'}, not for {url}."
        )
    try:
        return keys.key_for(endpoint)
    except (keys.KeyNotReadable, keys.NoFieldKeys) as refusal:
        raise WebhookRefused(str(refusal)) from refusal
