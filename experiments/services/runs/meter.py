"""What a lane's calls have shown: pace, tokens, cost, and what the endpoint's other users should know."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from experiments.endpoints.errors import BLOCKED, DNS, HTTP_4XX, HTTP_5XX, RATE_LIMITED, REFUSED, TIMEOUT, CallError
from experiments.services.runs.calling import Result
from experiments.services.runs.pacing import Tally

# Of the endpoint rather than of one case.
FAILURES = frozenset({TIMEOUT, REFUSED, DNS, HTTP_5XX, RATE_LIMITED})
# A wrong key, model or address is refused the same way for each case.
REFUSING_STATUS = frozenset({401, 403, 404})
REFUSALS_THAT_SUFFICE = 10
TOKENS_AT_FIRST = 500.0
NEWEST_COUNTS = 0.2


class Meter:
    def __init__(self) -> None:
        self.tally = Tally()
        self.pace = 0.0
        self.tokens_per_call = TOKENS_AT_FIRST
        self.refusals_in_a_row = 0
        self.last_error: CallError | None = None
        self.last_group = time.monotonic()

    @property
    def is_refused(self) -> bool:
        return self.refusals_in_a_row >= REFUSALS_THAT_SUFFICE

    def read(self, results: Sequence[Result], *, now: datetime) -> None:
        for result in results:
            self.read_one(result, now=now)
        moment = time.monotonic()
        pace = len(results) / max(moment - self.last_group, 0.001)
        self.pace += NEWEST_COUNTS * (pace - self.pace)
        self.last_group = moment

    def read_one(self, result: Result, *, now: datetime) -> None:
        self.tally.tokens += result.tokens
        self.tally.tokens_expected += self.tokens_per_call
        if result.tokens:
            self.tokens_per_call += NEWEST_COUNTS * (result.tokens - self.tokens_per_call)
        if result.error is None or result.answer is not None:
            self.tally.succeeded()
            self.refusals_in_a_row = 0
        else:
            self.read_error(result, result.error, now=now)

    def read_error(self, result: Result, error: CallError, *, now: datetime) -> None:
        self.last_error = error
        refuses = error.error_class == BLOCKED or (error.error_class == HTTP_4XX and error.status in REFUSING_STATUS)
        self.refusals_in_a_row = self.refusals_in_a_row + 1 if refuses else 0
        if error.error_class == RATE_LIMITED:
            rest = timedelta(seconds=error.retry_after) if error.retry_after is not None else None
            self.tally.throttled(began=result.began, rest_until=now + rest if rest is not None else None)
        if error.error_class in FAILURES:
            self.tally.failed(began=result.began, first_try=result.number == 1)

    def take_tally(self) -> Tally:
        taken, self.tally = self.tally, Tally()
        return taken
