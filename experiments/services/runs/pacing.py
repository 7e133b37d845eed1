"""What an endpoint bears now, learned from its answers. Changes fields of the state; whoever calls it saves them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from experiments.models import Endpoint, EndpointState

Breaker = EndpointState.Breaker

OPENS_AFTER = 10
LONGEST_COOL_DOWN = 60.0
# Probes that failed one after the other, over some five minutes, before a run stops asking.
GIVES_UP_AFTER = OPENS_AFTER + 10
REST_WITHOUT_WORD = timedelta(seconds=0.5)
HORIZON = timedelta(seconds=1)
MINUTE = 60.0
# So much of a minute's tokens may be spent at once.
TOKEN_BURST = 1 / 6


@dataclass
class Tally:
    """What a group of calls, in the order they ended, tells about their endpoint."""

    successes: int = 0
    throttled_at: datetime | None = None
    rest_until: datetime | None = None
    # Only first tries count against an endpoint: that a case fails again says nothing new about it.
    failures_at_end: int = 0
    failed_at: datetime | None = None
    tokens: int = 0
    tokens_expected: float = 0.0

    @property
    def says_nothing(self) -> bool:
        return not (self.successes or self.throttled_at or self.failed_at or self.tokens or self.tokens_expected)

    def succeeded(self) -> None:
        self.successes += 1
        self.failures_at_end = 0
        self.failed_at = None

    def failed(self, *, began: datetime, first_try: bool) -> None:
        self.failures_at_end += first_try
        self.failed_at = began

    def throttled(self, *, began: datetime, rest_until: datetime | None) -> None:
        self.throttled_at = max(began, self.throttled_at or began)
        if rest_until:
            self.rest_until = max(rest_until, self.rest_until or rest_until)


def learn(state: EndpointState, endpoint: Endpoint, tally: Tally, *, now: datetime) -> None:
    most = float(endpoint.max_concurrency)
    if tally.throttled_at:
        ease(state, tally, now=now)
    elif tally.successes and state.concurrency < most:
        state.concurrency += tally.successes / max(state.concurrency, 1.0)
    state.concurrency = min(state.concurrency, most)
    if state.tokens_left is not None:
        state.tokens_left += tally.tokens_expected - tally.tokens
    judge_breaker(state, tally, now=now)


def ease(state: EndpointState, tally: Tally, *, now: datetime) -> None:
    """Halve once for a crowd of refused calls, and rest as long as the server asks, or where one call was too many."""
    is_news = state.eased_at is None or (tally.throttled_at is not None and tally.throttled_at > state.eased_at)
    can_be_halved = state.concurrency > 1
    if is_news:
        state.concurrency = max(1.0, state.concurrency / 2)
        state.eased_at = now
    rest_until = tally.rest_until or (now + REST_WITHOUT_WORD if is_news and not can_be_halved else None)
    if rest_until:
        state.resting_until = max(rest_until, state.resting_until or rest_until)


def judge_breaker(state: EndpointState, tally: Tally, *, now: datetime) -> None:
    if tally.successes:
        state.breaker, state.breaker_opened_at, state.failures_in_a_row = Breaker.CLOSED, None, 0
    if state.breaker == Breaker.CLOSED:
        state.failures_in_a_row += tally.failures_at_end
        if state.failures_in_a_row >= OPENS_AFTER:
            # A crowd that fails at once is one failure too many, not thirty.
            state.failures_in_a_row = OPENS_AFTER
            state.breaker, state.breaker_opened_at = Breaker.OPEN, now
    elif state.breaker == Breaker.HALF_OPEN and is_of_probe(state, tally):
        state.failures_in_a_row += 1
        state.breaker, state.breaker_opened_at = Breaker.OPEN, now


def is_of_probe(state: EndpointState, tally: Tally) -> bool:
    """Calls begun before the probe are stragglers."""
    return bool(tally.failed_at and state.breaker_opened_at and tally.failed_at >= state.breaker_opened_at)


def cool_down(state: EndpointState) -> timedelta:
    doublings = min(max(state.failures_in_a_row - OPENS_AFTER, 0), 10)
    return timedelta(seconds=min(2.0**doublings, LONGEST_COOL_DOWN))


def calls_let_through(state: EndpointState, *, has_work: bool, patience: timedelta, now: datetime) -> int | None:
    """None for any number; while the breaker is open, none, and one probe when the cool-down is over."""
    if state.breaker == Breaker.CLOSED:
        return None
    since = state.breaker_opened_at or now
    wait = cool_down(state) if state.breaker == Breaker.OPEN else patience
    if now < since + wait or not has_work:
        return 0
    state.breaker, state.breaker_opened_at = Breaker.HALF_OPEN, now
    return 1


def gap(endpoint: Endpoint) -> timedelta:
    return timedelta(seconds=MINUTE / endpoint.requests_per_minute) if endpoint.requests_per_minute else timedelta()


def next_calls(
    state: EndpointState, endpoint: Endpoint, *, want: int, per_call: float, leave: int, now: datetime
) -> Sequence[datetime]:
    """When calls of so many tokens may begin under both limits. A call that may not begin yet spends no tokens."""
    want = within_reach(state, endpoint, want=want, leave=leave, now=now)
    want = calls_within_tokens(state, endpoint, want=want, per_call=per_call, leave=leave, now=now)
    return starts(state, endpoint, want=want, now=now) or []


def within_reach(state: EndpointState, endpoint: Endpoint, *, want: int, leave: int, now: datetime) -> int:
    """How many calls may begin at most a second ahead, so many left for others."""
    apart = gap(endpoint)
    if not apart:
        return want
    ahead = now + HORIZON - max(state.next_request_at or now, now)
    return min(want, max(ahead // apart + 1 - leave, 0))


def starts(state: EndpointState, endpoint: Endpoint, *, want: int, now: datetime) -> Sequence[datetime] | None:
    """When the next calls may begin under the rate limits, at most a second ahead; None where there is no limit."""
    if endpoint.requests_per_minute is None and endpoint.tokens_per_minute is None:
        return None
    apart, begin = gap(endpoint), max(state.next_request_at or now, now)
    number = within_reach(state, endpoint, want=want, leave=0, now=now)
    if number and apart:
        state.next_request_at = begin + number * apart
    return [begin + nth * apart for nth in range(number)]


def calls_within_tokens(
    state: EndpointState, endpoint: Endpoint, *, want: int, per_call: float, now: datetime, leave: int = 0
) -> int:
    """How many calls of so many tokens the token limit bears now. What they take is settled by `learn`."""
    if endpoint.tokens_per_minute is None:
        return want
    most = endpoint.tokens_per_minute * TOKEN_BURST
    passed = (now - state.tokens_at).total_seconds() if state.tokens_at else 0.0
    left = most if state.tokens_left is None else state.tokens_left + passed * endpoint.tokens_per_minute / MINUTE
    left = min(left, most)
    free = left - leave * per_call
    # A call larger than the whole burst must be possible: it leaves a debt that the others wait for.
    calls = min(want, max(int(free / per_call), 1)) if free > 0 else 0
    state.tokens_left, state.tokens_at = left - calls * per_call, now
    return calls


@dataclass(frozen=True)
class Holder:
    """`goes_first`: somebody waits for its calls, which no run may keep from being made."""

    n: int
    wants: int
    goes_first: bool = False

    @property
    def is_owed(self) -> bool:
        """One call; what it wants beyond that it shares with the others."""
        return self.goes_first and self.n < min(self.wants, 1)


@dataclass(frozen=True)
class Share:
    """`slots` is how many calls may be in flight; `held` counts against the others while more than that still are."""

    slots: int
    held: int


def share(
    limit: int, *, wants: int, in_flight: int, others: Sequence[Holder], rank: int, goes_first: bool = False
) -> Share:
    """Slots for one holder beside the others, so that all together stay below the limit and nobody goes hungry.

    `rank` is its place among all holders, which settles who gets the odd slot. Calls that run keep theirs until they
    end, and no other follows them. Who goes first and has no slot gets the next one, the last one too.
    """
    holders = len(others) + 1
    fair = limit // holders + (rank < limit % holders)
    free = max(limit - sum(other.n for other in others), 0)
    hungry = any(other.n < min(other.wants, limit // holders) for other in others)
    unowed = max(free - sum(other.is_owed for other in others), int(goes_first))
    target = min(wants, fair if hungry else free, unowed, free)
    return Share(slots=target, held=max(target, min(in_flight, free)))
