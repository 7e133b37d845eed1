"""What a lane's calls have shown: pace, tokens, cost, and what the endpoint's other users should know."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from experiments.endpoints.errors import BLOCKED, DNS, HTTP_4XX, HTTP_5XX, RATE_LIMITED, REFUSED, TIMEOUT, CallError
from experiments.endpoints.exchange import ChatAnswer
from experiments.services.runs.calling import Result
from experiments.services.runs.pacing import Tally

# Of the endpoint rather than of one case.
FAILURES = frozenset({TIMEOUT, REFUSED, DNS, HTTP_5XX, RATE_LIMITED})
# A wrong key, model or address is refused the same way for each case.
REFUSING_STATUS = frozenset({401, 403, 404})
REFUSALS_THAT_SUFFICE = 10
# Answers in a row without the token counts that have a price: such an endpoint tells none at all.
UNPRICED_THAT_SUFFICE = 3
NEWEST_COUNTS = 0.2


@dataclass(frozen=True)
class Prices:
    """Per token."""

    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)

    def of(self, answer: ChatAnswer) -> float | None:
        """None where the answer does not say how much of what has a price it took."""
        counts = ((self.input, answer.input_tokens), (self.output, answer.output_tokens))
        if any(price and tokens is None for price, tokens in counts):
            return None
        return float(sum(price * (tokens or 0) for price, tokens in counts))


class Meter:
    def __init__(self, *, prices: Prices, tokens_guessed: float) -> None:
        self.tally = Tally()
        self.pace = 0.0
        self.prices, self.tokens_per_call = prices, tokens_guessed
        self.cost_per_call: float | None = None
        self.refusals_in_a_row = self.unpriced_in_a_row = 0
        self.last_error: CallError | None = None
        self.last_group = time.monotonic()

    @property
    def is_refused(self) -> bool:
        return self.refusals_in_a_row >= REFUSALS_THAT_SUFFICE

    @property
    def tells_no_usage(self) -> bool:
        return self.unpriced_in_a_row >= UNPRICED_THAT_SUFFICE

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
        if result.answer is not None:
            self.read_cost(self.prices.of(result.answer))
        if result.error is None or result.answer is not None:
            self.tally.succeeded()
            self.refusals_in_a_row = 0
        else:
            self.read_error(result, result.error, now=now)

    def read_cost(self, cost: float | None) -> None:
        if cost is None:
            self.unpriced_in_a_row += 1
            return
        self.unpriced_in_a_row = 0
        known = cost if self.cost_per_call is None else self.cost_per_call
        self.cost_per_call = known + NEWEST_COUNTS * (cost - known)

    def read_error(self, result: Result, error: CallError, *, now: datetime) -> None:
        self.last_error = error
        refuses = error.error_class == BLOCKED or (error.error_class == HTTP_4XX and error.status in REFUSING_STATUS)
        # What is wrong with this program is wrong for each case too.
        self.refusals_in_a_row = self.refusals_in_a_row + 1 if refuses or result.is_ours else 0
        if error.error_class == RATE_LIMITED:
            rest = timedelta(seconds=error.retry_after) if error.retry_after is not None else None
            self.tally.throttled(began=result.began, rest_until=now + rest if rest is not None else None)
        if error.error_class in FAILURES:
            self.tally.failed(began=result.began, first_try=result.number == 1)

    def take_tally(self) -> Tally:
        taken, self.tally = self.tally, Tally()
        return taken
