"""What holds of every experiment: better is never worse, order says nothing, and the bytes are the same everywhere."""

import hashlib
import json
import random
import subprocess
import sys
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.go_no_go import Evidence, Observation, Verdict, decide
from experiments.policy import Criterion, Policy
from tests.deciding.deciding import an_experiment

RANK = {"NO-GO": 0, "INCONCLUSIVE": 1, "GO": 2}
STATUS_RANK = {"not_met": 0, "undecided": 1, "met": 2}
SEEDS = st.integers(0, 10_000_000)


def moved(found: Observation, asked: Criterion, by: float) -> Observation:
    """The whole of it to the good side."""
    step = by if asked.direction == "at_least" else -by

    def up(value: float | None) -> float | None:
        return None if value is None else value + step

    parts = tuple(
        replace(one, estimate=up(one.estimate), ci_low=up(one.ci_low), ci_high=up(one.ci_high)) for one in found.parts
    )
    return replace(found, estimate=up(found.estimate), ci_low=up(found.ci_low), ci_high=up(found.ci_high), parts=parts)


def moved_apart(found: Observation, asked: Criterion, which: str, share: float) -> Observation:
    """One of the three numbers alone, as far to the good side as it goes without passing the next."""
    ends = (found.ci_low, found.ci_high) if asked.direction == "at_least" else (found.ci_high, found.ci_low)
    worse, better = ends
    if found.estimate is None or worse is None or better is None:
        return found
    step = 0.5 if asked.direction == "at_least" else -0.5
    goal = {"worse": found.estimate, "estimate": better, "better": better + step}[which]
    names = ("ci_low", "ci_high") if asked.direction == "at_least" else ("ci_high", "ci_low")
    name = {"worse": names[0], "estimate": "estimate", "better": names[1]}[which]
    value = getattr(found, name)
    return replace(found, **{name: value + share * (goal - value)})


def statuses(verdict: Verdict) -> dict[str, str]:
    return {one.key: one.status for one in verdict.criteria}


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, place=st.integers(0, 8), by=st.floats(1e-6, 0.5))
def test_a_better_estimate_never_makes_a_criterion_or_the_verdict_worse(seed: int, place: int, by: float) -> None:
    policy, evidence = an_experiment(seed)
    evidence = replace(evidence, health=())
    asked = policy.criteria[place % len(policy.criteria)]
    found = evidence.observations.get(asked.key)
    if found is None:
        return
    before = decide(policy, evidence)
    after = decide(
        policy, replace(evidence, observations={**evidence.observations, asked.key: moved(found, asked, by)})
    )
    was, now = statuses(before)[asked.key], statuses(after)[asked.key]
    if "no_evidence" in (was, now):
        assert was == now
    else:
        assert STATUS_RANK[now] >= STATUS_RANK[was]
    assert RANK[after.verdict] >= RANK[before.verdict]


@settings(max_examples=150, deadline=None)
@given(
    seed=SEEDS,
    place=st.integers(0, 8),
    which=st.sampled_from(["worse", "estimate", "better"]),
    share=st.floats(0.0, 1.0),
)
def test_a_better_estimate_or_a_better_bound_alone_never_makes_it_worse(
    seed: int, place: int, which: str, share: float
) -> None:
    """At the level that is asked for: one that is scaled to it hangs on the distance between estimate and bound."""
    policy, evidence = an_experiment(seed)
    evidence = replace(evidence, health=())
    asked = policy.criteria[place % len(policy.criteria)]
    found = evidence.observations.get(asked.key)
    if found is None or found.parts:
        return
    found = replace(found, level=asked.level)
    better = moved_apart(found, asked, which, share)
    before, after = (
        decide(policy, replace(evidence, observations={**evidence.observations, asked.key: one}))
        for one in (found, better)
    )
    was, now = statuses(before)[asked.key], statuses(after)[asked.key]
    assert was == now == "no_evidence" or STATUS_RANK[now] >= STATUS_RANK[was]
    assert RANK[after.verdict] >= RANK[before.verdict]


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, order=st.randoms(use_true_random=False))
def test_the_order_of_criteria_observations_and_checks_says_nothing(seed: int, order: random.Random) -> None:
    policy, evidence = an_experiment(seed)
    criteria, checks = list(policy.criteria), list(evidence.health)
    observations = list(evidence.observations.items())
    for one in (criteria, checks, observations):
        order.shuffle(one)
    shuffled = Evidence(
        observations={key: replace(one, parts=one.parts[::-1]) for key, one in observations}, health=tuple(checks)
    )
    gain = policy.improvement
    before = decide(policy, evidence)
    after = decide(replace(policy, criteria=tuple(criteria)), shuffled)
    assert after.verdict == before.verdict
    assert {one.key: one for one in after.criteria} == {one.key: one for one in before.criteria}
    assert after.health_failures == before.health_failures
    if gain == replace(policy, criteria=tuple(criteria)).improvement:
        assert after.point_rule == before.point_rule


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_policy_evidence_and_verdict_survive_their_text_to_the_byte(seed: int) -> None:
    policy, evidence = an_experiment(seed)
    again = Evidence.from_dict(json.loads(evidence.canonical()))
    same = Policy.from_dict(json.loads(policy.canonical()))
    assert again.canonical() == evidence.canonical()
    assert same.canonical() == policy.canonical()
    assert decide(same, again).canonical() == decide(policy, evidence).canonical()


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_no_size_told_lies_below_the_least_n_and_every_result_has_its_reason(seed: int) -> None:
    verdict = decide(*an_experiment(seed))
    assert verdict.reason.endswith(".")
    for one in verdict.criteria:
        assert one.sentence
        assert one.n_more is None or (one.status == "undecided" and one.n_more > 0)
        if one.n_more is not None and one.n_min is not None and one.margin is not None and one.margin >= 0:
            assert one.n + one.n_more >= one.n_min
        if one.status == "met" and one.rule == "shown":
            assert one.n >= (one.n_min or 0)


def digest(n: int) -> str:
    whole = hashlib.sha256()
    for seed in range(n):
        whole.update(decide(*an_experiment(seed)).canonical())
    return whole.hexdigest()


def test_another_process_gives_the_same_bytes() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from tests.deciding.test_properties import digest; print(digest(300))"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": "."},
    )
    assert said.stdout.strip() == digest(300)


def test_generated_experiments_meet_every_verdict_and_every_status() -> None:
    verdicts = [decide(*an_experiment(seed)) for seed in range(300)]
    assert {one.verdict for one in verdicts} == {"GO", "NO-GO", "INCONCLUSIVE", "INVALID"}
    assert {status for one in verdicts for status in statuses(one).values()} == {
        "met",
        "not_met",
        "undecided",
        "no_evidence",
    }
