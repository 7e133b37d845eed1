"""Records of a file, through the mapping, as pairs."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from experiments.importers import conversation, values
from experiments.importers.limits import Limits
from experiments.importers.mapping import SECOND, Mapping
from experiments.importers.problems import Problem, Report, Unfit


class Pair(NamedTuple):
    row: int
    id: str
    prompt: str
    baseline: str
    candidate: str
    system: str = ""
    turns: list[dict[str, str]] = []
    expected: str = ""
    category: str = ""
    tags: list[str] = []
    cluster: str = ""
    metadata: dict[str, Any] = {}
    baseline_name: str = ""
    candidate_name: str = ""
    gold: str = ""
    second_row: int = 0


def read(
    records: Iterable[tuple[int, dict[str, Any]]], *, mapping: Mapping, limits: Limits, report: Report
) -> Iterator[Pair]:
    """A pair for each record with nothing wrong; every field that is wrong is reported."""
    required, optional = plan(mapping, limits)
    read_prompt = conversation.read
    asks_messages = mapping.expected == ""
    joined = mapping.is_joined
    for ordinal, (row, record) in enumerate(records, start=1):
        try:
            prompt = read_prompt(record.get(mapping.prompt), mapping.prompt, limits)
            baseline, candidate = [take(record.get(column), column, longest) for take, column, longest in required]
            found = {name: take(record.get(column), column, longest) for name, take, column, longest in optional}
            if mapping.metadata:
                found["metadata"] = values.metadata(record, mapping.metadata, limits)
        except Unfit:
            for problem in every_problem(record, row, mapping, limits):
                report(problem)
            continue
        if prompt.answer and asks_messages and mapping.prompt not in (mapping.baseline, mapping.candidate):
            found["expected"] = prompt.answer
        if joined:
            found["second_row"] = record[SECOND]
        system = found.pop("system", "") or prompt.system
        pair_id = found.pop("id", "") or str(ordinal)
        yield Pair(row, pair_id, prompt.prompt, baseline, candidate, system, prompt.turns, **found)


Take = Callable[[Any, str, int], Any]


def plan(mapping: Mapping, limits: Limits) -> tuple[list[tuple[Take, str, int]], list[tuple[str, Take, str, int]]]:
    required: list[tuple[Take, str, int]] = [
        (values.response, mapping.baseline, limits.text),
        (values.response, mapping.candidate, limits.text),
    ]
    optional: list[tuple[str, Take, str, int]] = [
        ("id", values.identifier, mapping.id, limits.label),
        ("system", values.text, mapping.system, limits.text),
        ("expected", values.text, mapping.expected, limits.text),
        ("category", values.text, mapping.category, limits.label),
        ("tags", values.tags, mapping.tags, limits.label),
        ("cluster", values.text, mapping.cluster, limits.label),
        ("baseline_name", values.text, mapping.baseline_name, limits.label),
        ("candidate_name", values.text, mapping.candidate_name, limits.label),
        ("gold", values.outcome, mapping.gold, limits.label),
    ]
    return required, [step for step in optional if step[2]]


def every_problem(record: dict[str, Any], row: int, mapping: Mapping, limits: Limits) -> Iterator[Problem]:
    """The slow way through a row that has something wrong: all of it, not only the first."""
    required, optional = plan(mapping, limits)
    steps: list[Callable[[], Any]] = [
        partial(conversation.read, record.get(mapping.prompt), mapping.prompt, limits),
        *(partial(take, record.get(column), column, longest) for take, column, longest in required),
        *(partial(take, record.get(column), column, longest) for _, take, column, longest in optional),
        partial(values.metadata, record, mapping.metadata, limits),
    ]
    for step in steps:
        try:
            step()
        except Unfit as problem:
            yield located(problem, row, record)


def located(problem: Unfit, row: int, record: dict[str, Any]) -> Problem:
    """Columns of the second file are reported under their own name, with that file's row."""
    if problem.column.startswith(SECOND):
        problem.column = problem.column.removeprefix(SECOND)
        return problem.at(record.get(SECOND, row), 2)
    return problem.at(row)
