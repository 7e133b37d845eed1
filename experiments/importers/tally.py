"""Counts every problem, and hands on only as many as anybody would read."""

from collections import Counter

from experiments.importers.problems import Problem, Report, Severity

KEPT = 10_000


class Tally:
    """Errors and warnings are capped apart, so that a flood of warnings cannot hide an error."""

    def __init__(self, keep: Report, kept: int = KEPT) -> None:
        self.keep, self.kept = keep, kept
        self.kinds: dict[Severity, Counter[str]] = {severity: Counter() for severity in Severity}
        self.totals: Counter[Severity] = Counter()

    def __call__(self, problem: Problem) -> None:
        self.kinds[problem.severity][problem.kind] += 1
        self.totals[problem.severity] += 1
        if self.totals[problem.severity] <= self.kept:
            self.keep(problem)
