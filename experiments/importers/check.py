"""The dry run: everything there is to know about a file before a row of it is stored."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from experiments.importers import duplicates
from experiments.importers.digest import Digest
from experiments.importers.hints import Hints
from experiments.importers.mapping import SECOND, Mapping, unused_prompts
from experiments.importers.pair_reading import read_pairs
from experiments.importers.pairs import Pair
from experiments.importers.problems import Kind, Problem, Report, Severity, Unreadable
from experiments.importers.source import Source, Tell

PREVIEWED = 10
PREVIEW_LETTERS = 600
NAMES_KEPT = 5


@dataclass(frozen=True)
class Checked:
    n_pairs: int = 0
    n_identical: int = 0
    n_empty: int = 0
    mean_characters: tuple[float, float] = (0.0, 0.0)
    names: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    gold: dict[str, int] = field(default_factory=dict)
    preview: list[dict[str, Any]] = field(default_factory=list)
    cases_hash: str = ""
    baseline_hash: str = ""
    candidate_hash: str = ""


def read_columns(sources: Sequence[Source], report: Report) -> list[str]:
    """Names of the columns, the second file's as "2:name". Raises Unreadable, after every row was reported, where a
    file has no row that can be read."""
    names: list[str] = []
    for source in sources:
        found = source.columns()
        if not found:
            for _ in source.records(report):
                pass
            problem = Unreadable(Kind.EMPTY_FILE, "the file holds no row that can be read")
            problem.file = source.number
            raise problem
        names += [SECOND + name for name in found] if source.number == 2 else found
    return names


def check(
    sources: Sequence[Source],
    *,
    columns: Sequence[str],
    mapping: Mapping,
    names: tuple[str, ...],
    report: Report,
    tell: Tell | None = None,
) -> Checked:
    """Read everything, report every problem and return what was found.

    `columns` as `read_columns` gave them; `names` of the two models, to find texts that give them away. A file that
    cannot be read to its end is one more problem, not an exception.
    """
    absent = [name for name in mapping.columns() if name not in columns]
    for name in absent:
        report(Problem(0, name.removeprefix(SECOND), Kind.MISSING_COLUMN, "no row has this column", file_of(name)))
    if absent:
        return Checked()
    for name in unused_prompts(columns, mapping):
        reason = f"not read, although it looks like part of the prompt; the prompt is {mapping.prompt!r}"
        report(Problem(0, name, Kind.UNUSED_COLUMN, reason, 1, Severity.WARNING))
    try:
        return Check(sources, columns, mapping, names, report).run(tell)
    except Unreadable as problem:
        report(problem.problem())
        return Checked()


def file_of(column: str) -> int:
    return 2 if column.startswith(SECOND) else 1


class Check:
    def __init__(
        self,
        sources: Sequence[Source],
        columns: Sequence[str],
        mapping: Mapping,
        names: tuple[str, ...],
        report: Report,
    ) -> None:
        self.sources, self.columns, self.mapping, self.report = sources, columns, mapping, report
        self.hints, self.digest = Hints(mapping, names), Digest()
        self.ids = duplicates.Duplicates()
        self.names: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self.kinds: Counter[Kind] = Counter()
        self.gold: Counter[str] = Counter()
        self.preview: list[dict[str, Any]] = []
        self.errors = 0

    def run(self, tell: Tell | None) -> Checked:
        for pair in read_pairs(
            self.sources, mapping=self.mapping, report=self.report_counted, tell=tell, expected=self.columns
        ):
            self.look_at(pair)
        suspects = self.ids.suspects() if self.mapping.id else frozenset()
        if suspects:
            column = self.mapping.id
            again = read_pairs(self.sources, mapping=self.mapping, report=lambda _: None)
            duplicates.report_repeats(again, suspects, column=column, report=self.report)
        for problem in [*self.hints.about_all(), *self.mixed_models()]:
            self.report(problem)
        if not self.hints.pairs and not self.errors:
            self.report(Problem(0, "", Kind.EMPTY_FILE, "the file holds no pairs"))
        return self.result()

    def report_counted(self, problem: Problem) -> None:
        self.errors += problem.severity == Severity.ERROR
        self.report(problem)

    def look_at(self, pair: Pair) -> None:
        self.digest.add(pair)
        if self.mapping.id:
            self.ids.add(pair.id)
        for hint in self.hints.about(pair):
            self.kinds[hint.kind] += 1
            self.report(hint)
        for seen, name in zip(self.names, (pair.baseline_name, pair.candidate_name), strict=True):
            if name and (name in seen or len(seen) < NAMES_KEPT):
                seen[name] += 1
        if pair.gold:
            self.gold[pair.gold] += 1
        if len(self.preview) < PREVIEWED:
            self.preview.append(shortened(pair))

    def mixed_models(self) -> Iterator[Problem]:
        for column, seen in zip((self.mapping.baseline_name, self.mapping.candidate_name), self.names, strict=True):
            if len(seen) > 1:
                told = ", ".join(seen)
                reason = f"several models in one arm ({told}): results will be about the mixture"
                yield Problem(
                    0, column.removeprefix(SECOND), Kind.MIXED_MODELS, reason, file_of(column), Severity.WARNING
                )

    def result(self) -> Checked:
        cases, baseline, candidate = self.digest.hexdigests()
        n = max(self.hints.pairs, 1)
        return Checked(
            n_pairs=self.hints.pairs,
            n_identical=self.kinds[Kind.IDENTICAL],
            n_empty=self.kinds[Kind.EMPTY_RESPONSE],
            mean_characters=(self.hints.characters[0] / n, self.hints.characters[1] / n),
            names=(dict(self.names[0]), dict(self.names[1])),
            gold=dict(self.gold),
            preview=self.preview,
            cases_hash=cases,
            baseline_hash=baseline,
            candidate_hash=candidate,
        )


def shortened(pair: Pair) -> dict[str, Any]:
    """A row for the eye: long texts cut, with their full length beside them."""
    shown = pair._asdict()
    for name in ("prompt", "baseline", "candidate", "system", "expected"):
        shown[f"{name}_length"] = len(shown[name])
        shown[name] = shown[name][:PREVIEW_LETTERS]
    return shown


def as_json(checked: Checked) -> dict[str, Any]:
    return asdict(checked)
