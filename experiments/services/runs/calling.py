"""One call for one case, and what came of it, as a value that a keeper can store."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from experiments.endpoints.errors import MALFORMED, CallError
from experiments.endpoints.exchange import ChatAnswer, ChatRequest
from experiments.services.runs.leasing import Leased

logger = logging.getLogger(__name__)

Call = Callable[[ChatRequest], ChatAnswer]
# PostgreSQL stores every character but this one.
CANNOT_BE_STORED = "\0"


@dataclass(slots=True)
class Result:
    """`is_ours` where the error is one of this program, whatever the answer was."""

    item: Leased
    began: datetime
    elapsed_ms: float
    concurrency: int
    answer: ChatAnswer | None = None
    error: CallError | None = None
    is_ours: bool = False

    @property
    def number(self) -> int:
        return self.item.attempts + 1

    @property
    def tokens(self) -> int:
        return (self.answer.input_tokens or 0) + (self.answer.output_tokens or 0) if self.answer else 0


def make(call: Call, ask: Callable[[], ChatRequest], item: Leased, *, concurrency: int) -> Result:
    """Never raises: one answer that nobody foresaw is one case's error, and the others go on."""
    result = Result(item, timezone.now(), 0.0, concurrency)
    started = time.perf_counter()
    try:
        result.answer = call(ask())
    except CallError as error:
        result.error, result.answer = error, error.answer
    except Exception as error:
        logger.exception("the call for item %s failed in a way nobody foresaw", item.item_id)
        result.error, result.is_ours = unforeseen(error), True
    result.elapsed_ms = 1000 * (time.perf_counter() - started)
    if result.answer and cannot_be_stored(result.answer):
        result.answer = None
        result.error = CallError(MALFORMED, "The answer holds a NUL character, which no text may hold.")
    return result


def unforeseen(error: Exception) -> CallError:
    name = type(error).__name__
    return CallError(MALFORMED, f"An error of ours while calling or reading the answer ({name}): see the worker's log.")


def cannot_be_stored(answer: ChatAnswer) -> bool:
    return any(holds_nul(value) for value in (answer.text, answer.finish_reason, answer.tool_calls))


def holds_nul(value: object) -> bool:
    match value:
        case str():
            return CANNOT_BE_STORED in value
        case dict():
            return any(holds_nul(part) for pair in value.items() for part in pair)
        case list():
            return any(map(holds_nul, value))
    return False
