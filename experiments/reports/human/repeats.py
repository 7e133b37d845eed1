"""Cases that were judged in more than one campaign: more votes, but no further cases."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from annotations.agreement import Agreement
from experiments.reports.human.votes import Ints
from experiments.stats.result import Estimate

TAKEN_AS_INDEPENDENT = (
    "Some cases were judged in more than one campaign, and this interval takes those pairs as independent: "
    "it is somewhat too narrow."
)
Found = TypeVar("Found", Estimate, Agreement)


def repeated_cases(task: Ints, case: Ints) -> int:
    """How many cases have votes on more than one pair. case: the place of the first pair with the case of each vote."""
    if bool((task == case).all()):
        return 0
    span = int(task.max()) + 1
    pairs_of_case = np.bincount(np.unique(case * span + task) // span)
    return int(np.count_nonzero(pairs_of_case > 1))


def met_again(meeting: Ints, case: Ints, n: int) -> NDArray[np.bool_]:
    """Which of n twos of reviewers have met on one case more than once. meeting: the two, at each of their meetings."""
    span = int(case.max()) + 1
    met, times = np.unique(meeting * span + case, return_counts=True)
    return np.bincount(met[times > 1] // span, minlength=n) > 0


def warned(found: Found, *, repeats: bool) -> Found:
    return replace(found, warnings=(*found.warnings, TAKEN_AS_INDEPENDENT)) if repeats else found
