"""Computes everything a comparison says, and which cases changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.models import BenchmarkRun, RunScorer
from experiments.reports.comparisons import categories, coverage, metrics, regression, scored, speed
from experiments.reports.comparisons.changes import Changes, changes_of
from experiments.reports.comparisons.coverage import Coverage, Flags
from experiments.reports.comparisons.freshness import VERSION
from experiments.reports.comparisons.metrics import About, Metric
from experiments.reports.comparisons.pairing import Paired, ScorerPair, paired_passes, paired_values, read_arm
from experiments.reports.comparisons.regression import Margin
from experiments.reports.run_summary import read_results
from experiments.reports.scores import NOT_SAID, CaseArrays, read_cases
from experiments.scorers import registry
from experiments.scorers.base import BadParams, Scorer

Tell = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Compared:
    payload: dict[str, Any]
    changes: list[Changes]


def current_scorers(*runs: BenchmarkRun) -> list[RunScorer]:
    return list(RunScorer.objects.filter(run__in=runs, is_current=True, finished_at__isnull=False).order_by("pk"))


def scorer_pairs(
    baseline: BenchmarkRun, candidate: BenchmarkRun, scorers: Sequence[RunScorer]
) -> tuple[list[ScorerPair], list[dict[str, str]]]:
    """Primary ones first; and those which cannot be compared, with the reason."""
    before = {one.key: one for one in scorers if one.run_id == baseline.pk}
    after = {one.key: one for one in scorers if one.run_id == candidate.pk}
    pairs = [
        ScorerPair(before[key], after[key])
        for key in before
        if key in after and before[key].fingerprint == after[key].fingerprint
    ]
    skipped = [
        {"key": key, "reason": not_comparable(before.get(key), after.get(key))}
        for key in {**before, **after}
        if key not in {pair.key for pair in pairs}
    ]
    return sorted(pairs, key=lambda pair: not pair.is_primary), skipped


def not_comparable(before: RunScorer | None, after: RunScorer | None) -> str:
    if before is None or after is None:
        return f"Only the {'candidate' if before is None else 'baseline'} was scored by it. Rescore the other run."
    return "The runs were scored by other versions or parameters of it. Rescore one of them as the other."


def compare(
    baseline: BenchmarkRun, candidate: BenchmarkRun, *, margin: Margin, tell: Tell = lambda done, total, note: None
) -> Compared:
    """Both runs over the same eval set version."""
    cases = read_cases(baseline.eval_set_id)
    covered = covered_by(baseline, candidate, cases)
    pairs, skipped = scorer_pairs(baseline, candidate, current_scorers(baseline, candidate))
    found: list[tuple[Metric, Paired]] = []
    for place, pair in enumerate(pairs):
        tell(place, len(pairs) + 1, f"Comparing {pair.key}")
        found.append(compared_scorer(pair, covered.paired, cases))
    tell(len(pairs), len(pairs) + 1, "Comparing latencies")
    judged = metrics.adjusted([metric for metric, _ in found])
    sheets = [(metric, paired) for metric, (_, paired) in zip(judged, found, strict=True)]
    invalid = coverage.invalid_reasons(covered) + nothing_compared(pairs) + lost_scores(judged)
    payload = {
        "payload_version": VERSION,
        "invalid_reasons": invalid,
        "coverage": covered.to_dict(),
        "metrics": [
            {**one.to_dict(), "categories": categories.by_category(paired, cases.categories, one.kind, one.about.unit)}
            for one, paired in sheets
        ],
        "not_compared": skipped,
        "regression": regression_of(sheets, cases, margin, is_valid=not invalid),
        **speed.compared_speed(baseline, candidate),
    }
    return Compared(payload, [changes_of(one, paired, cases) for one, paired in sheets])


def covered_by(baseline: BenchmarkRun, candidate: BenchmarkRun, cases: CaseArrays) -> Coverage:
    return Coverage(coverage.read_coverage(baseline, cases), coverage.read_coverage(candidate, cases))


def paired_ids(baseline: BenchmarkRun, candidate: BenchmarkRun, key: str) -> set[int]:
    """The cases that one scorer compares."""
    cases = read_cases(baseline.eval_set_id)
    usable = covered_by(baseline, candidate, cases).paired
    pairs, _ = scorer_pairs(baseline, candidate, current_scorers(baseline, candidate))
    compared = [compared_scorer(pair, usable, cases)[1] for pair in pairs if pair.key == key]
    return {case for paired in compared for case in cases.case_ids[paired.place].tolist()}


def nothing_compared(pairs: Sequence[ScorerPair]) -> list[str]:
    return [] if pairs else ["No scorer was applied to both runs in the same version. Rescore one as the other."]


def lost_scores(judged: Sequence[Metric]) -> list[str]:
    primary = [metric for metric in judged if metric.about.is_primary]
    return [
        reason
        for metric in primary
        for reason in scored.too_many_lost(metric.about.title, metric.about.scorer, metric.lost)
    ]


def compared_scorer(pair: ScorerPair, usable: Flags, cases: CaseArrays) -> tuple[Metric, Paired]:
    before, after = read_arm(pair.baseline, cases), read_arm(pair.candidate, cases)
    is_pass = bool((before.passed != NOT_SAID).any() or (after.passed != NOT_SAID).any())
    lost = scored.lost_scores(pair, (before, after), usable, cases, is_pass=is_pass)
    about, scorer = about_of(pair), registry.SCORERS.get(pair.baseline.scorer)
    if is_pass:
        paired = paired_passes(before, after, usable, cases)
        return metrics.of_passes(about, paired, lost=lost), paired
    paired = paired_values(before, after, usable, cases)
    if scorer and scorer.aggregate:
        ids = cases.case_ids[paired.place]
        results = (read_results(pair.baseline, ids), read_results(pair.candidate, ids))
        return metrics.of_corpus(about, paired, results, scorer.aggregate, lost=lost), paired
    return metrics.of_values(about, paired, lost=lost), paired


def about_of(pair: ScorerPair) -> About:
    scorer = registry.SCORERS.get(pair.baseline.scorer)
    return About(
        key=pair.key,
        scorer=pair.baseline.scorer,
        version=pair.baseline.version,
        title=title_of(pair, scorer) if scorer else pair.key,
        unit=scorer.unit if scorer else "share",
        is_primary=pair.is_primary,
        higher_is_better=scorer.higher_is_better if scorer else True,
    )


def title_of(pair: ScorerPair, scorer: Scorer) -> str:
    """What is part of the metric's name, such as BLEU's tokenizer, is told wherever it is."""
    try:
        label = scorer.label(pair.baseline.params)
    except BadParams:  # scored by a version that knew other parameters
        label = scorer.title
    return label if pair.key == scorer.name else f"{pair.key} ({label})"


def regression_of(
    sheets: Sequence[tuple[Metric, Paired]], cases: CaseArrays, margin: Margin, *, is_valid: bool
) -> dict[str, Any]:
    """Of the primary metrics, on suites where the candidate must not lose anything."""
    result: dict[str, Any] = {**margin.to_dict(), "is_tested": margin.is_tested, "tests": [], "not_tested": []}
    for metric, paired in sheets if margin.is_tested else ():
        if not metric.about.is_primary:
            continue
        reason = regression.not_tested(metric.about, metric.kind)
        if reason:
            result["not_tested"].append({"metric": metric.about.key, "reason": reason})
        elif test := regression.regression_test(metric.about, metric.kind, paired, cases.categories, margin):
            result["tests"].append(test if is_valid else regression.invalid(test))
    return result
