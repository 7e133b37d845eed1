"""Whether what a policy names is there in its experiment, and what it asks for that nothing answers yet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from experiments.deciding.catalogue import BOUNDS, GUARDRAILS, PRIMARY, Bound, Unit
from experiments.models import CampaignPlan, Experiment, LiveTest
from experiments.policy import Criterion, EvidenceRef, Policy, Problem
from experiments.reports.live_plans import all_metrics_in_force

OPPOSITES = (("lower", "at_least"), ("higher", "at_most"))


@dataclass(frozen=True)
class Place:
    """What an experiment has that a criterion may name."""

    experiment: Experiment

    @cached_property
    def sets(self) -> dict[int, tuple[str, str]]:
        """Name and role of each eval set."""
        suites = self.experiment.suites.select_related("eval_set").order_by("role", "eval_set__name", "pk")
        return {suite.eval_set_id: (str(suite.eval_set), suite.role) for suite in suites}

    @cached_property
    def campaigns(self) -> dict[str, str]:
        plans = CampaignPlan.objects.filter(experiment=self.experiment).select_related("campaign").order_by("-campaign")
        return {str(plan.campaign.uuid): plan.campaign.title for plan in plans}

    @cached_property
    def live_tests(self) -> dict[str, LiveTest]:
        tests = LiveTest.objects.filter(experiment=self.experiment).select_related("plan").order_by("-created_at")
        return {test.key: test for test in tests}

    @cached_property
    def metrics(self) -> dict[int, list[dict[str, Any]]]:
        return all_metrics_in_force(self.live_tests.values())

    def metrics_of(self, key: str) -> set[str]:
        return {str(one.get("key")) for one in self.planned(key)}

    def planned(self, key: str, *, only_registered: bool = False) -> list[Mapping[str, Any]]:
        """The metrics of the test, or of all tests where none is named, the newest first."""
        chosen = [test for test in self.live_tests.values() if key in ("", test.key)]
        chosen = [test for test in chosen if hasattr(test, "plan") or not only_registered]
        return [one for test in chosen for one in self.metrics[test.pk]]

    def better(self, key: str, metric: str, *, only_registered: bool = False) -> str:
        """ "higher" or "lower", as the plan has it; empty where no plan says."""
        for one in self.planned(key, only_registered=only_registered):
            if one.get("key") == metric or (metric == PRIMARY and one.get("role") == "primary"):
                return str(one.get("direction") or "higher")
        return ""

    def unit_of(self, key: str, metric: str) -> Unit | None:
        """Of a live test's metric: only a rate is a share. None where no plan says."""
        for one in self.planned(key):
            if one.get("key") == metric or (metric == PRIMARY and one.get("role") == "primary"):
                return "share" if one.get("kind") == "rate" else "number"
        return None


def misfits(policy: Policy, place: Place) -> tuple[Problem, ...]:
    """What it names that the experiment does not have, and what asks for the opposite of a registered plan."""
    return tuple(
        Problem(f"criteria[{number}].{field}", reason)
        for number, one in enumerate(policy.criteria)
        for field, reason in (
            *((f"evidence.{field}", reason) for field, reason in unknown(one.evidence, place)),
            *against_plan(one, place),
        )
    )


def against_plan(criterion: Criterion, place: Place) -> Iterator[tuple[str, str]]:
    """A criterion that worse would meet. A draft of a plan may still change, so it only warns: see `missing`."""
    about = criterion.evidence
    if about.layer != "live" or about.metric == GUARDRAILS:
        return
    better = place.better(about.live_test, about.metric, only_registered=True)
    if (better, criterion.direction) in OPPOSITES:
        asked: Bound = "at_most" if better == "lower" else "at_least"
        yield "direction", f"The live test’s plan says {better} is better of this metric: ask {BOUNDS[asked]} here."


def unknown(about: EvidenceRef, place: Place) -> Iterator[tuple[str, str]]:
    if about.eval_set_id is not None:
        if about.eval_set_id not in place.sets:
            yield "eval_set_id", "This eval set is no suite of the experiment."
        elif about.role and place.sets[about.eval_set_id][1] != about.role:
            yield "eval_set_id", f"This eval set has the role {place.sets[about.eval_set_id][1]}, not {about.role}."
    if about.campaign and about.campaign not in place.campaigns:
        yield "campaign", "The experiment has no such campaign."
    if about.live_test and about.live_test not in place.live_tests:
        yield "live_test", "The experiment has no such live test."
    elif about.layer == "live" and about.metric not in (PRIMARY, GUARDRAILS):
        known = place.metrics_of(about.live_test)
        if known and about.metric not in known:
            yield "metric", f"The live test’s plan has no such metric. It has {', '.join(sorted(known))}."


def fitted(policy: Policy, place: Place) -> tuple[Policy, tuple[str, ...]]:
    """Without the names of another experiment's suites, campaigns and tests; and which criteria that changed."""
    found = tuple(replace(one, evidence=loosened(one.evidence, place)) for one in policy.criteria)
    changed = tuple(
        now.title for before, now in zip(policy.criteria, found, strict=True) if before.evidence != now.evidence
    )
    return replace(policy, criteria=found), changed


def loosened(about: EvidenceRef, place: Place) -> EvidenceRef:
    wrong = {field for field, _ in unknown(about, place)}
    changes = {field: None if field == "eval_set_id" else "" for field in wrong - {"metric"}}
    return replace(about, **changes) if changes else about  # type: ignore[arg-type]


def gaps(policy: Policy, place: Place) -> dict[str, str]:
    """By criterion: what must be added before it can have evidence, or what the plan of a live test gainsays.

    Says nothing of the evidence there is.
    """
    return {one.key: words for one in policy.criteria if (words := missing(one, place))}


def missing(criterion: Criterion, place: Place) -> str:
    about = criterion.evidence
    if about.layer in ("benchmark", "cost"):
        roles = {role for _, role in place.sets.values()}
        if about.role and about.role not in roles:
            return f"The experiment has no {about.role} suite yet."
        return "" if roles else "The experiment has no suite yet."
    if about.layer == "human":
        return "" if place.campaigns else "The experiment has no campaign yet."
    if not place.live_tests:
        return "The experiment has no live test yet."
    better = place.better(about.live_test, about.metric)
    if (better, criterion.direction) in OPPOSITES:
        return f"Its plan says {better} is better, and this asks {BOUNDS[criterion.direction]}: is that meant?"
    return ""
