"""The threads of a lane: each takes a case, waits at the gate, makes the call and puts down what came of it."""

import threading
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from experiments.services.runs import calling
from experiments.services.runs.calling import Call, Result
from experiments.services.runs.gate import Gate
from experiments.services.runs.leasing import Leased
from experiments.services.runs.messages import AskedModel, request_for

# Threads end by themselves when their call does; the longest call is a matter of its endpoint's deadline.
FULL_GROUP = 64


class Crew:
    """Its threads never touch the database."""

    def __init__(self, *, threads: int, gate: Gate, call: Call, asked: AskedModel) -> None:
        self.gate, self.call, self.asked = gate, call, asked
        self.ready: SimpleQueue[Leased | None] = SimpleQueue()
        self.results: SimpleQueue[Result] = SimpleQueue()
        self.full = threading.Event()
        self.threads = [
            threading.Thread(target=self.work, name=f"caller {number}", daemon=True) for number in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do not wait for calls whose results nobody will keep."""
        self.gate.close()
        for _ in self.threads:
            self.ready.put(None)

    def work(self) -> None:
        while (item := self.ready.get()) is not None:
            concurrency = self.gate.enter()
            if concurrency is None:
                return
            try:
                # Put down before the gate counts it out, so that an idle gate means that everything is here.
                self.results.put(
                    calling.make(self.call, partial(request_for, self.asked, item.case), item, concurrency=concurrency)
                )
            finally:
                self.gate.leave()
            if self.results.qsize() >= FULL_GROUP:
                self.full.set()

    def finished(self, *, within: float) -> list[Result]:
        """What has come back, after so many seconds or as soon as it fills a group."""
        self.full.wait(within)
        self.full.clear()
        found: list[Result] = []
        try:
            while len(found) < 4 * FULL_GROUP:
                found.append(self.results.get_nowait())
        except Empty:
            pass
        return found
