"""Which cases have an output of both runs, and what became of the others. Above 1% a comparison is INVALID."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.models import BenchmarkRun, ErrorClass
from experiments.reports.binary_copy import fetch
from experiments.reports.comparisons.ways_out import NOT_RUN, ways_out
from experiments.reports.scores import CaseArrays

MOST_ERRORS = 0.01
ERROR_WORDS = {**dict(ErrorClass.choices), NOT_RUN: "never run"}

Flags = NDArray[np.bool_]

ITEM_COLUMNS = {
    "case": "case_id::bigint",
    "done": "(state = 'done')::int::smallint",
    "error": "coalesce(array_position(%(classes)s::varchar[], error_class), 0)::smallint",
}


@dataclass(frozen=True)
class ArmCoverage:
    """`done` says for each case of the set, in order, whether it has a usable output.

    `is_imported`: nobody can be asked for these outputs again.
    """

    done: Flags
    errors: dict[str, int]
    is_imported: bool

    @property
    def n_done(self) -> int:
        return int(self.done.sum())

    @property
    def n_errors(self) -> int:
        return self.done.size - self.n_done

    @property
    def error_share(self) -> float:
        return self.n_errors / self.done.size if self.done.size else 0.0

    def to_dict(self) -> dict[str, Any]:
        classes = [
            {"class": name, "words": ERROR_WORDS.get(name, name), "n": n}
            for name, n in sorted(self.errors.items(), key=lambda entry: (-entry[1], entry[0]))
        ]
        return {
            "done": self.n_done,
            "errors": self.n_errors,
            "error_share": self.error_share,
            "error_classes": classes,
        }


@dataclass(frozen=True)
class Coverage:
    baseline: ArmCoverage
    candidate: ArmCoverage

    @property
    def paired(self) -> Flags:
        both: Flags = self.baseline.done & self.candidate.done
        return both

    def to_dict(self) -> dict[str, Any]:
        before, after = self.baseline.done, self.candidate.done
        return {
            "n_cases": before.size,
            "n_paired": int(self.paired.sum()),
            "only_baseline": int((before & ~after).sum()),
            "only_candidate": int((after & ~before).sum()),
            "neither": int((~after & ~before).sum()),
            "baseline": self.baseline.to_dict(),
            "candidate": self.candidate.to_dict(),
        }


def read_coverage(run: BenchmarkRun, cases: CaseArrays) -> ArmCoverage:
    classes = list(ErrorClass.values)
    rows = fetch(ITEM_COLUMNS, "FROM experiments_runitem WHERE run_id = %(run)s", {"run": run.pk, "classes": classes})
    place = cases.place_of(rows["case"])
    done = np.zeros(cases.n, dtype=bool)
    done[place] = rows["done"] == 1
    seen = np.bincount(rows["error"][rows["done"] == 0], minlength=len(classes) + 1)
    errors = {name: int(n) for name, n in zip(classes, seen[1:], strict=True) if n}
    never = cases.n - int(rows["case"].size) + int(seen[0])
    is_imported = run.model_version.endpoint_id is None
    return ArmCoverage(done, errors | ({NOT_RUN: never} if never else {}), is_imported=is_imported)


def invalid_reasons(coverage: Coverage) -> list[str]:
    """Why these numbers prove nothing, in words that say what to do; empty where they do."""
    if not coverage.paired.size:
        return ["The eval set has no case."]
    arms = (("baseline", coverage.baseline), ("candidate", coverage.candidate))
    reasons = [too_many_errors(name, arm) for name, arm in arms if arm.error_share > MOST_ERRORS]
    if not coverage.paired.any():
        reasons.append("No case has an output of both runs, so nothing can be paired.")
    return reasons


def too_many_errors(name: str, arm: ArmCoverage) -> str:
    by_size: Sequence[tuple[str, int]] = sorted(arm.errors.items(), key=lambda entry: (-entry[1], entry[0]))
    causes = ", ".join(f"{n:,} {ERROR_WORDS.get(error, error)}" for error, n in by_size[:3])
    ways = ways_out([error for error, _ in by_size[:3]], is_imported=arm.is_imported)
    return (
        f"{arm.n_errors:,} of {arm.done.size:,} cases of the {name} ({arm.error_share:.1%}, more than 1%) have no "
        f"usable output: {causes}. What failed may be the harder cases, so the rest says little. {ways}"
    )
