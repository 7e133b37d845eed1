"""Signing a decision: it freezes the policy, the evidence, the verdict and all the report shows. Nothing is edited."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import Role, User
from experiments import go_no_go
from experiments.deciding import canonical
from experiments.deciding.verdict import VERSION as RULE
from experiments.go_no_go import Evidence, Verdict
from experiments.models import Decision, EvidenceSnapshot, Experiment
from experiments.policy import Policy
from experiments.reports.evidence.freshness import has_moved
from experiments.reports.evidence.page import Dashboard
from experiments.reports.evidence.printed import moment, report
from experiments.reports.policies.registered import Registered, current
from experiments.services.code_version import code_version
from experiments.services.hooks import delivering

MOST_CHARACTERS = 10_000
# What frozen texts raise that another release wrote, or another hand.
UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)


class CannotSign(Exception):
    """Not as things stand, for a reason a user can read."""


class EvidenceMoved(CannotSign):
    """The evidence or the policy is another one than the lead saw: the page must be read again."""


class EvidenceStale(EvidenceMoved):
    """Something it rests on has moved and it was not gathered since: what the lead saw may not hold any more."""


class SignedOtherwise(CannotSign):
    """The id of the form was used before, with other words."""


@dataclass(frozen=True)
class Part:
    """One frozen text beside what it gives now."""

    name: str
    kept: str
    computed: str

    @property
    def is_same(self) -> bool:
        return self.kept == self.computed


@dataclass(frozen=True)
class Recomputed:
    """From the frozen texts alone: nothing of the rows they once came from is read.

    rule: that the verdict was given by; where it is an earlier one, `parts` tell whether the texts are untouched and
    `verdict_now` what today's rule makes of them. problem: why they cannot be decided on, where they cannot.
    """

    decision: Decision
    parts: tuple[Part, ...]
    rule: int
    verdict_now: str
    problem: str = ""

    @property
    def is_same(self) -> bool:
        return all(one.is_same for one in self.parts)

    @property
    def is_by_this_rule(self) -> bool:
        return self.rule == RULE

    @property
    def rule_now(self) -> int:
        return RULE

    @property
    def differing(self) -> list[Part]:
        return [one for one in self.parts if not one.is_same]


@transaction.atomic
def sign(
    *,
    experiment: Experiment,
    token: UUID,
    evidence_sha256: str,
    policy_sha256: str,
    verdict: str,
    override_reason: str = "",
    comment: str,
    signed_by: User,
    now: datetime,
) -> Decision:
    """evidence_sha256, policy_sha256: of what the lead saw. The same form sent twice makes one decision.

    Raises CannotSign; EvidenceMoved where what was seen is not what stands.
    """
    comment, override_reason = comment.strip(), override_reason.strip()
    if not signed_by.has_role(Role.LEAD):
        raise CannotSign("Only a lead may sign a decision.")
    # One signature after the other: each has its number, and what it freezes stands still meanwhile.
    Experiment.objects.select_for_update(no_key=True).get(pk=experiment.pk)
    if made := Decision.objects.filter(token=token).first():
        return repeated(made, experiment, signed_by, verdict, override_reason, comment)
    frozen = freeze(experiment, evidence_sha256=evidence_sha256, policy_sha256=policy_sha256)
    refuse(frozen.verdict, verdict, override_reason, comment)
    number = Decision.objects.filter(experiment=experiment).count() + 1
    signature = {
        "number": number,
        "verdict": verdict,
        "override_reason": override_reason,
        "comment": comment,
        "signed_by": signed_by.username,
        "signed_at": moment(now),
    }
    decision = Decision.objects.create(
        token=token,
        experiment=experiment,
        number=number,
        policy=frozen.rule.row,
        evidence_text=frozen.text,
        evidence_sha256=frozen.evidence.sha256,
        verdict_text=frozen.verdict.canonical().decode(),
        verdict_sha256=frozen.verdict.sha256,
        report=frozen.report(experiment, signature),
        data_sha256=frozen.shown.data_sha256,
        code_version=code_version(),
        computed_verdict=frozen.verdict.verdict,
        verdict=verdict,
        override_reason=override_reason,
        comment=comment,
        signed_by=signed_by,
        signed_at=now,
    )
    details = {
        "number": number,
        "verdict": verdict,
        "computed": frozen.verdict.verdict,
        "override_reason": override_reason,
        "evidence_sha256": decision.evidence_sha256,
        "policy_sha256": frozen.rule.row.sha256,
    }
    audit.record(actor=signed_by, action="decision.signed", subject=str(experiment), details=details, now=now)
    delivering.note(decision, now=now)
    return decision


@dataclass(frozen=True)
class Frozen:
    """What a signature would freeze now."""

    rule: Registered
    text: str
    evidence: Evidence
    verdict: Verdict
    shown: Dashboard

    def report(self, experiment: Experiment, signature: dict[str, Any]) -> dict[str, Any]:
        return report(
            experiment,
            self.rule,
            self.evidence,
            self.verdict,
            self.shown,
            signature=signature,
            code_version=code_version(),
        )


def freeze(experiment: Experiment, *, evidence_sha256: str, policy_sha256: str) -> Frozen:
    rule = current(experiment)
    snapshot = EvidenceSnapshot.objects.filter(experiment=experiment).select_related("experiment").first()
    if rule is None:
        raise CannotSign("No policy is registered: write the rule down before you decide by it.")
    if snapshot is None:
        raise CannotSign("The evidence has not been gathered yet. Try again in a moment.")
    shown = Dashboard.from_dict(snapshot.payload)
    decided_by = shown.policy.sha256 if shown.policy else ""
    if decided_by != rule.row.sha256:
        raise EvidenceMoved("A policy was registered just now and the evidence is being held against it: look again.")
    if (snapshot.sha256, rule.row.sha256) != (evidence_sha256, policy_sha256):
        raise EvidenceMoved("The evidence has moved since you opened this page. Read it again, then sign.")
    if has_moved(snapshot):
        raise EvidenceStale(
            "What the evidence rests on has moved since it was gathered. "
            "It is gathered again by itself: read the new verdict in a moment, then sign."
        )
    evidence = Evidence.from_dict(orjson.loads(snapshot.text))
    verdict = go_no_go.decide(rule.policy, evidence)
    if {one.key: one.status for one in shown.criteria} != {one.key: one.status for one in verdict.criteria}:
        raise EvidenceMoved("The evidence was decided on by an older release: gather it again, then sign.")
    return Frozen(rule, snapshot.text, evidence, verdict, shown)


def refuse(computed: Verdict, verdict: str, override_reason: str, comment: str) -> None:
    if verdict not in Decision.Verdict.values:
        raise CannotSign(f"{verdict!r} is no verdict: it is one of {', '.join(Decision.Verdict.values)}.")
    if not comment:
        raise CannotSign("Say in a comment what you decide and why: it stands with the decision for ever.")
    if max(len(comment), len(override_reason)) > MOST_CHARACTERS:
        raise CannotSign(f"At most {MOST_CHARACTERS:,} characters.")
    if verdict != computed.verdict and not override_reason:
        raise CannotSign(
            f"The policy gives {computed.verdict}. To sign {verdict} instead, give the reason: it is shown for ever."
        )
    if verdict == computed.verdict and override_reason:
        raise CannotSign(f"{verdict} is what the policy gives, so there is nothing to override: clear the reason.")


def repeated(
    made: Decision, experiment: Experiment, signed_by: User, verdict: str, override_reason: str, comment: str
) -> Decision:
    said = (made.experiment_id, made.signed_by_id, made.verdict, made.override_reason, made.comment)
    if said != (experiment.pk, signed_by.pk, verdict, override_reason, comment):
        raise SignedOtherwise("This form was sent before with other words: open the page again.")
    return made


def superseded_by(decision: Decision) -> Decision | None:
    """The one that counts instead, where there is a later one."""
    later = Decision.objects.filter(experiment=decision.experiment_id, number__gt=decision.number)
    return later.order_by("-number").first()


def recompute(decision: Decision) -> Recomputed:
    """What the frozen policy and evidence give with the code that runs now, byte by byte.

    A decision by an earlier rule is held to its own hashes only: that today's rule says it otherwise is no forgery. Its
    number is believed only where the code was another as well.
    """
    kept = read_kept(decision.verdict_text)
    rule = kept.get("version", 0)
    is_earlier = isinstance(rule, int) and rule < RULE and rule_of(decision.code_version) != rule_of(code_version())
    policy = evidence = verdict = None
    problem = ""
    try:
        policy = Policy.frozen(orjson.loads(decision.policy.text))
        evidence = Evidence.from_dict(orjson.loads(decision.evidence_text))
        verdict = go_no_go.decide(policy, evidence)
    except UNREADABLE as found:
        problem = str(found) or type(found).__name__
    again = None if is_earlier else (policy, evidence, verdict)
    return Recomputed(
        decision,
        tuple(parts_of(decision, kept, again)),
        rule if is_earlier else RULE,
        verdict.verdict if verdict else "",
        problem,
    )


def parts_of(
    decision: Decision, kept: Mapping[str, Any], again: tuple[Policy | None, Evidence | None, Verdict | None] | None
) -> Iterator[Part]:
    """`again`: what the frozen texts give now, where they are asked to give the same."""
    texts: tuple[str, ...] = (decision.policy.text, decision.evidence_text, decision.verdict_text)
    if again:
        texts = tuple(one.canonical().decode() if one else "" for one in again)
    words = again[2].verdict if again and again[2] else kept.get("verdict", "") if again is None else ""
    yield Part("policy", decision.policy.text, texts[0])
    yield Part("hash of the policy", decision.policy.sha256, hash_of(decision.policy.text))
    yield Part("evidence", decision.evidence_text, texts[1])
    yield Part("hash of the evidence", decision.evidence_sha256, hash_of(decision.evidence_text))
    yield Part("verdict", decision.verdict_text, texts[2])
    yield Part("hash of the verdict", decision.verdict_sha256, hash_of(texts[2]))
    yield Part("policy the verdict names", str(kept.get("policy_sha256", "")), decision.policy.sha256)
    yield Part("computed verdict", decision.computed_verdict, words)


def read_kept(text: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def hash_of(text: str) -> str:
    return canonical.sha256(text.encode())


def rule_of(version: str) -> str:
    """The hash of the rule's files within a code version."""
    return version.rpartition("rule ")[2]
