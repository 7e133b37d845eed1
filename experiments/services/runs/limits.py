"""The limits of an endpoint, shared by all workers through its rows: asked for in blocks, never once per call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Least

from experiments.models import Endpoint, EndpointSlots, EndpointState
from experiments.services.runs import pacing
from experiments.services.runs.pacing import Holder, Tally

SLOTS_FOR = timedelta(seconds=10)
PROBE_PATIENCE = timedelta(seconds=15)


@dataclass(frozen=True)
class Wish:
    """What one lane would like for the next second, or the gateway for a call that may take as long as `held_for`.

    That call goes first: it begins now or not at all, so it takes no start ahead, and no probe that runs wait for.
    """

    holder: UUID
    calls_at_once: int
    in_flight: int
    ready: int
    starts_left: int
    tokens_per_call: float
    held_for: timedelta = SLOTS_FOR
    goes_first: bool = False


@dataclass(frozen=True)
class Allowance:
    """`starts` is None where no rate limit holds; `calls` is None unless the endpoint is only being tried."""

    slots: int
    calls: int | None
    starts: Sequence[datetime] | None
    resting_until: datetime | None
    in_flight_elsewhere: int
    gave_up: bool


@transaction.atomic
def ask(*, endpoint: Endpoint, wish: Wish, tally: Tally, now: datetime) -> Allowance:
    """Tell what the last calls showed and take a share of what the endpoint bears."""
    state = locked_state(endpoint)
    failures_before = state.failures_in_a_row
    pacing.learn(state, endpoint, tally, now=now)
    calls = pacing.calls_let_through(
        state,
        has_work=wish.ready > 0 and not wish.goes_first,
        patience=timedelta(seconds=endpoint.timeout_seconds) + PROBE_PATIENCE,
        now=now,
    )
    others = other_holders(state, wish, now=now)
    slots = slots_among(others, state, wish, now=now)
    allowance = Allowance(
        slots=slots,
        calls=calls,
        starts=next_starts(state, endpoint, wish, others, slots=slots, now=now),
        resting_until=state.resting_until,
        in_flight_elsewhere=sum(other.in_flight for other in others),
        # Only who saw the last probe fail: what the row holds from earlier is no reason to stop a run that begins.
        gave_up=state.failures_in_a_row >= pacing.GIVES_UP_AFTER and state.failures_in_a_row > failures_before,
    )
    state.save()
    return allowance


def locked_state(endpoint: Endpoint) -> EndpointState:
    EndpointState.objects.get_or_create(endpoint=endpoint, defaults={"concurrency": endpoint.max_concurrency})
    return EndpointState.objects.select_for_update().get(endpoint=endpoint)


def other_holders(state: EndpointState, wish: Wish, *, now: datetime) -> Sequence[EndpointSlots]:
    slots = EndpointSlots.objects.filter(endpoint=state.endpoint_id)
    slots.filter(lease_until__lt=now).delete()
    return list(slots.exclude(holder=wish.holder))


def as_holder(other: EndpointSlots) -> Holder:
    return Holder(other.n, other.wants, other.goes_first)


def next_starts(
    state: EndpointState,
    endpoint: Endpoint,
    wish: Wish,
    others: Sequence[EndpointSlots],
    *,
    slots: int,
    now: datetime,
) -> Sequence[datetime] | None:
    """No more than can be used: none without a slot or while the endpoint rests, which would be lost to all others."""
    if endpoint.requests_per_minute is None and endpoint.tokens_per_minute is None:
        return None
    rests = state.resting_until is not None and state.resting_until > now
    has_slot = slots > (wish.in_flight if wish.goes_first else 0)
    want = min(max(wish.ready, 0), 2 * wish.calls_at_once) - wish.starts_left if has_slot and not rests else 0
    leave = 0 if wish.goes_first else sum(as_holder(other).is_owed for other in others)
    return pacing.next_calls(state, endpoint, want=max(want, 0), per_call=wish.tokens_per_call, leave=leave, now=now)


def slots_among(others: Sequence[EndpointSlots], state: EndpointState, wish: Wish, *, now: datetime) -> int:
    """The state's row is locked, so nobody else shares out at the same time."""
    share = pacing.share(
        max(int(state.concurrency), 1),
        wants=wish.calls_at_once,
        in_flight=wish.in_flight,
        others=[as_holder(other) for other in others],
        rank=sum(other.holder < wish.holder for other in others),
        goes_first=wish.goes_first,
    )
    EndpointSlots.objects.update_or_create(
        holder=wish.holder,
        defaults={
            "endpoint_id": state.endpoint_id,
            "n": share.held,
            "wants": wish.calls_at_once,
            "in_flight": wish.in_flight,
            "goes_first": wish.goes_first,
            "lease_until": now + wish.held_for,
        },
    )
    return share.slots


def wait_for(*, endpoint: Endpoint, holder: UUID, in_flight: int, now: datetime) -> None:
    """A holder whose call may not begin keeps no slot for it, and is waited for until it should have asked again."""
    row = EndpointSlots.objects.filter(holder=holder)
    row.update(n=Least("n", Value(in_flight)))
    if not in_flight:
        row.update(lease_until=now + SLOTS_FOR + pacing.gap(endpoint))


def give_back(*, holders: Sequence[UUID]) -> None:
    EndpointSlots.objects.filter(holder__in=holders).delete()


@transaction.atomic
def forget_failures(*, endpoint: Endpoint) -> None:
    """A person or a good check says that the endpoint is well: no cool-down and no rest is left over."""
    state = locked_state(endpoint)
    state.breaker, state.breaker_opened_at, state.failures_in_a_row = pacing.Breaker.CLOSED, None, 0
    state.resting_until = None
    state.save()
