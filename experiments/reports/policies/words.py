"""A policy in the words of its pages: what each criterion asks, of what, and how surely."""

from dataclasses import dataclass

from experiments.deciding import catalogue, wording
from experiments.deciding.catalogue import EACH_CATEGORY, METRICS
from experiments.policy import HEALTH_CHECKS, Criterion, EvidenceRef, Policy
from experiments.reports.policies.fitting import Place


@dataclass(frozen=True)
class CriterionRow:
    criterion: Criterion
    layer: str
    evidence: str
    rule: str
    proof: str
    gap: str = ""


def rows(policy: Policy, place: Place, gaps: dict[str, str] | None = None) -> list[CriterionRow]:
    return [
        CriterionRow(
            criterion=one,
            layer=catalogue.LAYERS[one.evidence.layer],
            evidence=evidence_words(one.evidence, place),
            rule=wording.rule_words(one),
            proof=proof_words(one),
            gap=(gaps or {}).get(one.key, ""),
        )
        for one in policy.criteria
    ]


def evidence_words(about: EvidenceRef, place: Place) -> str:
    """ "exact match, target suites"."""
    return ", ".join(one for one in (metric_words(about), *where(about, place)) if one)


def metric_words(about: EvidenceRef) -> str:
    known = METRICS[about.layer].get(about.metric)
    if about.scorer and about.metric == "value":
        return f"score by {about.scorer}"
    words = known.title if known else f"metric {about.metric}"
    return f"{words} by {about.scorer}" if about.scorer else words


def where(about: EvidenceRef, place: Place) -> list[str]:
    found = []
    if about.layer in ("benchmark", "cost"):
        found.append(suite_words(about, place))
    if about.layer == "human":
        title = place.campaigns.get(about.campaign, "a campaign that is gone")
        found.append(f"“{title}”" if about.campaign else "all campaigns together")
    if about.layer == "live":
        test = place.live_tests.get(about.live_test)
        found.append(f"“{test.name}”" if test else about.live_test or "the experiment’s newest live test")
    if about.category:
        found.append("each category" if about.category == EACH_CATEGORY else f"category {about.category}")
    return found


def suite_words(about: EvidenceRef, place: Place) -> str:
    if about.eval_set_id is not None:
        name, _ = place.sets.get(about.eval_set_id, (f"eval set {about.eval_set_id}", ""))
        return name
    return f"{about.role} suites" if about.role else "all suites"


def proof_words(criterion: Criterion) -> str:
    """ "shown at 95%" or "observed"."""
    if criterion.rule == "observed":
        return "observed"
    beyond = wording.beyond_words(criterion)
    words = f"shown at {wording.percent(criterion.level)}"
    return f"{words}, {beyond}" if beyond else words


def point_rule_words(policy: Policy) -> str:
    threshold = wording.short(policy.improvement_threshold, policy.improvement)
    return f"SHIP where the gain on target suites is at least {threshold}, else ITERATE"


def health_words(policy: Policy) -> list[tuple[str, bool]]:
    """Each check, and whether its failure makes the verdict INVALID."""
    limits = {"errors": f" (above {wording.percent(policy.max_error_share)} of a suite)"}
    return [(f"{words}{limits.get(key, '')}", key not in policy.ignored_health) for key, words in HEALTH_CHECKS.items()]


def changes(before: Policy, after: Policy, place: Place) -> list[str]:
    """What an amendment changed, criterion by criterion."""
    was, now = ({one.key: one for one in policy.criteria} for policy in (before, after))
    found = [f"Dropped: {one.title} ({wording.rule_words(one)})." for key, one in was.items() if key not in now]
    found += [f"Added: {one.title}, {told(one, place)}." for key, one in now.items() if key not in was]
    for key, one in now.items():
        if key in was and was[key] != one:
            found += difference(was[key], one, place)
    if before.improvement_threshold != after.improvement_threshold:
        found.append(f"Point rule: {point_rule_words(after)}.")
    if before.max_error_share != after.max_error_share:
        errors = (wording.percent(one.max_error_share) for one in (before, after))
        found.append(f"Errors allowed: {' → '.join(errors)}.")
    if before.ignored_health != after.ignored_health:
        ignored = ", ".join(HEALTH_CHECKS[one].lower() for one in after.ignored_health) or "none"
        found.append(f"Checks that do not count: {ignored}.")
    return found


def difference(was: Criterion, now: Criterion, place: Place) -> list[str]:
    before, after = told(was, place), told(now, place)
    words = f"Changed: {now.title}, {before} → {after}." if before != after else f"Changed: {was.title} → {now.title}."
    return [words]


def told(criterion: Criterion, place: Place) -> str:
    required = "" if criterion.required else ", without a say"
    what = evidence_words(criterion.evidence, place)
    return f"{wording.rule_words(criterion)}, {proof_words(criterion)} ({what}{required})"
