"""A small clock for what a loop does every so often."""

import time
from dataclasses import dataclass


@dataclass
class Due:
    every: float
    last: float = float("-inf")

    def now(self) -> bool:
        """Whether it is time again; if so, the next time is counted from here."""
        moment = time.monotonic()
        if moment - self.last < self.every:
            return False
        self.last = moment
        return True
