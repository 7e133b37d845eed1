"""Limits shared through rows: what each of several lanes is allowed."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from experiments.models import Endpoint, EndpointSlots, EndpointState
from experiments.services.runs import limits, pacing
from experiments.services.runs.limits import Allowance, Wish
from experiments.services.runs.pacing import Tally
from tests.factories.benchmarks_ import make_endpoint
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def ask(
    endpoint: Endpoint, holder: UUID, *, tally: Tally | None = None, now: datetime = NOW, **fields: Any
) -> Allowance:
    values = {"calls_at_once": 8, "in_flight": 0, "ready": 50, "starts_left": 0, "tokens_per_call": 100.0}
    wish = Wish(holder=holder, **{**values, **fields})
    return limits.ask(endpoint=endpoint, wish=wish, tally=tally or Tally(), now=now)


def test_lanes_together_stay_below_the_endpoints_limit_and_share_it() -> None:
    endpoint, one, two = make_endpoint(max_concurrency=8), uuid4(), uuid4()
    assert [ask(endpoint, one).slots, ask(endpoint, two).slots] == [8, 0]
    # Those in flight end first; none follows them.
    assert [ask(endpoint, one, in_flight=8).slots, ask(endpoint, two).slots] == [4, 0]
    assert ask(endpoint, one, in_flight=4).slots == 4
    found = ask(endpoint, two)
    assert (found.slots, found.in_flight_elsewhere) == (4, 4)


def test_the_slots_of_a_dead_holder_are_freed() -> None:
    endpoint, dead, heir = make_endpoint(max_concurrency=8), uuid4(), uuid4()
    ask(endpoint, dead)
    assert ask(endpoint, heir, now=NOW + limits.SLOTS_FOR).slots == 0
    assert ask(endpoint, heir, now=NOW + limits.SLOTS_FOR + SECOND).slots == 8
    assert not EndpointSlots.objects.filter(holder=dead).exists()


def test_slots_given_back_are_free_at_once() -> None:
    endpoint, one, two = make_endpoint(max_concurrency=8), uuid4(), uuid4()
    ask(endpoint, one)
    limits.give_back(holders=[one])
    assert ask(endpoint, two).slots == 8


def test_what_one_lane_is_refused_holds_for_all() -> None:
    endpoint, one, two = make_endpoint(max_concurrency=8), uuid4(), uuid4()
    tally = Tally()
    tally.throttled(began=NOW, rest_until=NOW + 30 * SECOND)
    ask(endpoint, one, tally=tally)
    limits.give_back(holders=[one])
    found = ask(endpoint, two)
    assert (found.slots, found.resting_until) == (4, NOW + 30 * SECOND)


def test_the_request_limit_is_one_for_all_lanes() -> None:
    endpoint = make_endpoint(requests_per_minute=240)
    starts = [start for holder in (uuid4(), uuid4()) for start in ask(endpoint, holder).starts or ()]
    assert starts == [NOW + number * SECOND / 4 for number in range(5)]


def test_without_rate_limits_nobody_is_told_when_to_begin() -> None:
    assert ask(make_endpoint(), uuid4()).starts is None


def test_no_more_starts_are_taken_than_can_be_used() -> None:
    endpoint = make_endpoint(requests_per_minute=60_000, max_concurrency=16)
    assert len(ask(endpoint, uuid4(), ready=3).starts or ()) == 3
    assert len(ask(endpoint, uuid4(), ready=50, starts_left=14).starts or ()) == 2


def test_nobody_takes_starts_or_tokens_that_cannot_be_used() -> None:
    """Neither a lane without a slot, nor one that rests, nor a call for which no slot is free."""
    endpoint, one, two = (
        make_endpoint(max_concurrency=1, requests_per_minute=60, tokens_per_minute=6000),
        uuid4(),
        uuid4(),
    )
    ask(endpoint, one, calls_at_once=1, ready=0)
    assert ask(endpoint, two).starts == []
    assert ask(endpoint, two, ready=1, calls_at_once=1, goes_first=True).starts == []
    limits.give_back(holders=[one, two])
    assert ask(endpoint, two, calls_at_once=2, in_flight=1, ready=1, goes_first=True).starts == []
    rests = Tally()
    rests.throttled(began=NOW, rest_until=NOW + SECOND)
    assert ask(endpoint, two, tally=rests).starts == []
    limits.give_back(holders=[one, two])
    state = EndpointState.objects.get(endpoint=endpoint)
    assert (state.next_request_at, state.tokens_left) == (None, 1000)
    assert ask(endpoint, one, now=NOW + SECOND).starts == [NOW + SECOND, NOW + 2 * SECOND]


def test_a_call_refused_for_the_rate_gets_the_next_start_before_a_run() -> None:
    endpoint, lane, gateway = make_endpoint(requests_per_minute=60), uuid4(), uuid4()
    call: dict[str, Any] = {"calls_at_once": 1, "ready": 1, "goes_first": True}
    assert len(ask(endpoint, lane).starts or ()) == 2
    assert ask(endpoint, gateway, **call).starts == []
    limits.wait_for(endpoint=endpoint, holder=gateway, in_flight=0, now=NOW)
    quarters = [NOW + number * SECOND / 4 for number in range(1, 12)]
    taken = [start for now in quarters for start in ask(endpoint, lane, now=now).starts or ()]
    assert taken == [NOW + 2 * SECOND]
    assert ask(endpoint, gateway, now=quarters[-1], **call).starts == [NOW + 3 * SECOND]


def test_a_call_that_waits_holds_nothing_and_is_forgotten_when_it_does_not_come_back() -> None:
    endpoint, lane, gateway = make_endpoint(max_concurrency=1, requests_per_minute=30), uuid4(), uuid4()
    ask(endpoint, gateway, calls_at_once=1, ready=1, goes_first=True)
    limits.wait_for(endpoint=endpoint, holder=gateway, in_flight=0, now=NOW)
    row = EndpointSlots.objects.get(holder=gateway)
    # As long as it is told to wait comes on top.
    assert (row.n, row.wants, row.lease_until) == (0, 1, NOW + limits.SLOTS_FOR + 2 * SECOND)
    assert ask(endpoint, lane, now=row.lease_until).slots == 0
    assert ask(endpoint, lane, now=row.lease_until + SECOND).slots == 1


def test_production_does_not_take_the_probe_that_runs_wait_for() -> None:
    endpoint, lane, gateway = make_endpoint(), uuid4(), uuid4()
    tally = Tally()
    for _ in range(pacing.OPENS_AFTER):
        tally.failed(began=NOW, first_try=True)
    ask(endpoint, lane, tally=tally)
    later = NOW + 2 * SECOND
    ask(endpoint, gateway, now=later, calls_at_once=1, ready=1, goes_first=True)
    assert EndpointState.objects.get(endpoint=endpoint).breaker == "open"
    assert ask(endpoint, lane, now=later).calls == 1


def test_an_open_breaker_stops_all_lanes_but_one_probe() -> None:
    endpoint, one, two = make_endpoint(), uuid4(), uuid4()
    tally = Tally()
    for _ in range(pacing.OPENS_AFTER):
        tally.failed(began=NOW, first_try=True)
    assert ask(endpoint, one, tally=tally).calls == 0
    assert ask(endpoint, two).calls == 0
    later = NOW + 2 * SECOND
    assert [ask(endpoint, holder, now=later).calls for holder in (two, one)] == [1, 0]
    assert ask(endpoint, one, tally=Tally(successes=1), now=later).calls is None


def test_an_endpoint_that_fails_every_probe_is_given_up_by_the_lane_that_saw_the_last_one() -> None:
    endpoint, one, two = make_endpoint(), uuid4(), uuid4()
    EndpointState.objects.create(
        endpoint=endpoint,
        concurrency=8,
        breaker="half_open",
        breaker_opened_at=NOW,
        failures_in_a_row=pacing.GIVES_UP_AFTER - 1,
    )
    assert ask(endpoint, one, tally=tally_failed(NOW), now=NOW + SECOND).gave_up
    # A run that begins later tries it once more before it says so.
    assert not ask(endpoint, two, now=NOW + 3600 * SECOND).gave_up
    assert ask(endpoint, two, now=NOW + 3601 * SECOND, tally=tally_failed(NOW + 3600 * SECOND)).gave_up


def tally_failed(began: datetime) -> Tally:
    tally = Tally()
    tally.failed(began=began, first_try=False)
    return tally


def test_who_says_that_it_is_well_ends_its_rest_too() -> None:
    endpoint, one = make_endpoint(), uuid4()
    tally = Tally()
    tally.throttled(began=NOW, rest_until=NOW + timedelta(hours=20))
    assert ask(endpoint, one, tally=tally).resting_until == NOW + timedelta(hours=20)
    limits.forget_failures(endpoint=endpoint)
    assert ask(endpoint, one).resting_until is None
