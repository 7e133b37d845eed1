"""The cases in one lane's hands: ready, waiting for another try, or out with the crew."""

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count
from queue import SimpleQueue
from uuid import UUID

from experiments.services.runs import leasing
from experiments.services.runs.due import Due
from experiments.services.runs.leasing import Leased

MOST_HELD = 1024
# Where nothing was left to lease, look again only now and then.
SEARCH_SECONDS = 0.5
RENEW_SECONDS = 15.0


class Stock:
    def __init__(
        self, *, run_id: UUID, token: UUID, ready: "SimpleQueue[Leased | None]", clock: Callable[[], datetime]
    ) -> None:
        self.run_id, self.token, self.ready, self.clock = run_id, token, ready, clock
        self.held: dict[int, Leased] = {}
        self.later: list[tuple[datetime, int, Leased]] = []
        self.order = count()
        self.last_id = 0
        self.found_nothing = False
        self.search = Due(SEARCH_SECONDS)
        self.renewal = Due(RENEW_SECONDS)
        self.renewal.now()

    def refill(self, *, wanted: int) -> None:
        """Cases whose back-off is over, and new ones when less than half of what is wanted is at hand."""
        now = self.clock()
        while self.later and self.later[0][0] <= now:
            self.ready.put(heapq.heappop(self.later)[2])
        lacking = min(wanted, MOST_HELD - len(self.held)) - self.ready.qsize()
        if lacking > wanted // 2 and (not self.found_nothing or self.search.now()):
            self.lease(lacking, now=now)

    def lease(self, n: int, *, now: datetime) -> None:
        taken = leasing.take(run_id=self.run_id, token=self.token, n=n, after=self.last_id, now=now)
        for item in taken:
            self.held[item.item_id] = item
            self.ready.put(item)
        # Those before were left by others, or wait for their next try: from the start again.
        self.found_nothing = not taken and self.last_id == 0
        self.last_id = taken[-1].item_id if taken else 0

    @property
    def n_ready(self) -> int:
        """Not in back-off; those that are being called among them."""
        return len(self.held) - len(self.later)

    def put_back(self, item: Leased, *, until: datetime) -> None:
        """For another try, which nobody makes twice: the case stays ours."""
        item.attempts += 1
        heapq.heappush(self.later, (until, next(self.order), item))

    def finish(self, item: Leased) -> None:
        self.held.pop(item.item_id, None)

    def renew_when_due(self) -> None:
        if self.held and self.renewal.now():
            leasing.renew(token=self.token, items=list(self.held), now=self.clock())

    def release(self) -> None:
        leasing.release(run_id=self.run_id, tokens=[self.token])
        self.held.clear()
