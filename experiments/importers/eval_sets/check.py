"""The dry run of an eval set: everything there is to know about it before a row is stored."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from experiments.importers.conversation import cell_with_messages
from experiments.importers.duplicates import Duplicates
from experiments.importers.eval_sets import case_checks, cases, training
from experiments.importers.eval_sets.cases import Case
from experiments.importers.eval_sets.digest import CaseDigest
from experiments.importers.eval_sets.duplicates import MOST_CASES, DuplicateInputs, Twin
from experiments.importers.eval_sets.mapping import CaseMapping, is_alias, unread
from experiments.importers.late_columns import watched
from experiments.importers.mapping import SECOND
from experiments.importers.problems import Kind, Problem, Report, Severity, Unfit, Unreadable
from experiments.importers.source import Source, Tell

PREVIEWED = 10
PREVIEW_LETTERS = 600
FEW_CASES, FEW_IN_CATEGORY = 100, 30
CATEGORIES_KEPT = 1000
CATEGORIES_WARNED = 30
SAMPLED, SAMPLE_LETTERS = 100, 200
OVERLAPS_KEPT = 10_000


@dataclass(frozen=True)
class CheckedCases:
    """`overlaps` are cases that stand in the training file: id, row, training_row, how, shared."""

    n_cases: int = 0
    n_expected: int = 0
    n_answered: int = 0
    n_duplicates: int = 0
    n_near: int = 0
    n_overlaps: int = 0
    n_training: int = 0
    mean_characters: float = 0.0
    categories: list[tuple[str, int]] = field(default_factory=list)
    checks_seen: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)
    overlaps: list[dict[str, Any]] = field(default_factory=list)
    expected_sample: list[str] = field(default_factory=list)
    cases_hash: str = ""


def read_cases(
    source: Source, *, mapping: CaseMapping, report: Report, tell: Tell | None = None, expected: Sequence[str] = ()
) -> Iterator[Case]:
    """Raises Unreadable. A known column that first shows up far down the file is reported as not read."""
    records = source.records(report, tell)
    if expected:
        records = watched(records, set(expected), is_alias=is_alias, report=report)
    return cases.read(records, mapping=mapping, limits=source.limits, report=report)


def check(
    sources: Sequence[Source], *, columns: Sequence[str], mapping: CaseMapping, report: Report, tell: Tell
) -> CheckedCases:
    """Read everything, report every problem, return what was found. The second source is what a model was trained on.

    A file that cannot be read to its end is one more problem, not an exception.
    """
    absent = [name for name in [*mapping.columns(), mapping.training] if name and name not in columns]
    for name in absent:
        report(Problem(0, name.removeprefix(SECOND), Kind.MISSING_COLUMN, "no row has this column"))
    if absent:
        return CheckedCases()
    try:
        return Check(sources, columns, mapping, report).run(tell)
    except Unreadable as problem:
        report(problem.problem())
        return CheckedCases()


class Check:
    def __init__(self, sources: Sequence[Source], columns: Sequence[str], mapping: CaseMapping, report: Report) -> None:
        self.source, self.columns, self.mapping, self.report = sources[0], columns, mapping, report
        self.training_source = sources[1] if len(sources) > 1 else None
        self.digest, self.ids, self.inputs = CaseDigest(), Duplicates(), DuplicateInputs()
        self.overlap = training.TrainingOverlap() if self.training_source else None
        self.rows, self.names = array("q"), list[str]()
        self.categories: Counter[str] = Counter()
        self.checks_seen: Counter[str] = Counter()
        self.preview: list[dict[str, Any]] = []
        self.sample: list[str] = []
        self.errors = self.n_expected = self.n_answered = self.n_silent = self.n_training = self.characters = 0

    def run(self, tell: Tell) -> CheckedCases:
        own = [name for name in self.columns if not name.startswith(SECOND)]
        for case in read_cases(self.source, mapping=self.mapping, report=self.report_counted, tell=tell, expected=own):
            self.look_at(case)
        self.report_repeated_ids()
        twins = self.inputs.twins()
        self.report_twins(twins)
        self.read_training(tell)
        if not self.rows and not self.errors:
            self.report(Problem(0, "", Kind.EMPTY_FILE, "the file holds no cases"))
        for problem in self.about_all():
            self.report(problem)
        n_same = sum(twin.how != "near" for twin in twins)
        return self.result(n_same, len(twins) - n_same)

    def report_counted(self, problem: Problem) -> None:
        self.errors += problem.severity == Severity.ERROR
        self.report(problem)

    def warn(self, row: int, column: str, kind: Kind, reason: str) -> None:
        self.report(Problem(row, column, kind, reason, 1, Severity.WARNING))

    def look_at(self, case: Case) -> None:
        self.rows.append(case.row)
        self.digest.add(case)
        if self.mapping.id:
            self.ids.add(case.id)
        self.inputs.add("\n".join([*(str(turn["content"]) for turn in case.turns), case.prompt]))
        if self.overlap:
            self.overlap.add_case(case.prompt)
            self.names.append(case.id)
        if case.category in self.categories or len(self.categories) < CATEGORIES_KEPT:
            self.categories[case.category] += 1
        self.checks_seen.update(case.checks.keys())
        self.n_expected += case.expected != ""
        self.n_answered += case.answered
        self.n_silent += not case.expected and not case.checks
        self.characters += len(case.prompt)
        for problem in filter(None, map(case_checks.parameters_problem, case.checks.get("tools", ()))):
            self.warn(case.row, self.mapping.tools, Kind.TOOL_PARAMETERS, problem)
        if odd := case_checks.undeclared(case.checks):
            self.warn(case.row, self.mapping.expected_tool_calls, Kind.UNKNOWN_TOOL, odd)
        if case.expected and len(self.sample) < SAMPLED:
            self.sample.append(case.expected[:SAMPLE_LETTERS])
        if len(self.preview) < PREVIEWED:
            self.preview.append(shortened(case))

    def report_repeated_ids(self) -> None:
        suspects = self.ids.suspects() if self.mapping.id else frozenset()
        if not suspects:
            return
        first_row: dict[str, int] = {}
        for case in read_cases(self.source, mapping=self.mapping, report=lambda _: None):
            row = first_row.setdefault(case.id, case.row) if hash(case.id) in suspects else case.row
            if row != case.row:
                reason = f"the id {case.id!r} stands in row {row} already"
                self.report(Problem(case.row, self.mapping.id, Kind.DUPLICATE_ID, reason))

    def report_twins(self, twins: Sequence[Twin]) -> None:
        for twin in twins:
            row, earlier = self.rows[twin.place], self.rows[twin.earlier]
            if twin.how == "exact":
                reason = f"the same input as row {earlier}: it counts twice in every result"
                self.warn(row, self.mapping.prompt, Kind.DUPLICATE_INPUT, reason)
            elif twin.how == "normalised":
                reason = f"the same words and signs as row {earlier}: if both ask the same, it counts twice"
                self.warn(row, self.mapping.prompt, Kind.DUPLICATE_INPUT, reason)
            else:
                reason = f"nearly the same input as row {earlier}: {twin.shared:.0%} of their word pairs are the same"
                self.warn(row, self.mapping.prompt, Kind.NEAR_DUPLICATE, reason)

    def read_training(self, tell: Tell) -> None:
        if self.overlap is None or self.training_source is None:
            return
        self.overlap.ready()
        column = self.mapping.training.removeprefix(SECOND)
        later = self.source.size
        for row, record in self.training_source.records(self.report_counted, lambda done: tell(later + done)):
            self.n_training += 1
            for text in training.texts(unpacked(record.get(column), column)):
                self.overlap.look_at(row, text)
        for found in sorted(self.overlap.found.values()):
            self.warn(self.rows[found.place], self.mapping.prompt, Kind.TRAINED_ON, in_words(found))

    def about_all(self) -> Iterator[Problem]:
        n = len(self.rows)
        if 0 < n < FEW_CASES:
            yield whole(f"{n} cases: below {FEW_CASES} only large differences between models can be shown")
        few = [(name, count) for name, count in self.categories.items() if name and count < FEW_IN_CATEGORY]
        for name, count in few[:CATEGORIES_WARNED]:
            yield whole(f"the category {name!r} has {count} cases, fewer than {FEW_IN_CATEGORY}: hardly a result alone")
        if len(few) > CATEGORIES_WARNED:
            yield whole(f"{len(few) - CATEGORIES_WARNED:,} more categories have fewer than {FEW_IN_CATEGORY} cases")
        if self.n_silent:
            reason = f"{self.n_silent:,} of {n:,} cases say nothing of what is expected: only length, latency and the "
            yield whole(reason + "like can score them", Kind.NOTHING_EXPECTED)
        if not self.inputs.looked_for_near:
            reason = f"more than {MOST_CASES:,} cases: only inputs with the same words were looked for, not near ones"
            yield whole(reason, Kind.NEAR_DUPLICATE)

    def result(self, n_same: int, n_near: int) -> CheckedCases:
        overlaps = sorted(self.overlap.found.values()) if self.overlap else []
        n = len(self.rows)
        return CheckedCases(
            n_cases=n,
            n_expected=self.n_expected,
            n_answered=self.n_answered,
            n_duplicates=n_same,
            n_near=n_near,
            n_overlaps=len(overlaps),
            n_training=self.n_training,
            mean_characters=self.characters / max(n, 1),
            categories=self.categories.most_common(),
            checks_seen=dict(self.checks_seen),
            unread=unread(self.columns, self.mapping)[:50],
            preview=self.preview,
            expected_sample=self.sample,
            overlaps=[
                {
                    "id": self.names[each.place],
                    "row": self.rows[each.place],
                    "training_row": each.training_row,
                    "how": each.how,
                    "shared": round(each.shared, 3),
                }
                for each in overlaps[:OVERLAPS_KEPT]
            ],
            cases_hash=self.digest.hexdigest(),
        )


def unpacked(value: Any, column: str) -> Any:
    """Messages may stand in a CSV cell as JSON text."""
    if isinstance(value, str) and value[:1] == "[" and column.lower().endswith("messages"):
        try:
            return cell_with_messages(value, column)
        except Unfit:
            return value
    return value


def in_words(found: training.Overlap) -> str:
    where = f"row {found.training_row} of the training file"
    if found.how == "exact":
        return f"a model may have been trained on this case: {where} holds the same text"
    if found.how == "normalised":
        return f"a model may have been trained on this case: {where} holds the same words and signs"
    return f"a model may have been trained on this case: {where} holds {found.shared:.0%} of its runs of 8 words"


def whole(reason: str, kind: Kind = Kind.FEW_CASES) -> Problem:
    return Problem(0, "", kind, reason, 1, Severity.WARNING)


def shortened(case: Case) -> dict[str, Any]:
    """A row for the eye: long texts cut, with their full length beside them."""
    shown = case._asdict()
    for name in ("prompt", "system", "expected"):
        shown[f"{name}_length"] = len(shown[name])
        shown[name] = shown[name][:PREVIEW_LETTERS]
    shown["checks"] = {name: cut(orjson.dumps(value).decode()) for name, value in case.checks.items()}
    shown["turns"] = len(case.turns)
    shown["metadata"] = cut(orjson.dumps(case.metadata).decode()) if case.metadata else ""
    return shown


def cut(text: str) -> str:
    return text if len(text) <= PREVIEW_LETTERS else text[:PREVIEW_LETTERS] + "…"
