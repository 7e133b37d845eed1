"""How far reviewers agree: every pair of them, their weighted mean, and all of them at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from annotations.agreement import (
    Agreement,
    cohen_kappa,
    gwet_ac,
    krippendorff_alpha,
    percent_agreement,
)
from experiments.reports.human.repeats import met_again, repeated_cases, warned
from experiments.reports.human.tallies import per_pair
from experiments.reports.human.votes import OUTCOMES, Ints, Small
from experiments.stats.result import Estimate

ALPHA = 0.05
GROUPS = 20
MOST_CELLS = 50_000_000
Q = len(OUTCOMES)


@dataclass(frozen=True)
class ReviewerPair:
    """Places of two reviewers and their kappa on the pairs both judged."""

    first: int
    second: int
    kappa: Agreement


@dataclass(frozen=True)
class AgreementReport:
    percent: Agreement
    gwet_ac1: Agreement
    krippendorff_alpha: Agreement
    cohen_kappa: tuple[ReviewerPair, ...]
    mean_kappa: Estimate
    with_others: dict[int, Estimate]

    def to_dict(self, reviewers: tuple[str, ...], *, most: int | None = None) -> dict[str, object]:
        """Pairs of reviewers with the most shared pairs first; at most `most` of them."""
        ordered = sorted(self.cohen_kappa, key=lambda pair: (-pair.kappa.n, pair.first, pair.second))
        kappas = [
            {"reviewers": [reviewers[pair.first], reviewers[pair.second]], **pair.kappa.to_dict()}
            for pair in ordered[:most]
        ]
        return {
            "percent": self.percent.to_dict(),
            "cohen_kappa": kappas,
            "cohen_kappa_pairs": len(ordered),
            "mean_kappa": self.mean_kappa.to_dict(),
            "krippendorff_alpha": self.krippendorff_alpha.to_dict(),
            "gwet_ac1": self.gwet_ac1.to_dict(),
        }


def agreement(
    task: Ints,
    reviewer: Ints,
    answer: Small,
    *,
    n_pairs: int,
    n_reviewers: int,
    answers: tuple[int, ...],
    case: Ints | None = None,
) -> AgreementReport:
    """answer: a place in OUTCOMES, negative where nothing was said. answers: those that were on offer.

    case: the place of the first pair with the same case, where one was judged in several campaigns. Each of those
    pairs is an item that reviewers agree on or not, but together they are no independent ones.
    """
    given = answer >= 0
    task, reviewer, answer, case = task[given], reviewer[given], answer[given], (task if case is None else case)[given]
    counts = per_pair(task, answer, n_pairs)
    on_offer = sorted({*answers, *np.flatnonzero(counts.sum(axis=0)).tolist()})
    judged = counts[counts.sum(axis=1) > 0][:, on_offer] if task.size else np.zeros((1, len(on_offer)))
    shared = shared_judgments(task, reviewer, answer, n_reviewers, case)
    repeats = repeated_cases(task, case) > 0
    left_out = np.bincount(reviewer, minlength=n_reviewers)
    return AgreementReport(
        percent=warned(percent_agreement(judged), repeats=repeats),
        gwet_ac1=warned(gwet_ac(judged), repeats=repeats),
        krippendorff_alpha=warned(krippendorff_alpha(nominal_ratings(task, answer)), repeats=repeats),
        cohen_kappa=kappas(shared, left_out),
        mean_kappa=mean_kappa(shared, np.ones(shared.first.size, dtype=bool)),
        with_others={
            place: mean_kappa(shared, (shared.first == place) | (shared.second == place))
            for place in range(n_reviewers)
        },
    )


@dataclass(frozen=True)
class SharedJudgments:
    """Two reviewers' answers to the same pairs: for each two of them a Q x Q table in each group of cases.

    `repeats` says of each two whether they met on a case more than once.
    """

    first: Ints
    second: Ints
    tables: NDArray[np.float64]
    repeats: NDArray[np.bool_]

    @property
    def totals(self) -> NDArray[np.float64]:
        return np.asarray(self.tables.sum(axis=1))


def shared_judgments(
    task: Ints, reviewer: Ints, answer: Small, n_reviewers: int, case: Ints | None = None
) -> SharedJudgments:
    """Votes are sorted by pair; each is matched with the next, the one after … within its pair."""
    order = np.lexsort((reviewer, task))
    case = (task if case is None else case)[order]
    task, reviewer, answer = task[order], reviewer[order], answer[order].astype(np.int64)
    keys, cells, cases = [], [], []
    offset = 1
    while offset < task.size:
        same = np.flatnonzero(task[offset:] == task[:-offset])
        if same.size == 0:
            break
        other = same + offset
        keys.append(reviewer[same] * n_reviewers + reviewer[other])
        cells.append(answer[same] * Q + answer[other])
        cases.append(case[same])
        offset += 1
    if not keys:
        none = np.zeros(0, np.int64)
        return SharedJudgments(none, none, np.zeros((0, GROUPS, Q * Q)), none > 0)
    repeats = repeated_cases(task, case) > 0
    return tabulate(np.concatenate(keys), np.concatenate(cells), np.concatenate(cases), n_reviewers, repeats=repeats)


def tabulate(key: Ints, cell: Ints, case: Ints, n_reviewers: int, *, repeats: bool) -> SharedJudgments:
    found, code = renumbered(key, n_reviewers * n_reviewers)
    n_groups = GROUPS if found.size * GROUPS * Q * Q <= MOST_CELLS else 1
    place = (code * n_groups + case % n_groups) * Q * Q + cell
    tables = np.bincount(place, minlength=found.size * n_groups * Q * Q).astype(np.float64)
    return SharedJudgments(
        first=found // n_reviewers,
        second=found % n_reviewers,
        tables=tables.reshape(found.size, n_groups, Q * Q),
        repeats=met_again(code, case, found.size) if repeats else np.zeros(found.size, dtype=bool),
    )


def renumbered(keys: Ints, cells: int) -> tuple[Ints, Ints]:
    """The distinct keys and each one's place among them; by counting where that is cheaper than sorting."""
    if cells > 4 * keys.size + 1_000_000:
        return np.unique(keys, return_inverse=True)
    used = np.bincount(keys, minlength=cells) > 0
    return np.flatnonzero(used), (np.cumsum(used) - 1)[keys]


def kappas(shared: SharedJudgments, judged: NDArray[np.int64]) -> tuple[ReviewerPair, ...]:
    result = []
    twos = zip(shared.first.tolist(), shared.second.tolist(), shared.totals, shared.repeats.tolist(), strict=True)
    for first, second, table, repeats in twos:
        alone = int(judged[first] + judged[second] - 2 * table.sum())
        kappa = cohen_kappa(table.reshape(Q, Q), left_out=alone)
        result.append(ReviewerPair(first, second, warned(kappa, repeats=repeats)))
    return tuple(result)


def mean_kappa(shared: SharedJudgments, chosen: NDArray[np.bool_]) -> Estimate:
    """Mean of the chosen kappas, weighted by shared pairs, with a delete-a-group jackknife over cases.

    Kappas of three reviewers on the same pairs are not independent, so their errors cannot simply be added.
    """
    tables = shared.tables[chosen]
    totals = tables.sum(axis=1)
    n = int(totals.sum())
    method = "mean of Cohen's kappas weighted by shared pairs, jackknife over groups of pairs"
    value = weighted_mean(totals)
    if value is None:
        reason = (
            "No two reviewers have judged the same pairs with more than one answer, so there is no kappa to average."
        )
        return Estimate(
            estimate=None, ci_low=None, ci_high=None, p_value=None, alpha=ALPHA, n=n, method=method, warnings=(reason,)
        )
    used = np.flatnonzero(tables.sum(axis=(0, 2)) > 0)
    without = [weighted_mean(totals - tables[:, group]) for group in used]
    kept = np.array([one for one in without if one is not None])
    low, high = None, None
    notes: tuple[str, ...] = ("Too few shared pairs to tell how far the mean may be off.",)
    if kept.size >= 5:
        groups = kept.size
        se = float(np.sqrt((groups - 1) / groups * ((kept - kept.mean()) ** 2).sum()))
        half = abs(float(special.stdtrit(groups - 1, ALPHA / 2))) * se
        low, high, notes = max(-1.0, value - half), min(1.0, value + half), ()
    return Estimate(
        estimate=value, ci_low=low, ci_high=high, p_value=None, alpha=ALPHA, n=n, method=method, warnings=notes
    )


def weighted_mean(tables: NDArray[np.float64]) -> float | None:
    """tables: reviewer pairs x Q². Those whose kappa is undefined are left out."""
    cells = tables.reshape(-1, Q, Q)
    n = cells.sum(axis=(1, 2))
    cells, n = cells[n > 0], n[n > 0]
    observed = np.trace(cells, axis1=1, axis2=2) / n
    expected = (cells.sum(axis=2) * cells.sum(axis=1)).sum(axis=1) / n**2
    defined = expected < 1 - 1e-12
    if not defined.any():
        return None
    kappa = (observed[defined] - expected[defined]) / (1 - expected[defined])
    return float((kappa * n[defined]).sum() / n[defined].sum())


def nominal_ratings(task: Ints, answer: Small) -> NDArray[np.float64]:
    """Ratings with the k-th vote on a pair in row k: alpha does not ask who gave it, and this stays small."""
    if task.size == 0:
        return np.full((1, 1), np.nan)
    order = np.argsort(task, kind="stable")
    sizes = np.bincount(task)
    sizes = sizes[sizes > 0]
    place = np.arange(task.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    ratings = np.full((int(sizes.max()), sizes.size), np.nan)
    ratings[place, np.repeat(np.arange(sizes.size), sizes)] = answer[order]
    return ratings
