"""May the candidate be shipped? A policy and the evidence in, a verdict with its reasons out."""

from collections.abc import Sequence

from experiments.deciding import canonical, wording
from experiments.deciding.canonical import steady
from experiments.deciding.evidence import Evidence, Health, Observation, Part, Source
from experiments.deciding.judging import judge
from experiments.deciding.verdict import CriterionResult, HealthFailure, PartResult, PointRule, Verdict, Word
from experiments.policy import HEALTH_CHECKS, Policy

__all__ = [
    "CriterionResult",
    "Evidence",
    "Health",
    "HealthFailure",
    "Observation",
    "Part",
    "PartResult",
    "PointRule",
    "Source",
    "Verdict",
    "decide",
]


def decide(policy: Policy, evidence: Evidence) -> Verdict:
    """INVALID if a check of the data failed; else NO-GO if a required criterion is not met; GO if all of them are met;
    else INCONCLUSIVE. Beside it the point rule, which looks at one estimate and at nothing else.

    The same arguments give the same bytes on any machine. A better estimate, with its interval, never makes the
    verdict worse, and the order of criteria, observations and checks changes no status.
    """
    results = tuple(judge(one, evidence.observations.get(one.key)) for one in policy.criteria)
    failures = health_failures(policy, evidence)
    word = verdict_of(results, failures)
    return Verdict(
        verdict=word,
        reason=reason_of(word, results, failures),
        criteria=results,
        health_failures=failures,
        point_rule=point_rule(policy, evidence),
        policy_sha256=policy.sha256,
    )


def verdict_of(results: Sequence[CriterionResult], failures: Sequence[HealthFailure]) -> Word:
    if any(one.counts for one in failures):
        return "INVALID"
    statuses = {one.status for one in results if one.required}
    if "not_met" in statuses:
        return "NO-GO"
    return "GO" if statuses == {"met"} else "INCONCLUSIVE"


def health_failures(policy: Policy, evidence: Evidence) -> tuple[HealthFailure, ...]:
    """Those that count first, then a cause before what follows from it: failed calls also leave pairs missing."""
    found = [
        HealthFailure(
            key=one.key,
            title=one.title,
            detail=one.detail,
            layer=one.layer,
            counts=one.key not in policy.ignored_health,
        )
        for one in evidence.health
        if one.ok is False
    ]
    rank = {key: number for number, key in enumerate(HEALTH_CHECKS)}
    return tuple(
        sorted(found, key=lambda one: (not one.counts, rank.get(one.key, len(rank)), canonical.canonical(vars(one))))
    )


def reason_of(word: Word, results: Sequence[CriterionResult], failures: Sequence[HealthFailure]) -> str:
    if word == "INVALID":
        return because([f"{one.title}: {one.detail}" if one.detail else one.title for one in failures if one.counts])
    required = [one for one in results if one.required]
    if not required:
        return "No criterion has a say in the verdict."
    if word == "NO-GO":
        return because([f"{one.title}: {one.sentence}" for one in required if one.status == "not_met"])
    n_met = sum(one.status == "met" for one in required)
    if word == "GO":
        return (
            "The one criterion is met."
            if n_met == 1
            else f"{'Both' if n_met == 2 else f'All {wording.in_words(n_met)}'} criteria are met."
        )
    open_ones = [one for status in ("undecided", "no_evidence") for one in required if one.status == status]
    return f"{so_far(n_met, len(required))} {because([f'{one.title}: {one.sentence}' for one in open_ones])}"


def so_far(n_met: int, n: int) -> str:
    if n == 1:
        return "The one criterion is open."
    if not n_met:
        return f"None of {wording.in_words(n)} criteria is met."
    verb = "is" if n_met == 1 else "are"
    return f"{wording.in_words(n_met).capitalize()} of {wording.in_words(n)} criteria {verb} met."


def because(reasons: Sequence[str]) -> str:
    """The first in full, the others counted."""
    first = reasons[0] if reasons[0].endswith((".", "!", "?")) else f"{reasons[0]}."
    more = len(reasons) - 1
    if not more:
        return first
    return f"{first} {wording.in_words(more).capitalize()} more {'is' if more == 1 else 'are'} told below."


def point_rule(policy: Policy, evidence: Evidence) -> PointRule:
    gain, threshold = policy.improvement, steady(policy.improvement_threshold)
    found = evidence.observations.get(gain.key)
    if found is None or found.estimate is None or found.state in ("hidden", "none"):
        why = found.why_none if found else ""
        return PointRule(verdict="NO EVIDENCE", sentence=why or "Nothing is known of the gain on target suites yet.")
    is_enough = steady(found.estimate) >= threshold
    against = wording.short(threshold, gain)
    return PointRule(
        verdict="SHIP" if is_enough else "ITERATE",
        sentence=f"{gain.title}: {wording.figure(steady(found.estimate), gain)} "
        f"{'reaches' if is_enough else 'falls short of'} {against}, its uncertainty left aside.",
    )
