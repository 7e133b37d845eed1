"""Which usable cases a scorer left without a score to compare. Above 1%, of a primary one, a comparison is INVALID."""

from collections.abc import Mapping

import numpy as np

from experiments.models import Score
from experiments.reports.comparisons.coverage import MOST_ERRORS, Flags
from experiments.reports.comparisons.pairing import ArmScores, ScorerPair
from experiments.reports.scores import NOT_SAID, CaseArrays

SERVICE_SCORER = "rubric"
# How a scorer begins its reason where it gave up for the size of what it was given.
LIMIT_REASON = "a text of more than"


def lost_scores(
    pair: ScorerPair, arms: tuple[ArmScores, ArmScores], usable: Flags, cases: CaseArrays, *, is_pass: bool
) -> dict[str, int]:
    """What a scorer cannot say of a case, whatever the answer to it, is not lost: it is missing in both runs alike."""
    before, after = (said(arm, is_pass=is_pass) for arm in arms)
    neither = usable & ~before & ~after
    return {
        "n_usable": int(usable.sum()),
        "without_baseline": int((usable & ~before & after).sum()),
        "without_candidate": int((usable & before & ~after).sum()),
        "without_both": n_failed(pair, neither, cases),
    }


def said(arm: ArmScores, *, is_pass: bool) -> Flags:
    found: Flags = arm.passed != NOT_SAID if is_pass else ~np.isnan(arm.values)
    return found


def n_failed(pair: ScorerPair, neither: Flags, cases: CaseArrays) -> int:
    """Of the cases without a score of either run: a service applies to each; others tell a limit by their reason."""
    if pair.baseline.scorer == SERVICE_SCORER or not neither.any():
        return int(neither.sum())
    over_limit = Score.objects.filter(
        run_scorer__in=[pair.baseline, pair.candidate], value=None, detail__reason__startswith=LIMIT_REASON
    )
    return len(set(over_limit.values_list("case_id", flat=True)) & set(cases.case_ids[neither].tolist()))


def too_many_lost(title: str, scorer: str, lost: Mapping[str, int]) -> list[str]:
    """In words that say what to do; nothing where few enough are lost."""
    n = lost["without_baseline"] + lost["without_candidate"] + lost["without_both"]
    if n <= MOST_ERRORS * lost["n_usable"]:
        return []
    arms = [f"{lost[f'without_{arm}']:,} of the {arm}" for arm in ("baseline", "candidate") if lost[f"without_{arm}"]]
    parts = [*arms, *([f"{lost['without_both']:,} of both"] if lost["without_both"] else [])]
    reason = (
        f"{title} has no score to compare for {n:,} of {lost['n_usable']:,} cases that have an output of both runs "
        f"({n / lost['n_usable']:.1%}, more than 1%): missing for {', '.join(parts)}. What could not be scored may be "
        f"the harder cases. {way_out(scorer)}"
    )
    return [reason]


def way_out(scorer: str) -> str:
    if scorer == SERVICE_SCORER:
        return (
            "When the service answers again, score both runs by it with another deadline: what has its result already "
            "is not asked again under the same parameters."
        )
    return "The page of each run tells why; score both runs by other parameters or another primary scorer."
