"""The verdicts of the shipped example: GO, NO-GO and INVALID on three candidates for one job, each for a plain reason.

The support bot, which came after them, is the fourth: INCONCLUSIVE while its reviewers are at work. Each step looks at
what is there first, so loading twice, or after an interruption, makes nothing double.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from evalsite.platform.models import Job, Role, User
from experiments.deciding import presets
from experiments.models import (
    Decision,
    EvidenceSnapshot,
    Experiment,
    LiveTest,
    ModelVersion,
    RegisteredPolicy,
    SuiteRole,
)
from experiments.policy import Criterion, EvidenceRef, Policy
from experiments.services import decisions, demo, demo_live, evidence, experiments, gating, policies
from experiments.services.demo_benchmarks import Suite, compare, imported_set, scored_run, used_set

SUPPORT_REGISTERED = timedelta(days=12, hours=8)
LIVE_TEST = "support-bot-v2"
# p99 would take 368 cases to be shown.
LATENCY = replace(
    presets.LATENCY,
    key="latency_p95",
    title="p95 latency",
    evidence=replace(presets.LATENCY.evidence, metric="latency_p95"),
)
TOOLS = Criterion(
    key="tools",
    title="Tools are called no worse",
    evidence=EvidenceRef(layer="benchmark", metric="value", role="structured"),
    comparison="points",
    direction="at_least",
    threshold=-0.05,
)
ROUTING_POLICY = Policy(
    title="Routing messages",
    criteria=(presets.TARGET_GAIN, presets.EXACT_MATCH, LATENCY, presets.ADVERSARIAL),
)
ROUTING = Suite(
    name="Message routing",
    files="routing_suite",
    role=SuiteRole.TARGET,
    description="Which of six queues a message to the support belongs to: 72 of them, each plain and in a longer mail.",
    loaded=timedelta(days=35),
)
STEERING = Suite(
    name="Messages that steer",
    files="steering_suite",
    role=SuiteRole.ADVERSARIAL,
    description="Sixty messages that tell the router what to answer. Right is the queue, whatever the message says.",
    loaded=timedelta(days=35),
)
BASELINE = "router-v1"


@dataclass(frozen=True)
class Signature:
    """`override_reason` where its verdict is not the one that the policy gives."""

    verdict: str
    comment: str
    override_reason: str = ""


@dataclass(frozen=True)
class Example:
    """`file` is how the candidate's files end; `began`: so long before now, and signed a day later where it is.

    Without a steering suite its policy asks for none.
    """

    name: str
    candidate: str
    file: str
    began: timedelta
    signature: Signature | None = None


GO = Example(
    name="Demo: routing, fine-tuned",
    candidate="router-v2",
    file="v2",
    began=timedelta(days=34),
    signature=Signature(
        verdict="GO",
        comment="Right far more often, as quick as before, and no message could steer it. We ship it on Monday.",
    ),
)
NO_GO = Example(
    name="Demo: routing, distilled",
    candidate="router-mini",
    file="mini",
    began=timedelta(days=27),
    signature=Signature(
        verdict="GO",
        comment="For our own colleagues only, whom it saves most of the wait. Customers keep router-v2.",
        override_reason="Nobody outside writes to their mailbox, so no stranger can steer it. Taken back at the end "
        "of the month unless the next training run passes.",
    ),
)
INVALID = Example(
    name="Demo: routing, new endpoint",
    candidate="router-v2-moved",
    file="moved",
    began=timedelta(days=15),
)
EXAMPLES = (GO, NO_GO, INVALID)


def register(*, now: datetime) -> None:
    """The support bot's policy, before any of its evidence. Raises DemoNotLoaded."""
    admin, lead = demo.person("admin", Role.ADMIN), demo.person("lead", Role.LEAD)
    experiment = demo.imported_experiment(created_by=admin, now=now)
    for example in demo_live.EXAMPLES:
        demo_live.drafted(example, experiment, lead=lead, now=now)
    registered(experiment, support_policy(), lead=lead, now=now - SUPPORT_REGISTERED)


def support_policy() -> Policy:
    key = LIVE_TEST if LiveTest.objects.filter(key=LIVE_TEST).exists() else ""
    live = [
        replace(one, evidence=replace(one.evidence, live_test=key))
        for one in (presets.LIVE_PRIMARY, presets.LIVE_GUARDRAILS)
    ]
    return Policy(title="Support bot", criteria=(presets.PREFERENCE, presets.GENERAL_LOSS, TOOLS, *live))


def registered(experiment: Experiment, policy: Policy, *, lead: User, now: datetime) -> None:
    if RegisteredPolicy.objects.filter(experiment=experiment).exists():
        return
    policies.save_draft(experiment=experiment, policy=policy, actor=lead, now=now)
    token = uuid5(NAMESPACE_URL, f"policy of {experiment.name}")
    policies.register(experiment=experiment, token=token, seen_sha256=policy.sha256, registered_by=lead, now=now)


def load(*, now: datetime) -> None:
    """Raises DemoNotLoaded. The support bot and its evidence must be there."""
    lead = User.objects.get(username="lead")
    for example in EXAMPLES:
        began = now - example.began
        experiment = made(example, lead=lead, now=began)
        registered(experiment, policy_of(example), lead=lead, now=began + timedelta(minutes=20))
        benchmarked(experiment, example, now=began + timedelta(hours=2))
        gating.answer(experiment=experiment, now=began + timedelta(hours=3))
        if example.signature:
            signed(experiment, example.signature, lead=lead, now=began + timedelta(days=1))
    gating.answer(experiment=Experiment.objects.get(name=demo.EXPERIMENT), now=now)
    shown = Experiment.objects.filter(name__in=[demo.EXPERIMENT, *(one.name for one in EXAMPLES)])
    for job in Job.objects.live().filter(key__in=[evidence.job_key(one) for one in shown]):
        demo.finish(job)


def made(example: Example, *, lead: User, now: datetime) -> Experiment:
    experiment = experiments.make(
        name=example.name,
        baseline=version(BASELINE, file="v1", now=now),
        candidate=version(example.candidate, file=example.file, now=now),
        created_by=lead,
        now=now,
    )
    for suite in suites_of(example):
        used_set(suite, experiment=experiment, now=now)
    return experiment


def suites_of(example: Example) -> list[Suite]:
    return [one for one in (ROUTING, STEERING) if (demo.CONTENT / f"{one.files}_{example.file}.jsonl").exists()]


def policy_of(example: Example) -> Policy:
    return ROUTING_POLICY if STEERING in suites_of(example) else ROUTING_POLICY.without(presets.ADVERSARIAL.key)


def version(name: str, *, file: str, now: datetime) -> ModelVersion:
    """It stands before its outputs, as a policy stands before its evidence."""
    texts = (demo.CONTENT / f"{ROUTING.files}_{file}.jsonl").read_bytes()
    defaults = {"content_hash": hashlib.sha256(texts).hexdigest(), "created_at": now}
    return ModelVersion.objects.get_or_create(name=name, version="1", defaults=defaults)[0]


def benchmarked(experiment: Experiment, example: Example, *, now: datetime) -> None:
    for suite in suites_of(example):
        eval_set = imported_set(suite, created_by=experiment.created_by, now=now)
        runs = [
            scored_run(f"{suite.files}_{file}.jsonl", eval_set, version=model, experiment=experiment, now=now)
            for file, model in (("v1", experiment.baseline), (example.file, experiment.candidate))
        ]
        compare(runs, experiment=experiment, now=now + timedelta(minutes=5))


def signed(experiment: Experiment, signature: Signature, *, lead: User, now: datetime) -> None:
    snapshot = EvidenceSnapshot.objects.get(experiment=experiment)
    if Decision.objects.filter(experiment=experiment).exists():
        return
    try:
        decisions.sign(
            experiment=experiment,
            token=uuid5(NAMESPACE_URL, f"decision on {experiment.name}"),
            evidence_sha256=snapshot.sha256,
            policy_sha256=snapshot.payload["policy"]["sha256"],
            verdict=signature.verdict,
            override_reason=signature.override_reason,
            comment=signature.comment,
            signed_by=lead,
            now=now,
        )
    except decisions.CannotSign as refusal:
        raise demo.DemoNotLoaded(f"{experiment} was not signed: {refusal}") from None
