import sys
import threading
from collections.abc import Iterator

import pytest

from experiments.services.reading_ahead import ahead


def test_items_come_in_their_order() -> None:
    assert list(ahead(range(1000), depth=3)) == list(range(1000))


def test_an_error_of_the_reader_is_raised_after_what_came_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("row 2")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="row 2"):
        next(taken)


def test_no_more_than_the_depth_is_held_and_giving_up_ends_the_thread() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for n in range(10_000):
            read.append(n)
            yield n

    taken = ahead(items(), depth=2)
    assert next(taken) == 0
    taken.close()  # type: ignore[attr-defined]
    assert len(read) < 10
    assert "reading ahead" not in [thread.name for thread in threading.enumerate()]


def test_threads_take_short_turns_while_both_work_and_only_then() -> None:
    usual = sys.getswitchinterval()
    taken = ahead(range(10))
    next(taken)
    assert sys.getswitchinterval() < usual / 5
    taken.close()  # type: ignore[attr-defined]
    assert sys.getswitchinterval() == usual
