"""How many calls the threads of one lane may have in flight, and from when on; only the lane's keeper changes it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence


class Gate:
    """Times are of time.monotonic()."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.limit = 0
        self.in_flight = 0
        self.calls_left: int | None = None
        self.affordable: int | None = None
        self.starts: deque[float] | None = None
        self.rests_until = 0.0
        self.closed = False

    def enter(self) -> int | None:
        """Wait until a call may begin; how many are then in flight, or None when the gate was closed."""
        with self.changed:
            while not self.closed:
                wait = self.seconds_to_wait(time.monotonic())
                if wait is not None and wait <= 0:
                    return self.let_through()
                self.changed.wait(wait)
            return None

    def seconds_to_wait(self, now: float) -> float | None:
        """None: until something changes."""
        if self.in_flight >= self.limit or 0 in (self.calls_left, self.affordable):
            return None
        if self.starts is not None and not self.starts:
            return None
        start = self.starts[0] if self.starts else 0.0
        return max(start, self.rests_until) - now

    def let_through(self) -> int:
        self.in_flight += 1
        if self.starts:
            self.starts.popleft()
        if self.calls_left:
            self.calls_left -= 1
        if self.affordable:
            self.affordable -= 1
        return self.in_flight

    def leave(self) -> None:
        with self.changed:
            self.in_flight -= 1
            self.changed.notify()

    def allow(self, *, limit: int, calls: int | None, starts: Sequence[float] | None, rests_until: float) -> None:
        with self.changed:
            self.limit, self.calls_left = limit, calls
            self.rests_until = rests_until
            if starts is None:
                self.starts = None
            else:
                self.starts = deque([*(self.starts or ()), *starts])
            self.changed.notify_all()

    def afford(self, calls: int, *, unread: Callable[[], int]) -> None:
        """So many calls may be in flight or unread; what that leaves is counted down as calls begin."""
        with self.changed:
            self.affordable = max(calls - self.in_flight - unread(), 0)
            self.changed.notify_all()

    def hold(self) -> None:
        """Let nobody else begin; calls that run go on."""
        with self.changed:
            self.limit = 0

    def rest_until(self, moment: float) -> None:
        with self.changed:
            self.rests_until = max(self.rests_until, moment)

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    @property
    def starts_left(self) -> int:
        return len(self.starts or ())
