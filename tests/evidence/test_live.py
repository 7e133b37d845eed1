"""Criteria about a live test read its computed result: hidden stays hidden, and a sequence may be read at any look."""

from dataclasses import replace
from typing import Any

import pytest

from experiments.deciding.presets import LIVE_GUARDRAILS, LIVE_PRIMARY
from experiments.go_no_go import Health, Observation
from experiments.models import LiveTest
from experiments.policy import Criterion
from experiments.reports.evidence import health, live
from experiments.reports.evidence.layers import of_live as of_layer
from experiments.reports.evidence.live import Live
from experiments.reports.live.payload import Guardrail, HealthCheck, LivePayload, MetricRow, PerArm
from tests.deciding.deciding import judged
from tests.factories.evidence_ import make_policy
from tests.factories.platform_ import NOW

PRIMARY = MetricRow(
    key="completion",
    title="Task completion",
    role="primary",
    kind="rate",
    control_n=6200,
    treatment_n=1550,
    control=0.713,
    treatment=0.789,
    difference=0.076,
    ci_low=0.052,
    ci_high=0.099,
    relative=0.1066,
    relative_low=0.073,
    relative_high=0.139,
    verdict="better",
    method="confidence sequence",
)


def a_test(*, status: str = "running", **fields: Any) -> Live:
    values: dict[str, Any] = {
        "key": "support-bot",
        "status": status,
        "method": "confidence_sequence",
        "plan_sha256": "a" * 64,
        "computed_at": NOW,
        "exposed": PerArm(control=6200, treatment=1550),
        "planned_n": 2000,
        "progress": 0.775,
        "metrics": (PRIMARY,),
    }
    return Live(
        LiveTest(pk=1, key="support-bot", name="Support bot", status=status), LivePayload(**{**values, **fields})
    )


def observed(found: Live, criterion: Criterion = LIVE_PRIMARY) -> Observation:
    return live.observe(criterion, [found])


def test_a_sequence_may_be_read_while_the_test_runs() -> None:
    found = observed(a_test())
    assert (found.estimate, found.ci_low, found.ci_high) == (0.076, 0.052, 0.099)
    assert (found.state, found.anytime) == ("growing", True)
    assert found.why_none == "It still runs: 1,550 of 2,000 users in the smaller arm."
    assert (found.n, found.n_unit, found.baseline, found.candidate) == (7750, "users", 0.713, 0.789)
    assert found.sources[0].url == "/live-tests/support-bot/"


def test_a_test_that_is_over_is_final() -> None:
    assert observed(a_test(status="stopped")).state == "final"
    assert observed(a_test(progress=1.0)).state == "final"


def test_ratio_and_relative_come_from_the_relative_interval() -> None:
    relative = observed(a_test(), replace(LIVE_PRIMARY, comparison="relative"))
    ratio = observed(a_test(), replace(LIVE_PRIMARY, comparison="ratio"))
    assert (relative.estimate, relative.ci_low) == (0.1066, 0.073)
    assert (ratio.estimate, ratio.ci_high) == pytest.approx((1.1066, 1.139))


def test_a_hidden_direction_stays_hidden() -> None:
    hidden = a_test(
        method="fixed_horizon",
        hidden=True,
        hidden_why="Hidden until 2,000 users per arm are in.",
        metrics=(replace(PRIMARY, difference=None, ci_low=None, ci_high=None, verdict="hidden"),),
    )
    found = observed(hidden)
    assert (found.state, found.estimate, found.why_none) == (
        "hidden",
        None,
        "Hidden until 2,000 users per arm are in.",
    )


def test_the_layer_tells_of_the_test_that_the_policy_names() -> None:
    """Another one that was started later, and hides its direction still, is not what is decided by."""
    older = a_test()
    newer = Live(LiveTest(pk=2, key="greeting", name="A shorter greeting", status="running"), None)
    named = replace(LIVE_PRIMARY, evidence=replace(LIVE_PRIMARY.evidence, live_test="support-bot"))
    assert of_layer([newer, older], make_policy(named)).headline == of_layer([older], None).headline
    for policy in (None, make_policy(LIVE_PRIMARY)):
        assert of_layer([newer, older], policy).url == newer.url


def test_another_metric_is_asked_for_by_its_key_and_a_wrong_one_is_told() -> None:
    criterion = replace(LIVE_PRIMARY, evidence=replace(LIVE_PRIMARY.evidence, metric="handover"))
    assert observed(a_test(), criterion).why_none == (
        "The plan of support-bot has no metric 'handover'. It has completion."
    )


def test_a_criterion_that_worse_would_meet_has_no_evidence() -> None:
    """Eight points more of the escalations, shown: that is no “not worse”."""
    escalations = replace(PRIMARY, title="Escalations", direction="lower", difference=0.08, ci_low=0.05, ci_high=0.11)
    found = observed(a_test(status="stopped", metrics=(escalations,)))
    assert (found.state, found.estimate) == ("none", None)
    assert found.why_none == (
        "The plan says lower is better of “Escalations”, and the criterion asks the opposite: amend it to ask at most."
    )
    turned = replace(LIVE_PRIMARY, direction="at_most")
    assert judged(turned, observed(a_test(status="stopped", metrics=(escalations,)), turned)).status == "not_met"


def test_the_candidates_own_figure_counts_its_own_units() -> None:
    own = replace(LIVE_PRIMARY, comparison="absolute", threshold=0.7)
    assert observed(a_test(), own).n == 1550
    assert observed(a_test()).n == 7750


def test_without_a_started_test_the_way_out_is_told() -> None:
    assert live.observe(LIVE_PRIMARY, []).why_none == (
        "A live test of this experiment has not been started: plan one and start it."
    )
    waiting = live.observe(LIVE_PRIMARY, [Live(LiveTest(key="new", name="New", status="running"), None)])
    assert (waiting.state, waiting.why_none) == ("growing", "Its first result is being computed.")


def guardrail(**fields: Any) -> Guardrail:
    values: dict[str, Any] = {
        "metric": "handover",
        "title": "Handover",
        "unit": "",
        "kind": "rate",
        "direction": "lower",
        "status": "kept",
        "margin": 0.02,
        "difference": 0.001,
        "ci_low": -0.01,
        "ci_high": 0.012,
    }
    return Guardrail(**{**values, **fields})


def test_each_guardrail_has_its_own_margin_and_the_nearest_one_gives_the_numbers() -> None:
    speed = guardrail(metric="speed", title="Speed", direction="higher", margin=1.0, difference=-0.9)
    found = observed(a_test(guardrails=(guardrail(), speed)), LIVE_GUARDRAILS)
    assert found.estimate == -0.9
    assert [(part.name, part.threshold, part.direction) for part in found.parts] == [
        ("Handover", 0.02, "at_most"),
        ("Speed", -1.0, "at_least"),
    ]
    assert observed(a_test(), LIVE_GUARDRAILS).why_none == "The plan of support-bot has no guardrail."
    watched = guardrail(difference=None, status="watched", sentence="Watched.")
    assert observed(a_test(guardrails=(watched,)), LIVE_GUARDRAILS).state == "hidden"


def test_a_guardrail_that_cannot_be_judged_is_not_hidden() -> None:
    unjudged = guardrail(difference=None, status="undefined", sentence="Too little data.")
    found = observed(a_test(guardrails=(unjudged,)), LIVE_GUARDRAILS)
    assert (found.state, found.why_none) == ("none", "Too little data.")
    hidden = a_test(guardrails=(unjudged,), hidden=True, hidden_why="Hidden for now.")
    assert observed(hidden, LIVE_GUARDRAILS).state == "hidden"


def test_a_figure_that_is_not_to_be_trusted_says_so_in_its_layer() -> None:
    spent = replace(PRIMARY, key="spent", title="Spent", role="secondary", kind="mean")
    doubted = replace(spent, key="time", title="Time", doubt="Not to be trusted: a few large values decide.")
    layer = of_layer([a_test(metrics=(PRIMARY, spent, doubted))], None)
    assert [one.label for one in layer.figures] == ["Spent", "Time, not to be trusted"]


def checks(found: Live) -> dict[str, Health]:
    return {one.key: one for one, _ in health.of_live(found)}


@pytest.mark.parametrize(("status", "ok"), [("ok", True), ("warning", True), ("failed", False), ("unknown", None)])
def test_a_split_that_is_not_as_planned_fails(status: Any, ok: bool | None) -> None:
    srm = HealthCheck(key="srm", title="Split", status=status, sentence="p = .0086.")
    assert checks(a_test(health=(srm,)))["srm"].ok is ok


def test_a_blocked_test_fails_whatever_its_checks_say() -> None:
    found = checks(a_test(blocked=True, blocked_why="Units were lost."))
    assert (found["srm"].ok, found["srm"].detail) == (False, "Units were lost.")


def test_a_fixed_horizon_that_was_opened_early_fails() -> None:
    assert checks(a_test(method="fixed_horizon", opened_early=True))["opened_early"].ok is False
    assert checks(a_test(method="fixed_horizon"))["opened_early"].ok is True
    assert "opened_early" not in checks(a_test())
