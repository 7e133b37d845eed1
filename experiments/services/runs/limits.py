"""The limits of an endpoint, shared by all workers through its rows: asked for in blocks, never once per call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from experiments.models import Endpoint, EndpointSlots, EndpointState
from experiments.services.runs import pacing
from experiments.services.runs.pacing import Holder, Tally

SLOTS_FOR = timedelta(seconds=10)
PROBE_PATIENCE = timedelta(seconds=15)


@dataclass(frozen=True)
class Wish:
    """What one lane would like for the next second, or the gateway for a call that may take as long as `held_for`."""

    holder: UUID
    calls_at_once: int
    in_flight: int
    ready: int
    starts_left: int
    tokens_per_call: float
    held_for: timedelta = SLOTS_FOR


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
        has_work=wish.ready > 0,
        patience=timedelta(seconds=endpoint.timeout_seconds) + PROBE_PATIENCE,
        now=now,
    )
    allowance = Allowance(
        slots=0,
        calls=calls,
        starts=next_starts(state, endpoint, wish, now=now),
        resting_until=state.resting_until,
        in_flight_elsewhere=0,
        # Only who saw the last probe fail: what the row holds from earlier is no reason to stop a run that begins.
        gave_up=state.failures_in_a_row >= pacing.GIVES_UP_AFTER and state.failures_in_a_row > failures_before,
    )
    state.save()
    return with_slots(allowance, state, wish, now=now)


def locked_state(endpoint: Endpoint) -> EndpointState:
    EndpointState.objects.get_or_create(endpoint=endpoint, defaults={"concurrency": endpoint.max_concurrency})
    return EndpointState.objects.select_for_update().get(endpoint=endpoint)


def next_starts(state: EndpointState, endpoint: Endpoint, wish: Wish, *, now: datetime) -> Sequence[datetime] | None:
    if endpoint.requests_per_minute is None and endpoint.tokens_per_minute is None:
        return None
    want = max(min(max(wish.ready, 0), 2 * wish.calls_at_once) - wish.starts_left, 0)
    want = pacing.calls_within_tokens(state, endpoint, want=want, per_call=wish.tokens_per_call, now=now)
    return pacing.starts(state, endpoint, want=want, now=now)


def with_slots(allowance: Allowance, state: EndpointState, wish: Wish, *, now: datetime) -> Allowance:
    """The state's row is locked, so nobody else shares out at the same time."""
    slots = EndpointSlots.objects.filter(endpoint=state.endpoint_id)
    slots.filter(lease_until__lt=now).delete()
    others = list(slots.exclude(holder=wish.holder).values("holder", "n", "wants", "in_flight"))
    share = pacing.share(
        max(int(state.concurrency), 1),
        wants=wish.calls_at_once,
        in_flight=wish.in_flight,
        others=[Holder(n=other["n"], wants=other["wants"]) for other in others],
        rank=sum(other["holder"] < wish.holder for other in others),
    )
    EndpointSlots.objects.update_or_create(
        holder=wish.holder,
        defaults={
            "endpoint_id": state.endpoint_id,
            "n": share.held,
            "wants": wish.calls_at_once,
            "in_flight": wish.in_flight,
            "lease_until": now + wish.held_for,
        },
    )
    return Allowance(
        slots=share.slots,
        calls=allowance.calls,
        starts=allowance.starts,
        resting_until=allowance.resting_until,
        in_flight_elsewhere=sum(other["in_flight"] for other in others),
        gave_up=allowance.gave_up,
    )


def wait_for(*, holder: UUID, now: datetime) -> None:
    """A holder that got no slot stays hungry for a while, so that the others leave it one."""
    EndpointSlots.objects.filter(holder=holder).update(lease_until=now + SLOTS_FOR)


def give_back(*, holders: Sequence[UUID]) -> None:
    EndpointSlots.objects.filter(holder__in=holders).delete()


@transaction.atomic
def forget_failures(*, endpoint: Endpoint) -> None:
    """A person or a good check says that the endpoint is well: no cool-down and no rest is left over."""
    state = locked_state(endpoint)
    state.breaker, state.breaker_opened_at, state.failures_in_a_row = pacing.Breaker.CLOSED, None, 0
    state.resting_until = None
    state.save()
