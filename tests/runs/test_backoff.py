import pytest
from tenacity import wait_exponential

from experiments.endpoints import errors
from experiments.endpoints.errors import CallError
from experiments.services.runs.backoff import Backoff, exponential, state_after

DOUBLING = Backoff(wait=wait_exponential(multiplier=1, max=10), max_attempts=5)


def test_pauses_double_up_to_the_longest_and_end_with_the_last_attempt() -> None:
    broken = CallError(errors.HTTP_5XX, "busy")
    assert [DOUBLING.delay_after(broken, attempt=number) for number in range(1, 6)] == [1, 2, 4, 8, None]


def test_what_the_server_asks_for_is_waited_for_in_full() -> None:
    told = CallError(errors.RATE_LIMITED, "later", retry_after=30)
    assert DOUBLING.delay_after(told, attempt=4) == 31


@pytest.mark.parametrize("error_class", sorted(errors.ALL - errors.RETRYABLE))
def test_what_will_not_pass_by_itself_is_not_tried_again(error_class: str) -> None:
    assert DOUBLING.delay_after(CallError(error_class, ""), attempt=1) is None


def test_a_malformed_answer_gets_one_more_try() -> None:
    malformed = CallError(errors.MALFORMED, "no JSON")
    assert DOUBLING.delay_after(malformed, attempt=1) == 1
    assert DOUBLING.delay_after(malformed, attempt=2) is None


def test_a_crowd_that_failed_together_is_spread_out() -> None:
    wait = exponential(first=1, longest=60)
    pauses = [wait(state_after(5)) for _ in range(200)]
    assert 0 <= min(pauses) < 4
    assert 10 < max(pauses) <= 16
    assert max(wait(state_after(20)) for _ in range(200)) <= 60
