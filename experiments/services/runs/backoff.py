"""When a failed call is made again, and when not: tenacity's schedule, without its sleeping."""

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, wait_random_exponential

from experiments.endpoints.errors import MALFORMED, CallError

# A malformed answer is mostly malformed for good: it gets one more try.
TRIES_OF_MALFORMED = 2

Wait = Callable[[RetryCallState], float]


@dataclass(frozen=True)
class Backoff:
    """`wait` is any of tenacity's; tests pass wait_fixed or wait_none."""

    wait: Wait
    max_attempts: int

    def delay_after(self, error: CallError, *, attempt: int) -> float | None:
        """Seconds until the next try after the attempt of this number (from 1), or None when there is none."""
        allowed = min(self.max_attempts, TRIES_OF_MALFORMED) if error.error_class == MALFORMED else self.max_attempts
        if not error.is_retryable or attempt >= allowed:
            return None
        scheduled = self.wait(state_after(attempt))
        # What the server asks for is waited for in full, by everybody; ours only spreads the crowd after it.
        return scheduled if error.retry_after is None else error.retry_after + min(scheduled, 1.0)


def state_after(attempt: int) -> RetryCallState:
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    return state


def exponential(*, first: float, longest: float) -> Wait:
    """Random up to first, 2 first, 4 first …, so that a crowd that failed together does not come back together."""
    return wait_random_exponential(multiplier=first, max=longest)
