"""What the pages of models and endpoints read: each with where it is used and how it is doing."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db.models import Count, Q, QuerySet

from experiments.models import BenchmarkRun, Endpoint, EndpointState, Experiment, ModelVersion, Output

MOST_COUNTED = 100_000
MOST_LISTED = 10
APART = ("tools", "response_format", "logprobs")


@dataclass(frozen=True)
class VersionRow:
    version: ModelVersion
    prompt: str
    n_experiments: int
    n_runs: int

    @property
    def sampling(self) -> list[tuple[str, Any]]:
        return sampling_of(self.version)


@dataclass(frozen=True)
class Uses:
    """`n_outputs` stops at 100,000, since a count costs what it counts."""

    experiments: list[Experiment]
    runs: list[BenchmarkRun]
    n_outputs: int

    @property
    def outputs_are_more(self) -> bool:
        return self.n_outputs > MOST_COUNTED

    @property
    def anything(self) -> bool:
        return bool(self.experiments or self.runs or self.n_outputs)


@dataclass(frozen=True)
class Condition:
    """How an endpoint is doing, as one word of the tags and a sentence."""

    state: str
    word: str
    sentence: str


def prompt_tag(version: ModelVersion) -> str:
    """Names a version of the prompt, so that prompt v1 against v2 on one model can be told apart; empty without one."""
    if not (version.system_prompt or version.prompt_template):
        return ""
    content = f"{len(version.system_prompt)}:{version.system_prompt}{version.prompt_template}"
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def sampling_of(version: ModelVersion) -> list[tuple[str, Any]]:
    """Numbers as they are, anything else as the JSON that is sent."""
    return [(name, shown(value)) for name, value in sorted(version.params.items()) if name not in APART]


def shown(value: Any) -> Any:
    return value if type(value) in {int, float} else orjson.dumps(value).decode()


def shown_json(version: ModelVersion) -> list[tuple[str, str]]:
    """Tools and response format as a person reads them."""
    named = [("Tools", version.params.get("tools")), ("Response format", version.params.get("response_format"))]
    return [(title, orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()) for title, value in named if value]


def version_rows(versions: Sequence[ModelVersion]) -> list[VersionRow]:
    ids = [version.pk for version in versions]
    runs = Counter(BenchmarkRun.objects.filter(model_version__in=ids).values_list("model_version_id", flat=True))
    sides: Counter[int] = Counter()
    involved = Experiment.objects.filter(Q(baseline__in=ids) | Q(candidate__in=ids))
    for pair in involved.values_list("baseline_id", "candidate_id"):
        sides.update(pair)
    return [
        VersionRow(
            version=version, prompt=prompt_tag(version), n_experiments=sides[version.pk], n_runs=runs[version.pk]
        )
        for version in versions
    ]


def uses_of(version: ModelVersion) -> Uses:
    experiments = Experiment.objects.filter(Q(baseline=version) | Q(candidate=version)).order_by("-created_at")
    runs = BenchmarkRun.objects.filter(model_version=version).select_related("eval_set").order_by("-created_at")
    return Uses(
        experiments=list(experiments[:MOST_LISTED]),
        runs=list(runs[:MOST_LISTED]),
        n_outputs=Output.objects.filter(model_version=version)[: MOST_COUNTED + 1].count(),
    )


def endpoints_listed() -> QuerySet[Endpoint]:
    return (
        Endpoint.objects.select_related("state")
        .annotate(n_versions=Count("model_versions"))
        .order_by("archived_at", "name")
    )


def state_of(endpoint: Endpoint) -> EndpointState | None:
    return getattr(endpoint, "state", None)


def condition(endpoint: Endpoint, *, now: datetime) -> Condition:
    state = state_of(endpoint)
    if endpoint.archived_at:
        return Condition("inactive", "archived", "No new run may start on it.")
    if state is None:
        return Condition("waiting", "not checked yet", "Check it before the first run.")
    if state.breaker != EndpointState.Breaker.CLOSED:
        failures = f"after {state.failures_in_a_row} failures in a row"
        words = "being tried again" if state.breaker == EndpointState.Breaker.HALF_OPEN else "resting"
        return Condition("failed", words, f"It is {words} {failures}; runs go on by themselves when it answers.")
    if state.resting_until and state.resting_until > now:
        return Condition("paused", "resting", f"It asked for a rest until {state.resting_until:%H:%M:%S} UTC.")
    return checked_condition(state)


def checked_condition(state: EndpointState) -> Condition:
    if not state.check_findings:
        return Condition("waiting", "not checked yet", "Check it before the first run.")
    findings = state.check_findings.get("findings", [])
    if any(found["state"] == "bad" and found["about"] in {"key", "models", "answer"} for found in findings):
        return Condition("failed", "does not answer", "The last check found it does not answer as it should.")
    if all(found["about"] != "answer" or found["state"] == "open" for found in findings):
        return Condition("undecided", "reachable", "It is reachable; no model has been asked yet.")
    return Condition("met", "answering", "The last check found it answering.")


def known_models(endpoints: Iterable[Endpoint]) -> list[str]:
    """Names that checks have found, to choose from."""
    found = [(state.check_findings or {}).get("models", []) for each in endpoints if (state := state_of(each))]
    return sorted({name for names in found for name in names})
