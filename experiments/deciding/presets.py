"""Policies to begin with. Each is a start: it is edited, and then registered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from experiments.deciding.catalogue import GUARDRAILS, PRIMARY
from experiments.policy import Criterion, EvidenceRef, Policy


@dataclass(frozen=True)
class Preset:
    title: str
    words: str
    policy: Policy


at_least = partial(Criterion, comparison="absolute", direction="at_least")
at_most = partial(Criterion, comparison="absolute", direction="at_most")
above_baseline = partial(Criterion, comparison="points", direction="at_least")
times_baseline = partial(Criterion, comparison="ratio", direction="at_most")

TARGET_GAIN = above_baseline(
    key="target_gain",
    title="Target task improves",
    evidence=EvidenceRef(layer="benchmark", metric="value", role="target"),
    threshold=0.05,
)
GENERAL_LOSS = above_baseline(
    key="general_regression",
    title="General ability is kept",
    evidence=EvidenceRef(layer="benchmark", metric="value", role="general"),
    threshold=-0.05,
)
EXACT_MATCH = at_least(
    key="exact_match",
    title="Exact match on the target task",
    evidence=EvidenceRef(layer="benchmark", metric="exact_match", role="target"),
    threshold=0.85,
)
LATENCY = times_baseline(
    key="latency_p99",
    title="p99 latency",
    evidence=EvidenceRef(layer="benchmark", metric="latency_p99"),
    threshold=2.0,
    unit="ms",
)
# Exactly 60% can never be shown to be at least 60%: that reviewers prefer it at all is what must be shown.
PREFERENCE = at_least(
    key="human_preference",
    title="Reviewers prefer it",
    evidence=EvidenceRef(layer="human", metric="win_rate"),
    threshold=0.6,
    shown_beyond=0.5,
)
ADVERSARIAL = at_least(
    key="adversarial_pass_rate",
    title="Adversarial pass rate",
    evidence=EvidenceRef(layer="benchmark", metric="value", role="adversarial"),
    threshold=0.9,
)
# No number of cases shows exactly 100%: every one must be valid, and so many that at least 95% is shown.
SCHEMA = at_least(
    key="schema_compliance",
    title="Schema compliance",
    evidence=EvidenceRef(layer="benchmark", metric="schema_compliance", role="structured"),
    threshold=1.0,
    shown_beyond=0.95,
)
KAPPA = at_least(
    key="kappa",
    title="Reviewers agree",
    evidence=EvidenceRef(layer="human", metric="kappa"),
    threshold=0.4,
    rule="observed",
    required=False,
    unit="coefficient",
)
POSITION_BIAS = at_most(
    key="position_bias",
    title="Side does not decide",
    evidence=EvidenceRef(layer="human", metric="position_bias"),
    threshold=0.05,
    rule="observed",
    required=False,
)
GOLD = at_least(
    key="gold_accuracy",
    title="Known answers given rightly",
    evidence=EvidenceRef(layer="human", metric="gold_accuracy"),
    threshold=0.7,
    rule="observed",
    required=False,
)
EACH_CATEGORY = replace(
    GENERAL_LOSS,
    key="no_category_worse",
    title="No category is lost",
    evidence=EvidenceRef(layer="benchmark", metric="value", role="general", category="*"),
    threshold=-0.1,
)
COST = times_baseline(
    key="cost",
    title="Cost of a case",
    evidence=EvidenceRef(layer="cost", metric="per_case"),
    threshold=1.5,
    unit="cost",
)
LIVE_PRIMARY = above_baseline(
    key="live_primary",
    title="Live test’s primary metric is no worse",
    evidence=EvidenceRef(layer="live", metric=PRIMARY),
    threshold=0.0,
)
LIVE_GUARDRAILS = at_least(
    key="live_guardrails",
    title="Live test’s guardrails hold",
    evidence=EvidenceRef(layer="live", metric=GUARDRAILS),
    threshold=0.0,
    unit="number",
)

BENCHMARKS = (TARGET_GAIN, GENERAL_LOSS, EXACT_MATCH, LATENCY, ADVERSARIAL, SCHEMA)
USUAL = (TARGET_GAIN, GENERAL_LOSS, EXACT_MATCH, LATENCY, PREFERENCE, ADVERSARIAL, SCHEMA)
OPTIONAL = (KAPPA, POSITION_BIAS, GOLD, EACH_CATEGORY, COST, LIVE_PRIMARY, LIVE_GUARDRAILS)

PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "Default",
        "Seven criteria over benchmarks and human review, each of which must be shown.",
        Policy(title="Default", criteria=USUAL),
    ),
    "strict": Preset(
        "Strict",
        "All three layers, the optional criteria too, and thresholds that leave less room.",
        Policy(
            title="Strict",
            criteria=(
                TARGET_GAIN,
                replace(GENERAL_LOSS, threshold=-0.02),
                replace(EXACT_MATCH, threshold=0.9),
                replace(LATENCY, threshold=1.5),
                replace(PREFERENCE, shown_beyond=None),
                replace(ADVERSARIAL, threshold=0.95),
                replace(SCHEMA, shown_beyond=0.99),
                *(replace(one, required=True) for one in OPTIONAL),
            ),
        ),
    ),
    "observed": Preset(
        "Observed only",
        "The seven criteria by their estimates alone. Quick, and wrong more often: chance decides close calls.",
        Policy(
            title="Observed only",
            criteria=tuple(replace(one, rule="observed", shown_beyond=None) for one in USUAL),
        ),
    ),
    "benchmarks": Preset(
        "Benchmarks only",
        "For every training run, before anybody reviews: six criteria that need no people and no traffic.",
        Policy(title="Benchmarks only", criteria=BENCHMARKS),
    ),
}
