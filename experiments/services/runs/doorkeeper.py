"""Keeps a lane's gate in line with what its endpoint bears, which all workers share."""

import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from experiments.models import Endpoint
from experiments.services.runs import limits
from experiments.services.runs.due import Due
from experiments.services.runs.gate import Gate
from experiments.services.runs.limits import Allowance, Wish
from experiments.services.runs.meter import Meter

CALM_SECONDS = 1.0
# While something holds calls back, to hear soon when it does no longer.
BUSY_SECONDS = 0.25


class Doorkeeper:
    def __init__(
        self,
        *,
        endpoint: Endpoint,
        holder: UUID,
        threads: int,
        gate: Gate,
        meter: Meter,
        clock: Callable[[], datetime],
    ) -> None:
        self.endpoint, self.holder, self.threads = endpoint, holder, threads
        self.gate, self.meter, self.clock = gate, meter, clock
        self.due = Due(CALM_SECONDS)
        self.elsewhere = 0
        self.affordable: int | None = None
        self.gave_up = False
        self.holding = False
        self.is_probing = False

    def refresh(self, *, ready: int) -> None:
        """Ask anew when it is time, and at once when the endpoint refused or failed."""
        has_news = self.meter.tally.throttled_at is not None or self.meter.tally.failed_at is not None
        if not (self.due.now() or has_news):
            return
        wish = Wish(
            holder=self.holder,
            calls_at_once=0 if self.holding else self.threads,
            in_flight=self.gate.in_flight,
            ready=ready,
            starts_left=self.gate.starts_left,
            tokens_per_call=self.meter.tokens_per_call,
        )
        now = self.clock()
        self.obey(limits.ask(endpoint=self.endpoint, wish=wish, tally=self.meter.take_tally(), now=now), now=now)

    def obey(self, allowance: Allowance, *, now: datetime) -> None:
        self.is_probing = allowance.calls is not None
        self.elsewhere, self.gave_up = allowance.in_flight_elsewhere, allowance.gave_up
        to_monotonic = time.monotonic() - now.timestamp()
        limit = allowance.slots
        self.gate.allow(
            limit=0 if self.holding else limit,
            calls=fewest(allowance.calls, self.affordable),
            starts=None if allowance.starts is None else [at.timestamp() + to_monotonic for at in allowance.starts],
            rests_until=allowance.resting_until.timestamp() + to_monotonic if allowance.resting_until else 0.0,
        )
        held_back = allowance.calls is not None or allowance.starts is not None or limit < self.threads
        self.due.every = BUSY_SECONDS if held_back else CALM_SECONDS

    def afford(self, calls: int) -> None:
        """So many more calls until this is said again."""
        self.affordable = calls
        self.gate.let(fewest(self.gate.calls_left, calls) if self.is_probing else calls)

    def hold(self) -> None:
        """No new calls from here; those in flight keep their slots."""
        self.holding = True
        self.gate.hold()

    def leave(self) -> None:
        limits.give_back(holders=[self.holder])


def fewest(first: int | None, second: int | None) -> int | None:
    """None is any number."""
    numbers = [number for number in (first, second) if number is not None]
    return min(numbers, default=None)
