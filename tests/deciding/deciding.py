"""Criteria, observations and whole experiments whose every default is valid."""

import random
from typing import Any

from experiments.deciding.catalogue import COMPARISONS
from experiments.go_no_go import CriterionResult as Result
from experiments.go_no_go import Evidence, Health, Observation, Part, decide
from experiments.policy import HEALTH_CHECKS, Criterion, EvidenceRef, Policy

BENCHMARK = EvidenceRef(layer="benchmark", metric="value", role="adversarial")
GAIN = EvidenceRef(layer="benchmark", metric="value", role="target")


def criterion(**fields: Any) -> Criterion:
    defaults: dict[str, Any] = {
        "key": "pass_rate",
        "title": "Adversarial pass rate",
        "evidence": BENCHMARK,
        "comparison": "absolute",
        "direction": "at_least",
        "threshold": 0.9,
    }
    return Criterion(**{**defaults, **fields})


def observed(
    estimate: float | None = 0.95, low: float | None = 0.92, high: float | None = 0.97, **fields: Any
) -> Observation:
    return Observation(**{"estimate": estimate, "ci_low": low, "ci_high": high, "n": 400, **fields})


def policy(*criteria: Criterion, **fields: Any) -> Policy:
    return Policy(title="A policy", criteria=criteria or (criterion(),), **fields)


def judged(asked: Criterion, found: Observation | None) -> Result:
    evidence = Evidence(observations={asked.key: found} if found else {})
    [result] = decide(policy(asked), evidence).criteria
    return result


def an_experiment(seed: int) -> tuple[Policy, Evidence]:
    """Any of the ways an experiment can stand: the same for the same seed, on any machine."""
    draw = random.Random(seed)
    asked = tuple(a_criterion(draw, place) for place in range(draw.randint(1, 9)))
    chosen = policy(
        *asked,
        ignored_health=tuple(sorted(draw.sample(sorted(HEALTH_CHECKS), draw.randint(0, 2)))),
        improvement_threshold=draw.choice([0.0, 0.05, 0.1]),
    )
    observations = {one.key: an_observation(draw, one) for one in chosen.asked if draw.random() < 0.9}
    checks = tuple(
        Health(key=key, title=title, ok=draw.choice([True, True, True, True, None, draw.random() < 0.6]))
        for key, title in HEALTH_CHECKS.items()
    )
    return chosen, Evidence(observations=observations, health=checks)


def a_criterion(draw: random.Random, place: int) -> Criterion:
    comparison = draw.choice(list(COMPARISONS))
    threshold = {"absolute": 0.85, "points": -0.05, "relative": 0.1, "ratio": 1.5}[comparison]
    direction = draw.choice(["at_least", "at_most"])
    rule = draw.choice(["shown", "shown", "observed"])
    lenient = threshold + (-0.1 if direction == "at_least" else 0.1)
    return criterion(
        key=f"criterion_{place}",
        title=f"Criterion {place}",
        evidence=draw.choice([BENCHMARK, GAIN, EvidenceRef(layer="benchmark", metric="latency_p99")]),
        comparison=comparison,
        direction=direction,
        threshold=threshold,
        rule=rule,
        level=draw.choice([0.9, 0.95, 0.99]),
        shown_beyond=lenient if rule == "shown" and draw.random() < 0.3 else None,
        required=place == 0 or draw.random() < 0.8,
    )


def an_observation(draw: random.Random, asked: Criterion) -> Observation:
    if draw.random() < 0.1:
        return Observation(state=draw.choice(["hidden", "none"]), why_none="Hidden until the registered n is in.")
    centre = asked.threshold + draw.gauss(0, 0.08)
    half, n = abs(draw.gauss(0, 0.06)), draw.randint(1, 5000)
    parts = tuple(
        Part(
            name=f"category {number}", estimate=centre + 0.01 * number, ci_low=centre - half, ci_high=centre + half, n=n
        )
        for number in range(draw.choice([0, 0, 0, 3]))
    )
    return Observation(
        estimate=centre,
        ci_low=centre - half,
        ci_high=centre + half,
        level=draw.choice([0.95, 0.95, 0.9]),
        n=n,
        method=draw.choice(["Wilson interval", "exact binomial interval", "bootstrap"]),
        state=draw.choice(["final", "final", "growing"]),
        anytime=draw.random() < 0.5,
        parts=parts,
    )
