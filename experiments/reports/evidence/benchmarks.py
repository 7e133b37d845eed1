"""What benchmarks say about a criterion: paired over the cases, all suites of a role together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from django.urls import reverse
from django.utils.http import urlencode

from experiments.deciding.catalogue import EACH_CATEGORY
from experiments.go_no_go import Observation, Source
from experiments.policy import Criterion
from experiments.reports.comparisons import arms, metrics
from experiments.reports.comparisons.pairing import ScorerPair
from experiments.reports.evidence import observing
from experiments.reports.evidence.suites import ARMS, Missing, Sample, Suite, chosen, pooled
from experiments.reports.scores import Floats, Ints
from experiments.stats import quantiles
from experiments.stats.aggregates import bootstrapped_aggregate
from experiments.stats.means import quantile_difference
from experiments.stats.paired import paired_difference
from experiments.stats.paired_aggregates import paired_aggregate_difference
from experiments.stats.result import ComparisonResult, Estimate

# Scores out of 100 are held against criteria in shares.
SCALES = {"share": 1.0, "points": 0.01}


def observe(criterion: Criterion, suites: Sequence[Suite]) -> Observation:
    mine = chosen(suites, criterion.evidence)
    ready = [one for one in mine if one.missing is None]
    if not ready:
        return nothing(criterion, mine)
    if criterion.evidence.metric == "error_share":
        found = of_errors(criterion, ready)
    elif criterion.metric.quantile is not None:
        found = of_latency(criterion, ready, criterion.metric.quantile)
    else:
        found = of_scores(criterion, ready)
    return awaiting(found, mine)


def awaiting(found: Observation, mine: Sequence[Suite]) -> Observation:
    """Not the last word while a suite that is asked about has none."""
    waiting = [one.missing.why for one in mine if one.missing]
    if waiting and found.state == "final":
        return replace(found, state="growing", why_none=" ".join(waiting))
    return found


def nothing(criterion: Criterion, mine: Sequence[Suite]) -> Observation:
    reasons = [one.missing for one in mine if one.missing]
    sources = [Source(label=str(one), url=reverse("eval_set", args=[one.eval_set.pk])) for one in mine]
    if not reasons:
        about = criterion.evidence
        which = f"the eval set {about.eval_set_id}" if about.eval_set_id else f"any {about.role or 'benchmark'} suite"
        return observing.none(f"The experiment does not have {which}: put an eval set to use on its page.")
    found = observing.none(" ".join(one.why for one in reasons), sources=sources)
    return replace(found, state="growing") if any(one.growing for one in reasons) else found


# Scores


def sample_of(criterion: Criterion, ready: Sequence[Suite]) -> Sample | Missing:
    """The cases a criterion asks about. ready: suites of which nothing is missing."""
    samples = []
    for suite in ready:
        pair = suite.pair_for(criterion.evidence)
        if isinstance(pair, Missing):
            return pair
        samples.append(suite.sample(pair))
    found = pooled(samples)
    if isinstance(found, Missing):
        return found
    if criterion.unit == "share" and criterion.comparison in ("absolute", "points") and found.unit not in SCALES:
        return Missing(
            f"{found.title} is measured in {found.unit} and the criterion asks for a share: change its unit."
        )
    category = criterion.evidence.category
    if not category or category == EACH_CATEGORY:
        return found
    if category not in found.names:
        return Missing(f"No case of {', '.join(found.sets)} is of the category {category!r}.")
    return found.of_category(category)


def of_scores(criterion: Criterion, ready: Sequence[Suite]) -> Observation:
    sample = sample_of(criterion, ready)
    if isinstance(sample, Missing):
        return observing.none(sample.why, sources=links(criterion, ready))
    if criterion.evidence.category == EACH_CATEGORY:
        found = each_category(criterion, sample)
    else:
        found = of_sample(criterion, sample)
    return replace(found, sources=links(criterion, ready), warnings=(*found.warnings, *against(criterion, ready)))


def each_category(criterion: Criterion, sample: Sample) -> Observation:
    """The numbers are those of the worst one. One that was never scored stays among them, so that it is not passed."""
    by_name = [(name, sample.of_category(name)) for name in dict.fromkeys(sample.names)]
    parts = [(name, of_sample(criterion, part, is_quick=True)) for name, part in by_name]
    lowest = observing.worst(criterion, parts)
    if lowest is None:
        return observing.none("No category has a case that both models were scored on.")
    return replace(
        lowest[1],
        method=f"{lowest[1].method}; the worst of {len(parts)} categories: {lowest[0]}",
        parts=tuple(observing.part(name, one) for name, one in parts),
    )


def of_sample(criterion: Criterion, sample: Sample, *, is_quick: bool = False) -> Observation:
    """is_quick: means by t rather than by resampling, where many parts are looked at."""
    if not sample.n:
        return observing.none("No case was scored for both models.")
    alpha, scale = observing.alpha_of(criterion), SCALES.get(sample.unit, 1.0) if criterion.unit == "share" else 1.0
    clusters = clusters_of(sample)
    independent = None if clusters is None else arms.count_of(clusters)
    if criterion.comparison == "absolute":
        successes = int(sample.candidate.sum()) if sample.kind == "pass" and sample.clusters is None else None
        found = observing.of_estimate(figure(sample, alpha), criterion, successes=successes, scale=scale)
        return replace(found, n_independent=independent)
    if sample.kind == "corpus" and criterion.comparison != "points":
        return observing.none(f"{sample.title} is a figure of the whole set: only its difference can be asked for.")
    compared = difference(sample, alpha, is_lift=criterion.comparison != "points", is_quick=is_quick)
    found = observing.of_comparison(compared, criterion, n=sample.n, scale=scale)
    return replace(found, n_independent=independent)


def figure(sample: Sample, alpha: float) -> Estimate:
    clusters = clusters_of(sample)
    if sample.kind == "pass":
        return arms.rate(sample.candidate, clusters, alpha=alpha)
    if sample.corpus is not None:
        results, aggregate = sample.corpus.candidate, sample.corpus.aggregate
        return bootstrapped_aggregate(results, aggregate, clusters=clusters, seed=metrics.SEED, alpha=alpha)
    return arms.mean(sample.candidate, clusters, alpha=alpha)


def difference(sample: Sample, alpha: float, *, is_lift: bool, is_quick: bool) -> ComparisonResult:
    before, after, clusters = sample.baseline, sample.candidate, clusters_of(sample)
    if sample.corpus is not None:
        return paired_aggregate_difference(
            sample.corpus.baseline,
            sample.corpus.candidate,
            sample.corpus.aggregate,
            clusters=clusters,
            seed=metrics.SEED,
            alpha=alpha,
        )
    if is_lift or (is_quick and sample.kind != "pass"):
        return paired_difference(before, after, clusters=clusters, alpha=alpha)
    if sample.kind == "pass":
        return with_arms(metrics.rate_difference(before, after, clusters, alpha=alpha), before, after)
    return metrics.value_difference(before, after, clusters, alpha=alpha)


def with_arms(found: ComparisonResult, before: Floats, after: Floats) -> ComparisonResult:
    """Both rates over all cases, also where the interval counts clusters."""
    return replace(found, control=float(before.mean()), treatment=float(after.mean()))


def clusters_of(sample: Sample) -> Ints | None:
    return sample.clusters if arms.are_clusters(sample.clusters) else None


def against(criterion: Criterion, ready: Sequence[Suite]) -> tuple[str, ...]:
    """Suites that alone lie on the wrong side, which taking all together would hide."""
    if len(ready) < 2:
        return ()
    notes = []
    for suite in ready:
        sample = sample_of(criterion, [suite])
        if isinstance(sample, Missing) or sample.kind == "corpus":
            continue
        alone = of_sample(criterion, sample, is_quick=True).estimate
        if alone is not None and misses(criterion, alone):
            notes.append(f"{suite} alone does not reach the threshold: look at it by itself.")
    return tuple(notes)


def misses(criterion: Criterion, estimate: float) -> bool:
    return estimate < criterion.threshold if criterion.direction == "at_least" else estimate > criterion.threshold


# Errors and latency


def of_errors(criterion: Criterion, ready: Sequence[Suite]) -> Observation:
    before = np.concatenate([(~one.coverage.baseline.done).astype(float) for one in ready])
    after = np.concatenate([(~one.coverage.candidate.done).astype(float) for one in ready])
    alpha, sources = observing.alpha_of(criterion), run_links(ready)
    if criterion.comparison == "absolute":
        found = observing.of_estimate(arms.rate(after, None, alpha=alpha), criterion, successes=int(after.sum()))
    elif criterion.comparison == "points":
        found = observing.of_comparison(
            with_arms(metrics.rate_difference(before, after, None, alpha=alpha), before, after),
            criterion,
            n=before.size,
        )
    else:
        found = observing.of_comparison(paired_difference(before, after, alpha=alpha), criterion, n=before.size)
    return replace(found, sources=sources)


def of_latency(criterion: Criterion, ready: Sequence[Suite], q: float) -> Observation:
    """Of the successful calls of all suites where both models have some, so that both are timed on the same cases.

    Calls of one case are not paired: loads differ.
    """
    sources, alpha = run_links(ready), observing.alpha_of(criterion)
    timed = [one for one in ready if all(values.size for values in one.latencies)]
    if not timed:
        arms_of = [np.concatenate(values) for values in zip(*(one.latencies for one in ready), strict=True)]
        missing = [name for name, values in zip(ARMS, arms_of, strict=True) if not values.size]
        if not missing:
            return observing.none(
                "No suite has latencies of both models: different cases do not compare.", sources=sources
            )
        return observing.none(
            f"No output of the {' and the '.join(missing)} has a latency: run over an endpoint, or import latency_ms.",
            sources=sources,
        )
    before, after = (np.concatenate(values) for values in zip(*(one.latencies for one in timed), strict=True))
    left = [str(one) for one in ready if one not in timed]
    if criterion.comparison == "absolute":
        found = observing.of_estimate(
            quantiles.quantile_interval(after, q, confidence=criterion.level), criterion, n_unit="calls"
        )
    else:
        compared = quantile_difference(before, after, q, seed=metrics.SEED, alpha=alpha)
        found = observing.of_comparison(compared, criterion, n=min(before.size, after.size), n_unit="calls")
    notes = [f"Without latencies of both models, and left out: {', '.join(left)}."] if left else []
    return replace(found, sources=sources, warnings=(*found.warnings, *notes, *load_warnings(timed)))


def load_warnings(ready: Sequence[Suite]) -> tuple[str, ...]:
    notes = [note for one in ready for note in (one.payload.get("latency") or {}).get("warnings", [])]
    return tuple(dict.fromkeys(notes))


# Ways to the rows behind


def links(criterion: Criterion, ready: Sequence[Suite]) -> tuple[Source, ...]:
    found = []
    for suite in ready:
        pair = suite.pair_for(criterion.evidence)
        if not isinstance(pair, Missing):
            found += pair_links(suite, pair, criterion.evidence.category)
    return tuple(found)


def pair_links(suite: Suite, pair: ScorerPair, category: str) -> list[Source]:
    query = {"scorer": pair.key} | ({"category": category} if category not in ("", EACH_CATEGORY) else {})
    comparison = suite.comparison
    found = []
    if comparison is not None:
        changes = f"{reverse('comparison_changes', args=[comparison.pk])}?{urlencode(query)}"
        found = [
            Source(label=f"Cases of {suite} that changed", url=changes),
            Source(label=f"Comparison over {suite}", url=suite.url),
        ]
    scores = reverse("run_scorer", args=[pair.candidate.run_id, pair.candidate.pk])
    return [*found, Source(label=f"The candidate's scores over {suite}", url=scores)]


def run_links(ready: Sequence[Suite]) -> tuple[Source, ...]:
    found = []
    for suite in ready:
        cases = reverse("run_cases", args=[suite.runs[1].pk])
        found.append(Source(label=f"The candidate's outputs over {suite}", url=cases))
        if suite.url:
            found.append(Source(label=f"Comparison over {suite}", url=suite.url))
    return tuple(found)
