"""Each layer of evidence in one number and one sentence, whatever number the policy asks of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from experiments.deciding.catalogue import PRIMARY, Comparison, Layer
from experiments.go_no_go import Observation
from experiments.models import Experiment, ExperimentResult, SuiteRole
from experiments.policy import Criterion, EvidenceRef, Policy
from experiments.reports.comparisons.headline import UNITS, Headline
from experiments.reports.evidence import benchmarks, page, reviews
from experiments.reports.evidence import live as production
from experiments.reports.evidence.live import Live
from experiments.reports.evidence.page import Figure, Link
from experiments.reports.evidence.reviews import Reviews, models_only
from experiments.reports.evidence.suites import Sample, Suite, newest
from experiments.reports.human import tallies
from experiments.reports.live.payload import LivePayload, MetricRow

MOST_FIGURES = 6
COMPARED: dict[str, Comparison] = {SuiteRole.ADVERSARIAL: "absolute", SuiteRole.STRUCTURED: "absolute"}


def layers(
    experiment: Experiment, policy: Policy | None, suites: Sequence[Suite], found: Reviews, tests: Sequence[Live]
) -> tuple[page.Layer, ...]:
    return of_benchmarks(experiment, newest(suites)), of_reviews(experiment, found), of_live(tests, policy)


def asking(layer: Layer, metric: str, comparison: Comparison, **about: str | int | None) -> Criterion:
    """What a layer's own number would be as a criterion; its threshold has no say here."""
    return Criterion(
        key="layer",
        title=metric,
        evidence=EvidenceRef(layer=layer, metric=metric, **about),  # type: ignore[arg-type]
        comparison=comparison,
        direction="at_least",
        threshold=0.0,
        rule="observed",
    )


def figure_of(label: str, unit: str, found: Observation, url: str = "") -> Figure:
    return Figure(
        label=label,
        unit=unit,
        estimate=found.estimate,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        n=found.n or None,
        url=url,
    )


# Benchmarks


def of_benchmarks(experiment: Experiment, suites: Sequence[Suite]) -> page.Layer:
    url = f"{reverse('experiment', args=[experiment.pk])}#benchmarks"
    if not suites:
        why = "No eval set belongs to this experiment yet: put one to use on its page."
        return page.Layer(key="benchmarks", title="Benchmarks", state="none", sentence="", why_none=why, url=url)
    main = next((one for one in suites if one.suite.role == SuiteRole.TARGET and not one.missing), None) or next(
        (one for one in suites if not one.missing), suites[0]
    )
    others = [one for one in suites if one is not main]
    figures = tuple(suite_figure(one) for one in others[:MOST_FIGURES] if not one.missing)
    links = tuple(Link(label=str(one), url=one.url) for one in suites if one.url)
    if main.missing:
        state = "growing" if main.missing.growing else "none"
        return page.Layer(
            key="benchmarks",
            title="Benchmarks",
            state=state,
            sentence="",
            figures=figures,
            why_none=main.missing.why,
            url=url,
            links=links,
        )
    state = (
        "invalid" if main.payload["invalid_reasons"] else "growing" if any(one.missing for one in suites) else "final"
    )
    return page.Layer(
        key="benchmarks",
        title="Benchmarks",
        state=state,
        sentence=sentence_of(main),
        headline=suite_figure(main),
        figures=figures,
        url=main.url,
        links=links,
    )


def suite_figure(suite: Suite) -> Figure:
    comparison: Comparison = COMPARED.get(suite.suite.role, "points")
    asked = asking("benchmark", "value", comparison, eval_set_id=suite.eval_set.pk)
    unit = "percent" if comparison == "absolute" else "points"
    sample = main_sample(suite)
    if sample and sample.unit not in benchmarks.SCALES:
        payload = suite.payload["metrics"][0]
        figure, of_difference, word = UNITS.get(sample.unit, UNITS["points"])
        chosen = payload["candidate"] if comparison == "absolute" else payload["difference"]
        return Figure(
            label=f"{sample.title} over {suite}{f', {word}' if word else ''}",
            unit=figure if comparison == "absolute" else of_difference,
            estimate=chosen["estimate"],
            ci_low=chosen["ci_low"],
            ci_high=chosen["ci_high"],
            n=payload["n"],
            url=suite.url,
        )
    label = f"{sample.title} over {suite}" if sample else str(suite)
    return figure_of(label, unit, benchmarks.observe(asked, [suite]), suite.url)


def main_sample(suite: Suite) -> Sample | None:
    return suite.sample(suite.pairs[0]) if suite.pairs else None


def sentence_of(suite: Suite) -> str:
    """The finding of the comparison, and how many answers changed."""
    comparison = suite.comparison
    if comparison is None:
        return ""
    told = Headline(comparison.state, comparison.headline).sentence
    sample = main_sample(suite)
    if sample is None or sample.kind != "pass":
        return told
    better = int((sample.candidate > sample.baseline).sum())
    worse = int((sample.candidate < sample.baseline).sum())
    return f"{told} {better:,} answers got better, {worse:,} worse."


# Human review


def of_reviews(experiment: Experiment, found: Reviews) -> page.Layer:
    title, url = "Human review", f"{reverse('experiment', args=[experiment.pk])}#human"
    campaigns = found.campaigns
    if not campaigns:
        why = "No campaign is open yet: register one and open it."
        return page.Layer(key="human", title=title, state="none", sentence="", why_none=why, url=url)
    links = tuple(Link(label=one.title, url=reverse("campaign", args=[one.uuid])) for one in campaigns)
    url = links[0].url if len(links) == 1 else url
    observed = reviews.observe(asking("human", "win_rate", "absolute"), found)
    result = ExperimentResult.objects.filter(experiment=experiment).first()
    human = result.payload["human"] if result else None
    outcomes = outcomes_of(found) if observed.estimate is not None else ()
    headline = figure_of("judgments for the candidate", "percent", observed, url) if outcomes else None
    return page.Layer(
        key="human",
        title=title,
        state=observed.state,
        sentence=agreement_words(human) if human else "",
        headline=headline,
        figures=work_figures(human, url) if human else (),
        split=outcomes,
        why_none=observed.why_none,
        url=url,
        links=links,
    )


def outcomes_of(found: Reviews) -> tuple[int, ...]:
    votes = models_only(found.votes(found.told(found.campaigns)))
    counts = tallies.by_outcome(votes.outcome)
    return tuple(counts[name] for name in ("candidate", "tie", "both_bad", "baseline"))


def work_figures(human: Mapping[str, Any], url: str) -> tuple[Figure, ...]:
    kappa, left = human["agreement"]["mean_kappa"], human["position_bias"]
    gold = human["gold"]["accuracy"] if human.get("gold") else None
    shown = [("mean kappa", "coefficient", kappa), ("won by the left response", "percent", left)]
    if gold:
        shown.append(("known answers right", "percent", gold))
    return tuple(
        Figure(
            label=label,
            unit=unit,
            estimate=one["estimate"],
            ci_low=one["ci_low"],
            ci_high=one["ci_high"],
            n=one["n"],
            url=url,
        )
        for label, unit, one in shown
    )


def agreement_words(human: Mapping[str, Any]) -> str:
    """What is known of the reviewers' work, which tells nothing about the direction."""
    p = human["position_bias"]["p_value"]
    bias = "" if p is None else " Position bias is shown." if p < 0.05 else " No position bias is shown."
    n, pairs, people = human["n"], human["n_pairs"], human["n_reviewers"]
    return f"{n:,} judgments of {pairs:,} pairs by {people:,} {'reviewer' if people == 1 else 'reviewers'}.{bias}"


# Live test


def of_live(tests: Sequence[Live], policy: Policy | None) -> page.Layer:
    title, url = "Live test", reverse("live_tests")
    if not tests:
        why = "No live test has been started yet: plan one and start it."
        return page.Layer(key="live", title=title, state="none", sentence="", why_none=why, url=url)
    links = tuple(Link(label=one.test.name, url=one.url) for one in tests)
    shown = asked_about(tests, policy)
    payload = shown.payload
    if payload is None:
        why = "Its first result is being computed."
        return page.Layer(
            key="live", title=title, state="growing", sentence="", why_none=why, url=shown.url, links=links
        )
    observed = production.observe(asking("live", PRIMARY, "points"), [shown])
    primary = payload.primary
    state = "invalid" if payload.blocked else observed.state
    return page.Layer(
        key="live",
        title=title,
        state=state,
        sentence=payload.headline,
        headline=figure_of(f"{primary.title}, treatment minus control", unit_of(primary), observed, shown.url)
        if primary and observed.estimate is not None
        else None,
        figures=metric_figures(payload, f"{shown.url}#metrics"),
        why_none=observed.why_none,
        url=shown.url,
        links=links,
    )


def asked_about(tests: Sequence[Live], policy: Policy | None) -> Live:
    """The one that the policy's criteria are held against, else the newest."""
    about = [one.evidence for one in policy.criteria if one.evidence.layer == "live"] if policy else []
    return next((found for one in about if (found := production.chosen(tests, one))), tests[0])


def unit_of(row: MetricRow) -> str:
    return "points" if row.kind == "rate" else "number"


def metric_figures(payload: LivePayload, url: str) -> tuple[Figure, ...]:
    if payload.hidden:
        return ()
    return tuple(
        Figure(
            label=f"{row.title}, not to be trusted" if row.doubt else row.title,
            unit=unit_of(row),
            estimate=row.difference,
            ci_low=row.ci_low,
            ci_high=row.ci_high,
            n=row.control_n + row.treatment_n,
            url=url,
        )
        for row in payload.metrics
        if row.role != "primary" and row.difference is not None
    )[:MOST_FIGURES]
