"""One scorer over both runs: both figures, their difference with interval and test, and how many cases changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from experiments.reports.comparisons import arms
from experiments.reports.comparisons.pairing import Paired
from experiments.reports.scores import Floats, Ints
from experiments.scorers.base import ScoreResult
from experiments.stats.aggregates import Aggregate, bootstrapped_aggregate
from experiments.stats.multiplicity import adjust_p_values
from experiments.stats.paired import mcnemar, paired_bootstrap, paired_difference, sign_test, wilcoxon_signed_rank
from experiments.stats.paired_aggregates import paired_aggregate_difference
from experiments.stats.paired_rates import paired_rate_difference
from experiments.stats.result import ComparisonResult, Estimate, TestResult

Kind = Literal["pass", "value", "corpus"]
ALPHA = 0.05
SEED = 20_260_302
# From here on the mean is as good as normal, and resampling would only cost time.
BOOTSTRAP_UP_TO, FEWER_RESAMPLES_FROM = 20_000, 5_000
NONE_CHANGED = "No case changed, so each cluster counts as one case here: between clusters there is no spread."
AS_ONE_EACH = "Every case changed the same way, so each cluster counts as one case here."
CLUSTERS_IGNORED = "Takes the cases as independent, though they come in clusters: the p of the difference counts."
COMPARED_FIELDS = (
    "estimate",
    "ci_low",
    "ci_high",
    "p_value",
    "alpha",
    "n",
    "method",
    "warnings",
    "control",
    "treatment",
)


@dataclass(frozen=True)
class About:
    """What the scorer says of itself."""

    key: str
    scorer: str
    version: int
    title: str
    unit: str
    is_primary: bool
    higher_is_better: bool | None


@dataclass(frozen=True)
class Metric:
    """`table` and `mcnemar` only for right or wrong; `p_adjusted` by Holm among the primary ones, else by BH.

    `lost` is what `scored.lost_scores` counts.
    """

    about: About
    kind: Kind
    baseline: Estimate
    candidate: Estimate
    difference: ComparisonResult
    lost: Mapping[str, int]
    wins: int
    ties: int
    losses: int
    sign_test: TestResult
    is_clustered: bool
    table: dict[str, int] | None = None
    mcnemar: TestResult | None = None
    signed_rank: TestResult | None = None
    p_adjusted: float | None = None

    @property
    def direction(self) -> str:
        """better, worse, different (where neither is good), or what is missing to say so."""
        p = self.p_adjusted if self.p_adjusted is not None else self.difference.p_value
        if self.difference.estimate is None or self.difference.ci_low is None:
            return "no evidence"
        if p is None or p > ALPHA:
            return "no difference shown"
        if self.about.higher_is_better is None:
            return "different"
        return "better" if (self.difference.estimate > 0) == self.about.higher_is_better else "worse"

    def to_dict(self) -> dict[str, Any]:
        return {
            **vars(self.about),
            "kind": self.kind,
            "n": self.difference.n,
            "n_unscored": self.lost["n_usable"] - self.difference.n,
            "lost_scores": dict(self.lost),
            "direction": self.direction,
            "baseline": self.baseline.to_dict(),
            "candidate": self.candidate.to_dict(),
            "difference": self.difference.to_dict(),
            "p_adjusted": self.p_adjusted,
            "adjustment": "holm" if self.about.is_primary else "bh",
            "table": self.table,
            "mcnemar": self.mcnemar.to_dict() if self.mcnemar else None,
            "signed_rank": self.signed_rank.to_dict() if self.signed_rank else None,
            "wins": self.wins,
            "ties": self.ties,
            "losses": self.losses,
            "sign_test": self.sign_test.to_dict(),
            "is_clustered": self.is_clustered,
        }


def of_passes(about: About, paired: Paired, *, lost: Mapping[str, int]) -> Metric:
    """Right or wrong: McNemar's exact test and Tango's interval; by cluster, where there are any, a t-test."""
    before, after = paired.baseline, paired.candidate
    clusters = paired.clusters if arms.are_clusters(paired.clusters) else None
    table = table_of(before, after)
    wins, losses = table["only_candidate"], table["only_baseline"]
    return Metric(
        about=about,
        kind="pass",
        baseline=arms.rate(before, clusters),
        candidate=arms.rate(after, clusters),
        difference=rate_difference(before, after, clusters),
        lost=lost,
        wins=wins,
        ties=table["both"] + table["neither"],
        losses=losses,
        sign_test=beside(sign_test(wins, losses), clusters),
        is_clustered=clusters is not None,
        table=table,
        mcnemar=beside(mcnemar(losses, wins, method="exact"), clusters),
    )


def of_values(about: About, paired: Paired, *, lost: Mapping[str, int]) -> Metric:
    """Means: a paired bootstrap, for very many cases the paired t; Wilcoxon's test beside it."""
    clusters = paired.clusters if arms.are_clusters(paired.clusters) else None
    wins, ties, losses = changes(about, paired)
    is_ranked = 0 < paired.n <= BOOTSTRAP_UP_TO and clusters is None
    return Metric(
        about=about,
        kind="value",
        baseline=arms.mean(paired.baseline, clusters),
        candidate=arms.mean(paired.candidate, clusters),
        difference=value_difference(paired.baseline, paired.candidate, clusters),
        lost=lost,
        wins=wins,
        ties=ties,
        losses=losses,
        sign_test=beside(sign_test(wins, losses), clusters),
        is_clustered=clusters is not None,
        signed_rank=wilcoxon_signed_rank(paired.candidate - paired.baseline) if is_ranked else None,
    )


def of_corpus(
    about: About,
    paired: Paired,
    results: tuple[Sequence[ScoreResult], Sequence[ScoreResult]],
    aggregate: Aggregate[ScoreResult],
    *,
    lost: Mapping[str, int],
) -> Metric:
    """A figure of the whole set: resampled over the statistics that are stored with each case."""
    clusters = paired.clusters if arms.are_clusters(paired.clusters) else None
    wins, ties, losses = changes(about, paired)
    before, after = results
    return Metric(
        about=about,
        kind="corpus",
        baseline=bootstrapped_aggregate(before, aggregate, clusters=clusters, seed=SEED),
        candidate=bootstrapped_aggregate(after, aggregate, clusters=clusters, seed=SEED),
        difference=paired_aggregate_difference(before, after, aggregate, clusters=clusters, seed=SEED),
        lost=lost,
        wins=wins,
        ties=ties,
        losses=losses,
        sign_test=beside(sign_test(wins, losses), clusters),
        is_clustered=clusters is not None,
    )


def beside(test: TestResult, clusters: Ints | None) -> TestResult:
    """A test of cases, which stands beside that of the difference where they come in clusters."""
    return test if clusters is None else replace(test, warnings=(*test.warnings, CLUSTERS_IGNORED))


def table_of(before: Floats, after: Floats) -> dict[str, int]:
    return {
        "both": int(((before == 1) & (after == 1)).sum()),
        "only_baseline": int(((before == 1) & (after == 0)).sum()),
        "only_candidate": int(((before == 0) & (after == 1)).sum()),
        "neither": int(((before == 0) & (after == 0)).sum()),
    }


def changes(about: About, paired: Paired) -> tuple[int, int, int]:
    """Cases on which the candidate is better, the same, worse. Where neither is good, higher counts as a win."""
    gaps = gains(about, paired)
    return int((gaps > 0).sum()), int((gaps == 0).sum()), int((gaps < 0).sum())


def gains(about: About, paired: Paired) -> Floats:
    """How much better the candidate is on each case; what is as good as equal is 0."""
    gaps = (paired.candidate - paired.baseline) * (-1 if about.higher_is_better is False else 1)
    return np.where(np.abs(gaps) <= 1e-12, 0.0, gaps)


def rate_difference(before: Floats, after: Floats, clusters: Ints | None, *, alpha: float = ALPHA) -> ComparisonResult:
    """By cluster where there are any, though by Tango's interval where clusters have no spread to measure."""
    if clusters is None or not before.size:
        return paired_rate_difference(**table_of(before, after), alpha=alpha)
    if alike := changed_alike(before, after, clusters):
        table, note = alike
        score = paired_rate_difference(**table, alpha=alpha)
        control, treatment = float(before.mean()), float(after.mean())
        notes = (*score.warnings, note)
        return replace(score, n=before.size, warnings=notes, control=control, treatment=treatment)
    return bare(paired_difference(before, after, clusters=clusters, alpha=alpha))


def changed_alike(before: Floats, after: Floats, clusters: Ints) -> tuple[dict[str, int], str] | None:
    """Where no case changed, or every case of several clusters the same way: what to count, and what that assumes."""
    table, n_clusters = table_of(before, after), arms.count_of(clusters)
    if not table["only_baseline"] + table["only_candidate"]:
        # As many right as wrong as there are, rounded against the candidate where a margin is a share of the rate.
        both = table["both"] * n_clusters // before.size
        return {**dict.fromkeys(table, 0), "both": both, "neither": n_clusters - both}, NONE_CHANGED
    for name in ("only_baseline", "only_candidate"):
        if table[name] == before.size and n_clusters > 1:
            return {**dict.fromkeys(table, 0), name: n_clusters}, AS_ONE_EACH
    return None


def value_difference(before: Floats, after: Floats, clusters: Ints | None, *, alpha: float = ALPHA) -> ComparisonResult:
    if not before.size:
        notes = ("No case has a value of both runs.",)
        return ComparisonResult(
            alpha=alpha, n=0, method="paired difference", warnings=notes, control=None, treatment=None
        )
    if before.size > BOOTSTRAP_UP_TO:
        return bare(paired_difference(before, after, clusters=clusters, alpha=alpha))
    resamples = 2_000 if before.size > FEWER_RESAMPLES_FROM else 10_000
    return bare(paired_bootstrap(before, after, clusters=clusters, seed=SEED, resamples=resamples, alpha=alpha))


def bare(result: ComparisonResult) -> ComparisonResult:
    """Without the fields that only a paired difference has."""
    return ComparisonResult(**{name: getattr(result, name) for name in COMPARED_FIELDS})


def adjusted(metrics: Sequence[Metric]) -> list[Metric]:
    """Holm over the primary family, which decides; Benjamini-Hochberg over the others, which explore."""
    primary = iter(family([one for one in metrics if one.about.is_primary], "holm"))
    others = iter(family([one for one in metrics if not one.about.is_primary], "bh"))
    return [replace(one, p_adjusted=next(primary if one.about.is_primary else others)) for one in metrics]


def family(metrics: Sequence[Metric], method: Literal["holm", "bh"]) -> Sequence[float | None]:
    return adjust_p_values([one.difference.p_value for one in metrics], method=method) if metrics else ()
