"""What an endpoint's state learns from calls; no row is read or written."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from experiments.models import Endpoint, EndpointState
from experiments.services.runs import pacing
from experiments.services.runs.pacing import Breaker, Holder, Tally
from tests.factories.platform_ import NOW

SECOND = timedelta(seconds=1)


def endpoint(**fields: Any) -> Endpoint:
    return Endpoint(**{"max_concurrency": 32, **fields})


def state(**fields: Any) -> EndpointState:
    return EndpointState(**{"concurrency": 32.0, **fields})


def throttled(*, at: Any = NOW, rest: timedelta | None = None) -> Tally:
    tally = Tally()
    tally.throttled(began=at, rest_until=at + rest if rest else None)
    return tally


def failing(n: int, *, began: Any = NOW, first_try: bool = True) -> Tally:
    tally = Tally()
    for _ in range(n):
        tally.failed(began=began, first_try=first_try)
    return tally


def learned(found: EndpointState, tally: Tally, *, now: Any = NOW) -> EndpointState:
    pacing.learn(found, endpoint(), tally, now=now)
    return found


def test_a_crowd_of_refused_calls_halves_once() -> None:
    found = learned(state(), throttled())
    # Calls that were on their way when it was halved say nothing new.
    learned(found, throttled(at=NOW - SECOND), now=NOW + SECOND)
    assert found.concurrency == 16
    learned(found, throttled(at=NOW + SECOND), now=NOW + 2 * SECOND)
    assert found.concurrency == 8


def test_it_never_falls_below_one_call_at_once() -> None:
    found = state(concurrency=1.5)
    for number in range(5):
        learned(found, throttled(at=NOW + number * SECOND), now=NOW + number * SECOND)
    assert found.concurrency == 1


def test_success_creeps_up_by_one_per_round_and_not_above_the_limit() -> None:
    found = state(concurrency=4.0)
    learned(found, Tally(successes=4))
    assert found.concurrency == 5
    learned(found, Tally(successes=10_000))
    assert found.concurrency == 32


def test_everybody_rests_as_long_as_the_server_asks_and_the_longest_word_counts() -> None:
    found = learned(state(), throttled(rest=timedelta(seconds=20)))
    learned(found, throttled(at=NOW + SECOND, rest=timedelta(seconds=5)), now=NOW + SECOND)
    assert found.resting_until == NOW + timedelta(seconds=20)


def test_without_a_word_there_is_a_short_rest_only_where_one_call_was_too_many() -> None:
    assert learned(state(), throttled()).resting_until is None
    assert learned(state(concurrency=1.0), throttled()).resting_until == NOW + pacing.REST_WITHOUT_WORD


def test_failures_in_a_row_open_the_breaker_and_a_success_between_them_does_not() -> None:
    found = learned(state(), failing(pacing.OPENS_AFTER - 1))
    learned(found, Tally(successes=1))
    learned(found, failing(pacing.OPENS_AFTER - 1))
    assert found.breaker == Breaker.CLOSED
    learned(found, failing(1))
    assert found.breaker == Breaker.OPEN


def test_a_case_that_fails_again_says_nothing_new_about_the_endpoint() -> None:
    assert learned(state(), failing(100, first_try=False)).breaker == Breaker.CLOSED


def let_through(found: EndpointState, *, now: Any, has_work: bool = True) -> int | None:
    return pacing.calls_let_through(found, has_work=has_work, patience=timedelta(minutes=1), now=now)


def test_an_open_breaker_lets_one_probe_through_after_its_cool_down() -> None:
    found = learned(state(), failing(40))
    assert let_through(found, now=NOW) == 0
    assert let_through(found, now=NOW + SECOND, has_work=False) == 0
    assert let_through(found, now=NOW + SECOND) == 1
    assert let_through(found, now=NOW + SECOND) == 0
    assert found.breaker == Breaker.HALF_OPEN


def test_the_probe_decides_and_stragglers_do_not() -> None:
    found = learned(state(), failing(40))
    assert let_through(found, now=NOW + SECOND) == 1
    learned(found, failing(5, began=NOW), now=NOW + SECOND)
    assert found.breaker == Breaker.HALF_OPEN
    learned(found, failing(1, began=NOW + SECOND, first_try=False), now=NOW + 2 * SECOND)
    assert found.breaker == Breaker.OPEN
    assert pacing.cool_down(found) == 2 * SECOND
    assert let_through(found, now=NOW + 3 * SECOND) == 0
    assert let_through(found, now=NOW + 4 * SECOND) == 1
    learned(found, Tally(successes=1), now=NOW + 4 * SECOND)
    assert (found.breaker, let_through(found, now=NOW + 4 * SECOND)) == (Breaker.CLOSED, None)


def test_cool_downs_double_up_to_a_minute() -> None:
    waits = [pacing.cool_down(state(failures_in_a_row=pacing.OPENS_AFTER + n)).total_seconds() for n in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_probe_whose_worker_died_is_made_again() -> None:
    found = state(breaker=Breaker.HALF_OPEN, breaker_opened_at=NOW, failures_in_a_row=10)
    assert let_through(found, now=NOW + timedelta(seconds=59)) == 0
    assert let_through(found, now=NOW + timedelta(seconds=60)) == 1


def test_requests_start_no_closer_than_their_limit_whoever_asks() -> None:
    limited, found = endpoint(requests_per_minute=120), state()
    first = pacing.starts(found, limited, want=50, now=NOW)
    second = pacing.starts(found, limited, want=50, now=NOW + SECOND)
    assert first is not None
    assert second is not None
    times = [*first, *second]
    assert [later - earlier for earlier, later in pairwise(times)] == [SECOND / 2] * 4
    assert times[-1] <= NOW + 2 * SECOND


def test_an_idle_minute_is_not_saved_up() -> None:
    limited, found = endpoint(requests_per_minute=60), state(next_request_at=NOW - timedelta(minutes=1))
    assert pacing.starts(found, limited, want=50, now=NOW) == [NOW, NOW + SECOND]


def test_tokens_are_spent_as_expected_and_settled_by_what_they_were() -> None:
    limited, found = endpoint(tokens_per_minute=6000), state()
    assert pacing.calls_within_tokens(found, limited, want=50, per_call=100, now=NOW) == 10
    assert pacing.calls_within_tokens(found, limited, want=50, per_call=100, now=NOW) == 0
    pacing.learn(found, limited, Tally(successes=10, tokens=500, tokens_expected=1000), now=NOW)
    assert pacing.calls_within_tokens(found, limited, want=50, per_call=100, now=NOW) == 5
    assert pacing.calls_within_tokens(found, limited, want=50, per_call=100, now=NOW + 2 * SECOND) == 2


def test_a_call_larger_than_the_burst_is_possible_and_paid_for_afterwards() -> None:
    limited, found = endpoint(tokens_per_minute=600), state()
    assert pacing.calls_within_tokens(found, limited, want=5, per_call=400, now=NOW) == 1
    assert pacing.calls_within_tokens(found, limited, want=5, per_call=400, now=NOW + 29 * SECOND) == 0
    assert pacing.calls_within_tokens(found, limited, want=5, per_call=400, now=NOW + 31 * SECOND) == 1


def test_a_call_without_a_start_spends_no_tokens_and_runs_leave_the_next_to_who_waits() -> None:
    limited, found = endpoint(requests_per_minute=60, tokens_per_minute=6000), state()
    assert pacing.next_calls(found, limited, want=9, per_call=100, leave=0, now=NOW) == [NOW, NOW + SECOND]
    assert found.tokens_left == 800
    assert pacing.next_calls(found, limited, want=9, per_call=100, leave=0, now=NOW) == []
    assert found.tokens_left == 800
    later = NOW + 3 * SECOND
    assert pacing.next_calls(found, limited, want=9, per_call=100, leave=1, now=later) == [later]
    assert pacing.next_calls(found, limited, want=9, per_call=1000, leave=1, now=later) == []
    assert pacing.next_calls(found, limited, want=1, per_call=1000, leave=0, now=later) == [later + SECOND]


def test_the_first_holder_takes_all_and_gives_up_half_to_a_second() -> None:
    assert pacing.share(8, wants=8, in_flight=0, others=[], rank=0).slots == 8
    assert pacing.share(8, wants=8, in_flight=0, others=[Holder(8, 8)], rank=1).slots == 0
    assert pacing.share(8, wants=8, in_flight=0, others=[Holder(0, 8)], rank=0).slots == 4
    assert pacing.share(8, wants=8, in_flight=0, others=[Holder(4, 8)], rank=1).slots == 4


def test_calls_that_run_keep_their_slots_until_they_end_and_no_other_follows_them() -> None:
    found = pacing.share(8, wants=8, in_flight=7, others=[Holder(0, 8)], rank=0)
    assert (found.slots, found.held) == (4, 7)


def test_a_second_holder_comes_to_its_share_beside_one_that_is_always_busy() -> None:
    in_flight, second = 8, Holder(0, 8)
    for _ in range(8):
        first = pacing.share(8, wants=8, in_flight=in_flight, others=[second], rank=0)
        # One call ends, and the next begins where a slot is free for it.
        in_flight = max(in_flight - 1, min(first.slots, in_flight))
        second = Holder(pacing.share(8, wants=8, in_flight=0, others=[Holder(first.held, 8)], rank=1).held, 8)
        assert in_flight + second.n <= 8
    assert (in_flight, second.n) == (4, 4)


def test_what_one_does_not_want_goes_to_the_other() -> None:
    assert pacing.share(8, wants=8, in_flight=0, others=[Holder(2, 2)], rank=0).slots == 6


def test_all_shares_together_stay_below_the_limit_in_any_order() -> None:
    holders = {name: Holder(0, wants) for name, wants in {"a": 8, "b": 3, "c": 20}.items()}
    for turn in range(30):
        name = "abc"[turn * 7 % 3]
        others = [holders[other] for other in "abc" if other != name]
        n = pacing.share(10, wants=holders[name].wants, in_flight=0, others=others, rank="abc".index(name))
        holders[name] = Holder(n.held, holders[name].wants)
        assert sum(holder.n for holder in holders.values()) <= 10
    assert min(holder.n for holder in holders.values()) >= 3


def test_a_run_gives_up_its_last_slot_to_a_call_that_somebody_waits_for() -> None:
    waits = Holder(0, 1, goes_first=True)
    lane = pacing.share(1, wants=8, in_flight=1, others=[waits], rank=0)
    assert (lane.slots, lane.held) == (0, 1)
    assert pacing.share(1, wants=8, in_flight=0, others=[waits], rank=0).held == 0
    assert pacing.share(1, wants=1, in_flight=0, others=[Holder(0, 8)], rank=1, goes_first=True).slots == 1
    # Once it has one, or none is waited for, the run has what is left.
    assert pacing.share(2, wants=8, in_flight=0, others=[Holder(1, 2, goes_first=True)], rank=0).slots == 1
    assert pacing.share(1, wants=8, in_flight=0, others=[Holder(0, 0, goes_first=True)], rank=0).slots == 1


def test_more_lanes_than_slots_leave_one_and_no_more() -> None:
    waits = Holder(0, 1, goes_first=True)
    assert pacing.share(2, wants=8, in_flight=1, others=[Holder(1, 8), waits], rank=0).slots == 0
    assert pacing.share(2, wants=8, in_flight=1, others=[Holder(0, 8), waits], rank=0).slots == 1


def test_of_two_calls_that_somebody_waits_for_one_is_made() -> None:
    waits = Holder(0, 1, goes_first=True)
    assert [pacing.share(1, wants=1, in_flight=0, others=[waits], rank=n, goes_first=True).slots for n in (0, 1)] == [
        1
    ] * 2
    # A second one at the same desk comes after the first at another.
    assert pacing.share(2, wants=2, in_flight=1, others=[waits], rank=0, goes_first=True).slots == 1
