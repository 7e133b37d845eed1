"""A policy from plain data, checked to the last field; every problem is named with its place."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from experiments import policy
from experiments.deciding import catalogue
from experiments.policy import Criterion, EvidenceRef, Policy, PolicyRefused, Problem

MOST_CRITERIA = 60
KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
LEAST_LEVEL, MOST_LEVEL = 0.5, 0.999
Choice = TypeVar("Choice", bound=str)

POLICY_FIELDS = {"version", "title", "criteria", "improvement_threshold", "max_error_share", "ignored_health"}
CRITERION_FIELDS = {
    "key", "title", "evidence", "comparison", "direction", "threshold", "level", "rule", "shown_beyond", "required",
    "unit",
}  # fmt: skip
EVIDENCE_FIELDS = {"layer", "metric", "role", "eval_set_id", "scorer", "category", "campaign", "live_test"}


class Reader:
    """Takes fields of one object and notes what is wrong with them."""

    def __init__(self, raw: Mapping[str, Any], place: str, problems: list[Problem]) -> None:
        self.raw, self.place, self.problems = raw, place, problems

    def refuse(self, name: str, reason: str) -> None:
        self.problems.append(Problem(f"{self.place}.{name}".strip("."), reason))

    def only(self, known: set[str]) -> None:
        for name in sorted(set(self.raw) - known):
            self.refuse(name[:60], f"There is no such field. Known are {', '.join(sorted(known))}.")

    def text(self, name: str, *, most: int, needed: bool = False) -> str:
        value = self.raw.get(name, "")
        if not isinstance(value, str) or CONTROL.search(value):
            self.refuse(name, "This must be a text in one line.")
        elif len(value.strip()) > most:
            self.refuse(name, f"At most {most} characters, not {len(value.strip())}.")
        elif needed and not value.strip():
            self.refuse(name, "This is missing.")
        else:
            return value.strip()
        return ""

    def choice(self, name: str, offered: Sequence[Choice], default: Choice | None = None) -> Choice:
        value = self.raw.get(name, default)
        for one in offered:
            if value == one and isinstance(value, str):
                return one
        self.refuse(name, f"This must be one of {', '.join(offered)}.")
        return offered[0]

    def number(self, name: str, default: float | None = None) -> float:
        value = self.raw.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e12 or not finite(value):
            self.refuse(name, "This must be a number.")
            return math.nan
        return float(value) + 0.0

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.raw.get(name, default)
        if not isinstance(value, bool):
            self.refuse(name, "This must be true or false.")
            return default
        return value


def finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def read_policy(raw: object) -> Policy:
    problems: list[Problem] = []
    if not isinstance(raw, Mapping):
        raise PolicyRefused((Problem("", "A policy is an object with a title and criteria."),))
    taken = Reader(raw, "", problems)
    taken.only(POLICY_FIELDS)
    if raw.get("version", policy.VERSION) != policy.VERSION:
        taken.refuse("version", f"Only version {policy.VERSION} can be read.")
    found = Policy(
        title=taken.text("title", most=100, needed=True),
        criteria=read_criteria(raw.get("criteria"), problems),
        improvement_threshold=taken.number("improvement_threshold", 0.05),
        max_error_share=read_share(taken, "max_error_share", 0.01),
        ignored_health=read_ignored(taken),
    )
    if problems:
        raise PolicyRefused(tuple(problems))
    return found


def as_it_stood(raw: object) -> Policy:
    """Without checks, from what `Policy.to_dict` gave. Raises ValueError where fields are missing or unknown."""
    try:
        whole: dict[str, Any] = dict(raw)  # type: ignore[call-overload]
        criteria = tuple(
            Criterion(**{**one, "evidence": EvidenceRef(**one["evidence"])}) for one in whole.pop("criteria")
        )
        ignored = tuple(whole.pop("ignored_health"))
        return Policy(**whole, criteria=criteria, ignored_health=ignored)
    except (TypeError, LookupError, ValueError, AttributeError) as problem:
        raise ValueError(f"this is no policy as one is registered: {problem}") from problem


def read_share(taken: Reader, name: str, default: float) -> float:
    value = taken.number(name, default)
    if not math.isnan(value) and not 0 <= value < 1:
        taken.refuse(name, "This is a share: from 0 to below 1.")
    return value


def read_ignored(taken: Reader) -> tuple[str, ...]:
    value = taken.raw.get("ignored_health", [])
    if not isinstance(value, list | tuple) or any(one not in policy.HEALTH_CHECKS for one in map(str, value)):
        taken.refuse("ignored_health", f"This is a list of some of {', '.join(policy.HEALTH_CHECKS)}.")
        return ()
    return tuple(sorted({str(one) for one in value}))


def read_criteria(raw: object, problems: list[Problem]) -> tuple[Criterion, ...]:
    if not isinstance(raw, list | tuple) or not raw:
        problems.append(Problem("criteria", "A policy has at least one criterion."))
        return ()
    if len(raw) > MOST_CRITERIA:
        problems.append(Problem("criteria", f"At most {MOST_CRITERIA} criteria, not {len(raw)}."))
        return ()
    found = [read_criterion(one, f"criteria[{place}]", problems) for place, one in enumerate(raw)]
    seen: set[str] = set()
    for place, one in enumerate(found):
        if one and one.key in seen:
            problems.append(Problem(f"criteria[{place}].key", f"Another criterion has the key {one.key} already."))
        seen |= {one.key} if one else set()
    kept = tuple(one for one in found if one)
    if kept and len(kept) == len(found) and not any(one.required for one in kept):
        problems.append(Problem("criteria", "At least one criterion must be required, or nothing could be decided."))
    return kept


def read_criterion(raw: object, place: str, problems: list[Problem]) -> Criterion | None:
    if not isinstance(raw, Mapping):
        problems.append(Problem(place, "A criterion is an object."))
        return None
    taken, before = Reader(raw, place, problems), len(problems)
    taken.only(CRITERION_FIELDS)
    key = taken.text("key", most=60, needed=True)
    if key and (not KEY.fullmatch(key) or key == policy.IMPROVEMENT):
        taken.refuse("key", "A key is small letters, digits and underscores, and not “improvement”.")
    evidence = read_evidence(raw.get("evidence"), f"{place}.evidence", problems)
    metric = catalogue.metric_of(evidence.layer, evidence.metric) if evidence else None
    found = Criterion(
        key=key,
        title=taken.text("title", most=120, needed=True),
        evidence=evidence or EvidenceRef(layer="benchmark", metric="value"),
        comparison=taken.choice("comparison", list(catalogue.COMPARISONS)),
        direction=taken.choice("direction", list(catalogue.BOUNDS)),
        threshold=taken.number("threshold"),
        level=taken.number("level", 0.95),
        rule=taken.choice("rule", list(catalogue.RULES), "shown"),
        shown_beyond=None if raw.get("shown_beyond") is None else taken.number("shown_beyond"),
        required=taken.flag("required", default=True),
        unit=taken.choice("unit", catalogue.UNITS, metric.unit if metric else "share"),
    )
    if len(problems) == before:
        check_criterion(found, taken)
    return found if len(problems) == before else None


def check_criterion(found: Criterion, taken: Reader) -> None:
    """What no field says alone."""
    if not LEAST_LEVEL <= found.level <= MOST_LEVEL:
        taken.refuse("level", f"A level lies between {LEAST_LEVEL} and {MOST_LEVEL}, usually .95.")
    if found.comparison != "absolute" and not found.metric.of_baseline:
        taken.refuse("comparison", f"Of “{found.metric.title}” there is no figure of the baseline: use absolute.")
    if found.comparison == "absolute" and found.unit == "share" and not 0 <= found.threshold <= 1:
        taken.refuse("threshold", "A share lies between 0 and 1: .85 is 85%.")
    if found.comparison == "points" and found.unit == "share" and abs(found.threshold) > 1:
        taken.refuse("threshold", "A difference of shares lies between -1 and 1: .05 is 5 points.")
    if found.comparison == "ratio" and found.threshold <= 0:
        taken.refuse("threshold", "A ratio is above 0: 2 is twice the baseline.")
    if found.evidence.metric == catalogue.GUARDRAILS and found.evidence.layer == "live" and found.threshold != 0:
        taken.refuse("threshold", "Guardrails bring their own margins with the plan: leave 0 here.")
    if found.shown_beyond is not None:
        check_beyond(found, found.shown_beyond, taken)


def check_beyond(found: Criterion, beyond: float, taken: Reader) -> None:
    if found.rule == "observed":
        taken.refuse("shown_beyond", "Where the estimate decides there is no bound to hold against anything.")
    elif (beyond > found.threshold) if found.direction == "at_least" else (beyond < found.threshold):
        taken.refuse("shown_beyond", "This is stricter than the threshold: make it the threshold instead.")


def read_evidence(raw: object, place: str, problems: list[Problem]) -> EvidenceRef | None:
    if not isinstance(raw, Mapping):
        problems.append(Problem(place, "This names the evidence: layer, metric and so on."))
        return None
    taken, before = Reader(raw, place, problems), len(problems)
    taken.only(EVIDENCE_FIELDS)
    found = EvidenceRef(
        layer=taken.choice("layer", list(catalogue.LAYERS)),
        metric=taken.text("metric", most=100, needed=True),
        role=taken.choice("role", ("", *catalogue.ROLES), ""),
        eval_set_id=read_id(taken),
        scorer=taken.text("scorer", most=120),
        category=taken.text("category", most=200),
        campaign=taken.text("campaign", most=36),
        live_test=taken.text("live_test", most=100),
    )
    if len(problems) == before:
        check_evidence(found, taken)
    return found if len(problems) == before else None


def read_id(taken: Reader) -> int | None:
    value = taken.raw.get("eval_set_id")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        taken.refuse("eval_set_id", "This is the number of an eval set, or null for all of the role.")
        return None
    return value


def check_evidence(found: EvidenceRef, taken: Reader) -> None:
    if catalogue.metric_of(found.layer, found.metric) is None:
        offered = ", ".join(catalogue.METRICS[found.layer])
        taken.refuse("metric", f"{catalogue.LAYERS[found.layer]} have no such metric. There are {offered}.")
    belongs = {
        "benchmark": {"role", "eval_set_id", "scorer", "category"},
        "human": {"campaign", "category"},
        "live": {"live_test"},
        "cost": {"role", "eval_set_id"},
    }[found.layer]
    for name in sorted({"role", "eval_set_id", "scorer", "category", "campaign", "live_test"} - belongs):
        if getattr(found, name) not in ("", None):
            taken.refuse(name, f"This says nothing about the layer {found.layer}: leave it empty.")
    if found.campaign and not UUID.fullmatch(found.campaign):
        taken.refuse("campaign", "This is the uuid of a campaign, as its address shows it.")
