"""Checks of data that no criterion rests on are told and decide nothing."""

import pytest

from experiments.deciding.presets import LIVE_PRIMARY
from tests.factories.evidence_ import GAIN, add_suite, gathered, make_empty_experiment, register_policy

pytestmark = pytest.mark.django_db


def test_errors_of_a_suite_that_only_the_point_rule_looks_at_leave_the_verdict_alone() -> None:
    experiment = make_empty_experiment()
    register_policy(experiment, LIVE_PRIMARY)
    add_suite(experiment, [1.0] * 10, [1.0] * 10, errors={"3": "timeout"})
    assert gathered(experiment).verdict == "INCONCLUSIVE"
    register_policy(experiment, LIVE_PRIMARY, GAIN, reason="The benchmarks count as well.")
    assert gathered(experiment).verdict == "INVALID"
