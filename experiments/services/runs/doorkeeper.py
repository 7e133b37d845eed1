"""Keeps a lane's gate in line with what its endpoint bears, which all workers share."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
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
# A run that would rest for longer says so and waits for a person, who may know better than the server.
LONGEST_REST = timedelta(minutes=15)


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
        self.rests_too_long_until: datetime | None = None
        self.gave_up = False
        self.holding = False

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
        self.elsewhere, self.gave_up = allowance.in_flight_elsewhere, self.gave_up or allowance.gave_up
        rests_until = allowance.resting_until
        self.rests_too_long_until = rests_until if rests_until and rests_until - now > LONGEST_REST else None
        to_monotonic = time.monotonic() - now.timestamp()
        limit = allowance.slots
        self.gate.allow(
            limit=0 if self.holding else limit,
            calls=allowance.calls,
            starts=None if allowance.starts is None else [at.timestamp() + to_monotonic for at in allowance.starts],
            rests_until=rests_until.timestamp() + to_monotonic if rests_until else 0.0,
        )
        held_back = allowance.calls is not None or allowance.starts is not None or limit < self.threads
        self.due.every = BUSY_SECONDS if held_back else CALM_SECONDS

    def hold(self) -> None:
        """No new calls from here; those in flight keep their slots."""
        self.holding = True
        self.gate.hold()

    def leave(self) -> None:
        limits.give_back(holders=[self.holder])
