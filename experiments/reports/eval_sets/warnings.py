"""What the check of a set warned of, in words for its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.models import EvalSet
from experiments.reports.eval_sets.told import told_of

SHOWN = 20
TITLES = {
    "duplicate_input": "same input twice",
    "few_cases": "few cases",
    "near_duplicate": "nearly the same input",
    "nothing_expected": "nothing expected",
    "tool_parameters": "tool parameters",
    "trained_on": "in the training file",
    "unknown_tool": "tool not offered",
    "unused_column": "column not read",
}


@dataclass(frozen=True)
class Told:
    """One kind of warning: how many, and the first of them with row and reason."""

    title: str
    n: int
    rows: Sequence[dict[str, Any]]
    training_file: str


def warnings_of(eval_set: EvalSet) -> list[Told]:
    return [
        Told(
            TITLES.get(each["kind"], each["kind"].replace("_", " ")),
            each["n"],
            each.get("rows", [])[:SHOWN],
            each.get("training_file", ""),
        )
        for each in told_of(eval_set)
    ]
