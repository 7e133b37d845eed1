"""A policy as data: what is read, what is refused with its place, and the file's schema."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from experiments.deciding.presets import OPTIONAL, PRESETS, USUAL
from experiments.deciding.schema import schema
from experiments.policy import Policy, PolicyRefused
from tests.deciding.deciding import policy


def raw(**changed: Any) -> dict[str, Any]:
    """A policy of one criterion, whose fields `changed` replaces; evidence is joined."""
    body = policy().to_dict()
    evidence = changed.pop("evidence", {})
    body["criteria"][0] |= changed
    body["criteria"][0]["evidence"] |= evidence
    return body


def refusal(body: object) -> dict[str, str]:
    with pytest.raises(PolicyRefused) as caught:
        Policy.from_dict(body)
    return {one.field: one.reason for one in caught.value.problems}


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_is_a_policy_and_fits_the_schema(name: str) -> None:
    chosen = PRESETS[name].policy
    assert Policy.from_dict(chosen.to_dict()) == chosen
    jsonschema.validate(json.loads(chosen.canonical()), schema())


def test_the_default_asks_what_is_usually_asked() -> None:
    asked = {one.key: (one.comparison, one.direction, one.threshold) for one in PRESETS["default"].policy.criteria}
    assert asked == {
        "target_gain": ("points", "at_least", 0.05),
        "general_regression": ("points", "at_least", -0.05),
        "exact_match": ("absolute", "at_least", 0.85),
        "latency_p99": ("ratio", "at_most", 2.0),
        "human_preference": ("absolute", "at_least", 0.6),
        "adversarial_pass_rate": ("absolute", "at_least", 0.9),
        "schema_compliance": ("absolute", "at_least", 1.0),
    }


def test_optional_criteria_can_be_added_to_any_preset() -> None:
    body = PRESETS["default"].policy.to_dict()
    body["criteria"] += [one for one in PRESETS["strict"].policy.to_dict()["criteria"] if one["key"] not in keys(USUAL)]
    assert len(Policy.from_dict(body).criteria) == len(USUAL) + len(OPTIONAL)


def keys(criteria: Any) -> set[str]:
    return {one.key for one in criteria}


def test_the_same_policy_has_the_same_hash_however_its_file_is_written() -> None:
    body = policy().to_dict()
    turned = json.loads(json.dumps(dict(reversed(body.items())), indent=3))
    turned["criteria"][0]["threshold"] = 0.90
    turned["improvement_threshold"] = 0.05
    assert Policy.from_dict(turned).sha256 == policy().sha256
    assert Policy.from_dict(raw(threshold=0.91)).sha256 != policy().sha256


def test_a_whole_number_is_the_same_threshold_as_its_fraction() -> None:
    whole, fraction = raw(comparison="ratio", threshold=2), raw(comparison="ratio", threshold=2.0)
    assert Policy.from_dict(whole).canonical() == Policy.from_dict(fraction).canonical()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"key": "No key"}, "criteria[0].key"),
        ({"key": "improvement"}, "criteria[0].key"),
        ({"title": ""}, "criteria[0].title"),
        ({"title": "two\nlines"}, "criteria[0].title"),
        ({"comparison": "better"}, "criteria[0].comparison"),
        ({"direction": None}, "criteria[0].direction"),
        ({"threshold": "90%"}, "criteria[0].threshold"),
        ({"threshold": float("nan")}, "criteria[0].threshold"),
        ({"threshold": True}, "criteria[0].threshold"),
        ({"threshold": 90}, "criteria[0].threshold"),
        ({"threshold": 10**400}, "criteria[0].threshold"),
        ({"comparison": "points", "threshold": 5}, "criteria[0].threshold"),
        ({"comparison": "ratio", "threshold": 0}, "criteria[0].threshold"),
        ({"level": 95}, "criteria[0].level"),
        ({"level": 0.2}, "criteria[0].level"),
        ({"rule": "hoped"}, "criteria[0].rule"),
        ({"shown_beyond": 0.95}, "criteria[0].shown_beyond"),
        ({"shown_beyond": 0.8, "rule": "observed"}, "criteria[0].shown_beyond"),
        ({"required": "yes"}, "criteria[0].required"),
        ({"unit": "furlongs"}, "criteria[0].unit"),
        ({"colour": "red"}, "criteria[0].colour"),
        ({"evidence": {"layer": "tarot"}}, "criteria[0].evidence.layer"),
        ({"evidence": {"metric": "vibes"}}, "criteria[0].evidence.metric"),
        ({"evidence": {"metric": ""}}, "criteria[0].evidence.metric"),
        ({"evidence": {"role": "main"}}, "criteria[0].evidence.role"),
        ({"evidence": {"eval_set_id": "7"}}, "criteria[0].evidence.eval_set_id"),
        ({"evidence": {"campaign": "7"}}, "criteria[0].evidence.campaign"),
        ({"evidence": {"live_test": "bot"}}, "criteria[0].evidence.live_test"),
        ({"evidence": {"layer": "human", "metric": "win_rate"}}, "criteria[0].evidence.role"),
        (
            {"evidence": {"layer": "human", "metric": "kappa", "role": ""}, "comparison": "points"},
            "criteria[0].comparison",
        ),
        (
            {"evidence": {"layer": "live", "metric": "guardrails", "role": ""}, "unit": "number"},
            "criteria[0].threshold",
        ),
    ],
)
def test_each_mistake_is_refused_where_it_stands(changed: dict[str, Any], field: str) -> None:
    assert field in refusal(raw(**changed))


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda body: body.update(title=" "), "title"),
        (lambda body: body.update(version=2), "version"),
        (lambda body: body.update(criteria=[]), "criteria"),
        (lambda body: body.update(criteria=[None]), "criteria[0]"),
        (lambda body: body["criteria"][0].update(evidence=None), "criteria[0].evidence"),
        (lambda body: body.update(criteria=body["criteria"] * 2), "criteria[1].key"),
        (lambda body: body.update(criteria=body["criteria"] * 61), "criteria"),
        (lambda body: body["criteria"][0].update(required=False), "criteria"),
        (lambda body: body.update(max_error_share=1.2), "max_error_share"),
        (lambda body: body.update(ignored_health=["luck"]), "ignored_health"),
        (lambda body: body.update(ignored_health="srm"), "ignored_health"),
        (lambda body: body.update(mood="good"), "mood"),
    ],
)
def test_each_mistake_of_the_whole_is_refused(spoil: Callable[[dict[str, Any]], None], field: str) -> None:
    body = raw()
    spoil(body)
    assert field in refusal(body)


@pytest.mark.parametrize("body", [None, [], "policy", 7])
def test_what_is_no_policy_at_all_is_refused(body: object) -> None:
    assert refusal(body) == {"": "A policy is an object with a title and criteria."}


def test_all_problems_are_told_at_once() -> None:
    body = raw(threshold="x", level=7, evidence={"metric": "vibes"})
    body["title"] = ""
    assert set(refusal(body)) == {"title", "criteria[0].threshold", "criteria[0].evidence.metric"}


@pytest.mark.parametrize(
    "changed", [{"threshold": "90%"}, {"rule": "hoped"}, {"evidence": {"metric": "vibes"}}, {"colour": "red"}]
)
def test_the_schema_refuses_what_the_reader_refuses(changed: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(schema()).is_valid(raw(**changed))
    assert jsonschema.Draft202012Validator(schema()).is_valid(raw())


def test_a_live_test_may_be_asked_for_any_metric_of_its_plan() -> None:
    asked = {"layer": "live", "metric": "escalation_rate", "live_test": "support-bot", "role": ""}
    body = raw(evidence=asked)
    assert Policy.from_dict(body).criteria[0].evidence.metric == "escalation_rate"
    jsonschema.validate(body, schema())
