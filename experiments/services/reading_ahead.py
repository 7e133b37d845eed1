"""Read the next batches in a thread while the database writes the last one: neither waits for the other."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 0.1
# A thread that computes keeps the interpreter for 5 ms while the other one, whose socket has room again, waits for it,
# and the database with it: longer than it takes to write what fits into the socket.
TURN_SECONDS = 0.0003


class Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


END = object()


def ahead(items: Iterable[T], *, depth: int = 2) -> Iterator[T]:
    """The same items in the same order; what reading them raises is raised here. Reading must not ask the database."""
    queue: Queue[object] = Queue(depth)
    stopped = Event()
    reader = Thread(target=read, args=(items, queue, stopped), name="reading ahead", daemon=True)
    with short_turns():
        reader.start()
        try:
            while (item := queue.get()) is not END:
                if isinstance(item, Failed):
                    raise item.error
                yield item  # type: ignore[misc]
        finally:
            stopped.set()
            reader.join()


@contextmanager
def short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def read(items: Iterable[object], queue: Queue[object], stopped: Event) -> None:
    last: object = END
    try:
        for item in items:
            if not offered(queue, item, stopped):
                return
    except Exception as error:  # noqa: BLE001 - handed to the thread that asked
        last = Failed(error)
    offered(queue, last, stopped)


def offered(queue: Queue[object], item: object, stopped: Event) -> bool:
    while not stopped.is_set():
        try:
            queue.put(item, timeout=PATIENCE_SECONDS)
        except Full:
            continue
        return True
    return False
