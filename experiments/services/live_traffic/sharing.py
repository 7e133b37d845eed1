"""The gateway's part in what an endpoint bears: calls at once and a minute, shared with the runs that call it too."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID, uuid4

from django.db import DatabaseError

from experiments.endpoints.errors import RATE_LIMITED, CallError
from experiments.endpoints.relaying import Relayed
from experiments.models import Endpoint
from experiments.services.runs import limits
from experiments.services.runs.limits import Allowance, Wish
from experiments.services.runs.meter import FAILURES
from experiments.services.runs.pacing import Tally

logger = logging.getLogger(__name__)

# What a call takes of a limit of tokens until some have told.
TOKENS_GUESSED = 1000.0
NEWEST_COUNTS = 0.2
MARGIN = timedelta(seconds=15)
# Runs look every second at least whether a call waits, and give way as theirs end.
SOON = 1.0
ALL_TAKEN = "All calls that {endpoint} bears at once are taken: ask again in a second."
TOO_FAST = "{endpoint} has had all calls that its limits allow now: ask again in {wait:.0f} seconds."
RESTING = "{endpoint} asked for rest: ask again in {wait:.0f} seconds."


@dataclass
class Desk:
    """Of one endpoint in this process. The lock is held while the database is asked, never during a call."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    holder: UUID = field(default_factory=uuid4)
    in_flight: int = 0
    tokens_per_call: float = TOKENS_GUESSED


@cache
def desk_of(endpoint_id: int) -> Desk:
    return Desk()


@dataclass
class Taken:
    """A slot held. What its call has shown is told to all that share the endpoint when it is given back."""

    began: datetime
    tally: Tally


def call(endpoint: Endpoint, relay: Callable[[], Relayed], *, clock: Callable[[], datetime]) -> Relayed:
    """Raises CallError: the call's own, or one of class rate_limited with the wait where no call may begin now.

    The breaker of an endpoint holds back runs only: production is answered as long as somebody answers.
    """
    with slot(endpoint, clock=clock) as taken:
        try:
            answer = relay()
        except CallError as error:
            note_error(taken, error, now=clock())
            raise
        note_answer(taken, desk_of(endpoint.pk), answer)
        return answer


@contextmanager
def slot(endpoint: Endpoint, *, clock: Callable[[], datetime]) -> Iterator[Taken]:
    desk = desk_of(endpoint.pk)
    with desk.lock:
        now = clock()
        allowance = ask(endpoint, desk, Tally(), one_more=1, now=now)
        refused = refusal(endpoint, desk, allowance, now=now)
        if refused is None:
            desk.in_flight += 1
        else:
            limits.wait_for(endpoint=endpoint, holder=desk.holder, in_flight=desk.in_flight, now=now)
        # Taken off the limit of tokens, and settled by what the call took: nothing where it failed.
        expected = desk.tokens_per_call
    if refused is not None:
        raise refused
    if allowance.starts:
        time.sleep(max(0.0, (allowance.starts[0] - now).total_seconds()))
    taken = Taken(clock(), Tally(tokens_expected=expected))
    try:
        yield taken
    finally:
        leave(endpoint, desk, taken, now=clock())


def leave(endpoint: Endpoint, desk: Desk, taken: Taken, *, now: datetime) -> None:
    """An answer that was paid for reaches its caller also when the slot cannot be given back: its lease ends it."""
    with desk.lock:
        desk.in_flight -= 1
        try:
            ask(endpoint, desk, taken.tally, one_more=0, now=now)
            if not desk.in_flight:
                limits.give_back(holders=[desk.holder])
        except DatabaseError:
            logger.exception("a slot of %s could not be given back", endpoint.name)


def ask(endpoint: Endpoint, desk: Desk, tally: Tally, *, one_more: int, now: datetime) -> Allowance:
    wish = Wish(
        holder=desk.holder,
        calls_at_once=desk.in_flight + one_more,
        in_flight=desk.in_flight,
        ready=one_more,
        starts_left=0,
        tokens_per_call=desk.tokens_per_call,
        held_for=timedelta(seconds=endpoint.timeout_seconds) + MARGIN,
        goes_first=True,
    )
    return limits.ask(endpoint=endpoint, wish=wish, tally=tally, now=now)


def refusal(endpoint: Endpoint, desk: Desk, allowance: Allowance, *, now: datetime) -> CallError | None:
    if allowance.resting_until and allowance.resting_until > now:
        wait = max(SOON, (allowance.resting_until - now).total_seconds())
        return CallError(RATE_LIMITED, RESTING.format(endpoint=endpoint.name, wait=wait), retry_after=wait)
    if desk.in_flight >= allowance.slots:
        return CallError(RATE_LIMITED, ALL_TAKEN.format(endpoint=endpoint.name), retry_after=SOON)
    if allowance.starts is not None and not allowance.starts:
        wait = max(SOON, 60 / endpoint.requests_per_minute if endpoint.requests_per_minute else SOON)
        return CallError(RATE_LIMITED, TOO_FAST.format(endpoint=endpoint.name, wait=wait), retry_after=wait)
    return None


def note_answer(taken: Taken, desk: Desk, answer: Relayed) -> None:
    tokens = (answer.input_tokens or 0) + (answer.output_tokens or 0)
    taken.tally.succeeded()
    taken.tally.tokens = tokens
    if tokens:
        desk.tokens_per_call += NEWEST_COUNTS * (tokens - desk.tokens_per_call)


def note_error(taken: Taken, error: CallError, *, now: datetime) -> None:
    if error.error_class == RATE_LIMITED:
        rest = now + timedelta(seconds=error.retry_after) if error.retry_after is not None else None
        taken.tally.throttled(began=taken.began, rest_until=rest)
    if error.error_class in FAILURES:
        taken.tally.failed(began=taken.began, first_try=True)
