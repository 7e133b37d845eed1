"""Sample files of lm-evaluation-harness: where a record keeps its id and its answer, and rows of further filters."""

from collections.abc import Iterable, Iterator
from typing import Any

from experiments.importers.problems import Kind, Unfit
from experiments.importers.source import Record

RESPONSES, DOC, DOC_ID, FILTER = "resps", "doc", "doc_id", "filter"


def field(record: dict[str, Any], column: str) -> Any:
    """The value of a column; for the harness's own names, what lies behind them."""
    if column == RESPONSES:
        return first_generation(record.get(RESPONSES))
    if column == DOC_ID:
        return case_id(record)
    return record.get(column)


def case_id(record: dict[str, Any]) -> Any:
    """The document's own id where it has one, else its number in the task."""
    doc = record.get(DOC)
    own = doc.get("id") if isinstance(doc, dict) else None
    return record.get(DOC_ID) if own is None else own


def first_generation(responses: Any) -> Any:
    """`resps` holds one list per request, of one text per repetition. Likelihoods of given answers are no texts."""
    if isinstance(responses, str) or responses is None:
        return responses
    first = responses[0] if isinstance(responses, list) and responses else None
    text = first[0] if isinstance(first, list) and first else first
    if not isinstance(text, str):
        reason = "no generated text: tasks that compare likelihoods of given answers hold none"
        raise Unfit(Kind.WRONG_TYPE, reason, RESPONSES)
    return text


def without_repeats(records: Iterable[Record], *, column: str) -> Iterator[Record]:
    """A task with several filters writes each sample once per filter, with the same raw answer: the first counts."""
    first_filter: str | None = None
    for row, record in records:
        name = record.get(FILTER)
        if column != DOC_ID or not isinstance(name, str):
            yield row, record
            continue
        first_filter = name if first_filter is None else first_filter
        if name == first_filter:
            yield row, record
