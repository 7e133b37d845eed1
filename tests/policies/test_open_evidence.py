"""What counts as open when a policy is registered: a direction that is told, figures that can be watched."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from annotations.models import Campaign, Seat
from experiments.deciding.presets import LIVE_GUARDRAILS, LIVE_PRIMARY, PRESETS
from experiments.models import Experiment, LiveResult
from experiments.policy import Policy
from experiments.reports.policies.fitting import Place, gaps, misfits
from experiments.reports.policies.open_evidence import open_evidence
from experiments.services.campaigns import unblinding
from tests.factories.experiments_ import make_experiment
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW
from tests.factories.results_ import judge_arms, make_lead, make_open_campaign

pytestmark = pytest.mark.django_db


def experiment_of(campaign: Campaign) -> Experiment:
    return Experiment.objects.get(plans__campaign=campaign)


def test_a_direction_counts_once_it_is_told() -> None:
    campaign = make_open_campaign()
    experiment = experiment_of(campaign)
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0]
    judge_arms(seat, ["candidate"], limit=1)
    assert open_evidence(experiment) == []
    unblinding.unblind(campaign=campaign, by=make_lead(), reason="A customer asks.", now=NOW)
    assert open_evidence(experiment) == [f"human review: the direction of “{campaign.title}”, 1 judgment"]


@pytest.mark.parametrize(("hidden", "units", "is_open"), [(False, 40, True), (True, 40, False), (False, 0, False)])
def test_figures_of_a_live_test_count_unless_they_are_hidden(hidden: bool, units: int, is_open: bool) -> None:
    experiment = make_experiment()
    test = make_live_test(experiment=experiment, name="Support bot")
    assert open_evidence(experiment) == []
    payload = {"hidden": hidden, "exposed": {"control": units, "treatment": units}}
    LiveResult.objects.create(live_test=test, payload=payload, computed_at=NOW + timedelta(hours=1))
    assert open_evidence(experiment) == (["live test: the figures of “Support bot”, 80 units"] if is_open else [])


def test_what_a_policy_asks_for_that_is_not_there_yet_is_told_without_a_look_at_the_evidence() -> None:
    experiment = make_experiment()
    found = gaps(PRESETS["strict"].policy, Place(experiment))
    assert found["human_preference"] == "The experiment has no campaign yet."
    assert found["live_primary"] == "The experiment has no live test yet."
    assert found["schema_compliance"] == "The experiment has no structured suite yet."
    assert "target_gain" not in found
    make_live_test(experiment=experiment)
    assert "live_primary" not in gaps(PRESETS["strict"].policy, Place(experiment))


def test_the_unit_of_a_live_metric_is_read_from_its_plan() -> None:
    experiment = make_experiment()
    rounds = {"key": "rounds", "title": "Rounds", "role": "secondary", "kind": "mean", "event": "round"}
    test = make_live_test(
        experiment=experiment,
        metrics=[{"key": "done", "title": "Done", "role": "primary", "kind": "rate", "event": "done"}, rounds],
    )
    place = Place(experiment)
    assert place.unit_of(test.key, "done") == place.unit_of("", "primary") == "share"
    assert place.unit_of(test.key, "rounds") == "number"
    assert place.unit_of("another", "rounds") is None
    assert place.metrics_of(test.key) == {"done", "rounds"}


def test_the_metrics_of_all_tests_are_asked_for_once(django_assert_num_queries: Any) -> None:
    experiment = make_experiment()
    tests = [make_live_test(key=key, experiment=experiment) for key in ("one", "two", "three")]
    place = Place(experiment)
    with django_assert_num_queries(2):
        for test in tests:
            assert place.unit_of(test.key, "primary") == "share"
            assert place.better("", "primary") == "higher"


def test_a_bound_against_the_direction_of_the_plan_is_asked_about() -> None:
    experiment = make_experiment()
    escalated = {"key": "escalated", "title": "Escalated", "role": "primary", "kind": "rate", "event": "escalated"}
    make_live_test(experiment=experiment, metrics=[{**escalated, "direction": "lower"}])
    found = gaps(PRESETS["strict"].policy, Place(experiment))
    assert found["live_primary"].startswith("Its plan says lower is better, and this asks at least")
    assert "live_guardrails" not in found


def test_what_a_worse_live_metric_would_meet_is_refused_once_the_plan_is_registered() -> None:
    experiment = make_experiment()
    escalated = {"key": "escalated", "title": "Escalated", "role": "primary", "kind": "rate", "event": "escalated"}
    make_live_test(experiment=experiment, metrics=[{**escalated, "direction": "lower"}])
    asked = Policy(title="Live", criteria=(LIVE_PRIMARY, LIVE_GUARDRAILS))
    [found] = misfits(asked, Place(experiment))
    assert str(found) == (
        "criteria[0].direction: The live test’s plan says lower is better of this metric: ask at most here."
    )
    turned = replace(LIVE_PRIMARY, direction="at_most")
    assert misfits(replace(asked, criteria=(turned,)), Place(experiment)) == ()
