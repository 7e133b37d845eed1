"""A flag is a live test: evaluated by its rule, exposed by being evaluated, followed by what is tracked."""

from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.track import TrackingEventDetails

from evalsite_client import Evalsite
from evalsite_openfeature import EvalsiteProvider
from tests.clients.receiving import PLAN, Receiver, Told
from tests.clients.test_python_client import CONTROL_UNIT, QUICK, TREATED_UNIT

VARIANTS: dict[str, dict[str, Any]] = {
    "bot": {"control": "small", "treatment": "large"},
    "sized": {"control": 1, "treatment": 2},
}
TREATED, IN_CONTROL = EvaluationContext(TREATED_UNIT, {"country": "NO"}), EvaluationContext(CONTROL_UNIT)


@pytest.fixture
def site() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def flags(site: Receiver) -> Iterator[OpenFeatureClient]:
    api.set_provider(EvalsiteProvider(Evalsite(site.url, "evs_x", **QUICK), variants=VARIANTS))
    yield api.get_client()
    api.shutdown()
    api.clear_providers()


def test_a_flag_has_the_value_of_its_arm_and_its_evaluation_is_the_exposure(
    site: Receiver, flags: OpenFeatureClient
) -> None:
    found = flags.get_string_details("bot", "none", TREATED)
    assert (found.value, found.variant, found.reason) == ("large", "treatment", "SPLIT")
    assert found.flag_metadata == {"plan_sha256": PLAN["plan_sha256"]}
    assert flags.get_string_value("bot", "none", IN_CONTROL) == "small"
    api.shutdown()
    assert [(one["unit_id"], one["properties"]) for one in site.events] == [
        (TREATED_UNIT, {"country": "NO", "arm": "treatment"}),
        (CONTROL_UNIT, {"arm": "control"}),
    ]


def test_without_variants_a_boolean_says_treatment_and_a_string_the_arm(flags: OpenFeatureClient) -> None:
    assert flags.get_boolean_value("plain", default_value=False, evaluation_context=TREATED) is True
    assert flags.get_boolean_value("plain", default_value=True, evaluation_context=IN_CONTROL) is False
    assert flags.get_string_value("plain", "none", TREATED) == "treatment"


def test_numbers_come_in_the_type_asked_for(flags: OpenFeatureClient) -> None:
    assert flags.get_integer_value("sized", 0, TREATED) == 2
    value = flags.get_float_value("sized", 0.0, IN_CONTROL)
    assert (value, type(value)) == (1.0, float)
    assert flags.get_object_value("sized", {"a": 1}, TREATED) == {"a": 1}


def test_a_value_of_another_type_exposes_nobody(site: Receiver, flags: OpenFeatureClient) -> None:
    assert flags.get_integer_details("bot", 7, TREATED).error_code == ErrorCode.TYPE_MISMATCH
    api.shutdown()
    assert not site.events


def test_a_stopped_test_is_disabled(site: Receiver, flags: OpenFeatureClient) -> None:
    site.plan = Told(200, {**PLAN, "running": False})
    found = flags.get_string_details("bot", "none", TREATED)
    assert (found.value, found.reason) == ("small", "DISABLED")


@pytest.mark.parametrize(
    ("plan", "code"), [(Told(404, {}), ErrorCode.FLAG_NOT_FOUND), (Told(503, {}), ErrorCode.PROVIDER_NOT_READY)]
)
def test_without_a_rule_the_callers_default_holds(
    site: Receiver, flags: OpenFeatureClient, plan: Told, code: ErrorCode
) -> None:
    site.plan = plan
    found = flags.get_string_details("bot", "none", TREATED)
    assert (found.value, found.error_code) == ("none", code)


def test_without_a_unit_the_callers_default_holds(site: Receiver, flags: OpenFeatureClient) -> None:
    assert flags.get_boolean_details("bot", default_value=True).error_code == ErrorCode.TARGETING_KEY_MISSING
    assert not site.events


def test_a_tracked_event_goes_to_every_test_the_unit_was_evaluated_for_or_to_the_one_named(
    site: Receiver, flags: OpenFeatureClient
) -> None:
    flags.get_string_value("bot", "none", TREATED)
    flags.get_integer_value("sized", 0, TREATED)
    flags.track("done", TREATED, TrackingEventDetails(2.5, {"kind": "refund"}))
    flags.track("named", TREATED, TrackingEventDetails(attributes={"experiment": "other"}))
    flags.track("unknown unit", EvaluationContext("nobody"))
    flags.track("no unit")
    api.shutdown()
    told = [(one["experiment"], one["event"], one.get("value"), one.get("properties")) for one in site.events]
    assert told[-3:] == [
        ("bot", "done", 2.5, {"kind": "refund"}),
        ("sized", "done", 2.5, {"kind": "refund"}),
        ("other", "named", None, None),
    ]
    assert "no unit" not in {one["event"] for one in site.events}
