"""Records of a file, through the mapping, as cases of an eval set."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import orjson

from experiments.importers import values
from experiments.importers.eval_sets import case_checks, messages
from experiments.importers.eval_sets.mapping import CHECKS, CaseMapping
from experiments.importers.limits import Limits
from experiments.importers.problems import Report, Unfit

Fields = dict[str, Any]
CHECK = "checks."


class Case(NamedTuple):
    """As it will be kept. `answered`: what is expected was the assistant's last message."""

    row: int
    id: str
    prompt: str
    system: str = ""
    turns: list[dict[str, Any]] = []
    expected: str = ""
    category: str = ""
    tags: list[str] = []
    cluster: str = ""
    metadata: dict[str, Any] = {}
    checks: dict[str, Any] = {}
    answered: bool = False


def read(
    records: Iterable[tuple[int, dict[str, Any]]], *, mapping: CaseMapping, limits: Limits, report: Report
) -> Iterator[Case]:
    """A case for each record with nothing wrong; every field that is wrong is reported."""
    columns = {name: getattr(mapping, name) for name in CHECKS if getattr(mapping, name)}
    for ordinal, (row, record) in enumerate(records, start=1):
        found, wrong = taken(steps(record, mapping, limits, columns))
        asked = {name.removeprefix(CHECK): found.pop(name) for name in list(found) if name.startswith(CHECK)}
        for each in wrong:
            report(each.at(row))
        if not wrong:
            yield complete({**found, "checks": asked}, row, ordinal)


Step = Callable[[], Fields]


def taken(several: Iterable[Step]) -> tuple[Fields, list[Unfit]]:
    """What the steps found, and all that is wrong."""
    found: Fields = {}
    wrong: list[Unfit] = []
    for step in several:
        try:
            found |= step()
        except Unfit as problem:
            wrong.append(problem)
    return found, wrong


def steps(record: Fields, mapping: CaseMapping, limits: Limits, columns: Mapping[str, str]) -> Iterator[Step]:
    yield partial(prompt, record.get(mapping.prompt), mapping, limits)
    single: tuple[tuple[str, Callable[[Any, str, int], Any], str, int], ...] = (
        ("id", values.identifier, mapping.id, limits.label),
        ("system_given", values.text, mapping.system, limits.text),
        ("category", values.text, mapping.category, limits.label),
        ("tags", values.tags, mapping.tags, limits.label),
        ("cluster", values.text, mapping.cluster, limits.label),
    )
    for name, take, column, longest in single:
        if column:
            yield partial(one, name, take, record.get(column), column, longest)
    if mapping.expected:
        yield partial(expected, record.get(mapping.expected), mapping.expected, limits)
    for name, column in columns.items():
        yield partial(check, name, record.get(column), column, limits)
    if mapping.metadata:
        yield partial(metadata, record, mapping, limits)


def one(name: str, take: Callable[[Any, str, int], Any], value: Any, column: str, longest: int) -> Fields:
    return {name: take(value, column, longest)}


def prompt(value: Any, mapping: CaseMapping, limits: Limits) -> Fields:
    asked = messages.read(value, mapping.prompt, limits)
    found: Fields = {"system": asked.system, "turns": asked.turns, "prompt": asked.prompt}
    if asked.answer and not mapping.expected:
        found |= {"answer": asked.answer}
    if asked.calls and not mapping.expected_tool_calls:
        found |= {"calls": asked.calls}
    return found


def expected(value: Any, column: str, limits: Limits) -> Fields:
    """A list of texts holds further answers that are right too; other lists and objects are kept as JSON text."""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        first, *others = case_checks.texts(value, column, limits)
        return {"expected": first, "also_accepted": others}
    if isinstance(value, (dict, list)):
        values.sound(value, column, limits, limits.depth)
        value = orjson.dumps(value).decode()
    return {"expected": values.text(value, column, limits.text)}


def check(name: str, value: Any, column: str, limits: Limits) -> Fields:
    found = case_checks.take(name, value, column, limits)
    return {} if found is None else {CHECK + name: found}


def metadata(record: Fields, mapping: CaseMapping, limits: Limits) -> Fields:
    return {"metadata": case_checks.settled(values.metadata(record, mapping.metadata, limits))}


def complete(found: Fields, row: int, ordinal: int) -> Case:
    """What several columns told about one field, put together."""
    found["id"] = found.get("id") or str(ordinal)
    found["system"] = found.pop("system_given", "") or found["system"]
    found["answered"] = "answer" in found or "calls" in found
    if answer := found.pop("answer", ""):
        found["expected"] = answer
    if calls := found.pop("calls", None):
        found["checks"]["expected_tool_calls"] = calls
    if others := found.pop("also_accepted", None):
        found["checks"]["accepted"] = [*others, *found["checks"].get("accepted", [])]
    return Case(row=row, **found)
