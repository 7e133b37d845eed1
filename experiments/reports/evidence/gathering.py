"""All evidence of one experiment at one moment, the verdict on it, and what the dashboard shows of both."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from experiments import go_no_go
from experiments.go_no_go import Evidence, Observation, Verdict
from experiments.models import Experiment
from experiments.policy import Criterion, Policy
from experiments.reports.evidence import acts, benchmarks, costs, fragility, health, layers, live, page, reviews, rows
from experiments.reports.evidence import running as work
from experiments.reports.evidence.data_hash import data_hash
from experiments.reports.evidence.deviations import deviations
from experiments.reports.evidence.health import Check
from experiments.reports.evidence.live import Live, read_live
from experiments.reports.evidence.page import NO_POLICY, Dashboard
from experiments.reports.evidence.reviews import Reviews
from experiments.reports.evidence.suites import Suite, read_suites
from experiments.reports.policies.registered import Registered, current

NO_RULE = "No policy is registered, so there is nothing to hold the evidence against: write one and register it."


@dataclass(frozen=True)
class Sources:
    """Where everything known of an experiment is read from; rows are read only where a number needs them."""

    experiment: Experiment
    suites: list[Suite]
    reviews: Reviews
    tests: list[Live]


@dataclass(frozen=True)
class Gathered:
    evidence: Evidence
    verdict: Verdict | None
    dashboard: Dashboard


def sources_of(experiment: Experiment) -> Sources:
    return Sources(experiment, read_suites(experiment), Reviews(experiment), read_live(experiment))


def gather(experiment: Experiment, *, now: datetime, tell: Callable[[str], None] = lambda note: None) -> Gathered:
    """Reads only. tell: what is being looked at."""
    sources, rule = sources_of(experiment), current(experiment)
    policy = rule.policy if rule else None
    checks = health.checks(experiment, policy, sources.suites, sources.reviews, sources.tests)
    observations: dict[str, Observation] = {}
    for criterion in policy.asked if policy else ():
        tell(criterion.title)
        observations[criterion.key] = observe(criterion, sources)
    evidence = Evidence(
        observations=observations, health=tuple(one.health for one in checks if one.is_asked or policy is None)
    )
    verdict = go_no_go.decide(policy, evidence) if policy else None
    tell("layers")
    shown = dashboard(sources, rule, policy, evidence, verdict, checks, now=now)
    if policy and verdict:
        tell("fragility")
        found = fragility.fragility(policy, evidence, verdict, sources.suites, sources.reviews)
        shown = replace(shown, fragility=found.rows, fragility_sentence=found.sentence)
    tell("hash of the data")
    hashed = data_hash(sources.suites, sources.reviews, sources.tests)
    return Gathered(evidence, verdict, replace(shown, data_sha256=hashed))


def observe(criterion: Criterion, sources: Sources) -> Observation:
    match criterion.evidence.layer:
        case "benchmark":
            return benchmarks.observe(criterion, sources.suites)
        case "human":
            return reviews.observe(criterion, sources.reviews)
        case "live":
            return live.observe(criterion, sources.tests)
        case "cost":
            return costs.observe(criterion, sources.suites)


def dashboard(
    sources: Sources,
    rule: Registered | None,
    policy: Policy | None,
    evidence: Evidence,
    verdict: Verdict | None,
    checks: list[Check],
    *,
    now: datetime,
) -> Dashboard:
    criteria = rows.rows(policy.criteria, verdict.criteria, evidence.observations) if policy and verdict else ()
    return Dashboard(
        verdict=verdict.verdict if verdict else NO_POLICY,
        reason=verdict.reason if verdict else NO_RULE,
        computed_at=now,
        point_rule=page.PointRule(verdict=verdict.point_rule.verdict, sentence=verdict.point_rule.sentence)
        if verdict
        else None,
        policy=acts.policy_of(rule) if rule else None,
        criteria=criteria,
        layers=layers.layers(sources.experiment, policy, sources.suites, sources.reviews, sources.tests),
        running=work.running(sources.suites, sources.reviews, sources.tests, criteria),
        health=tuple(one.row for one in checks),
        unblindings=acts.unblindings(sources.reviews, sources.tests),
        amendments=acts.amendments(sources.experiment, sources.reviews, sources.tests),
        deviations=deviations(sources.experiment, sources.suites, sources.reviews, sources.tests),
        evidence_sha256=evidence.sha256,
    )


def still_running(experiment: Experiment, shown: Dashboard) -> list[dict[str, Any]]:
    """The part of the dashboard that moves while evidence does not, as it is kept."""
    sources = sources_of(experiment)
    found = replace(shown, running=work.running(sources.suites, sources.reviews, sources.tests, shown.criteria))
    return list(found.to_dict()["running"])
