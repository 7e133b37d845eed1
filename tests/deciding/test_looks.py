"""What is looked at on the way: the interval may hold at every look, the estimate never does."""

from dataclasses import replace

import pytest

from experiments.deciding.presets import LIVE_GUARDRAILS, LIVE_PRIMARY, PREFERENCE
from experiments.go_no_go import Part
from experiments.policy import EvidenceRef
from tests.deciding.deciding import BENCHMARK, GAIN, criterion, judged, observed, policy

ON_THE_WAY = {"state": "growing", "anytime": True}


@pytest.mark.parametrize("estimate", [0.03, -0.03])
def test_the_estimate_of_a_look_decides_nothing(estimate: float) -> None:
    """Forty units of a running sequence: 3 points up or down, and anything from -20 to +26 may be true."""
    asked = replace(LIVE_PRIMARY, rule="observed")
    found = observed(estimate, estimate - 0.23, estimate + 0.23, **{**ON_THE_WAY, "n": 40})
    assert judged(asked, found).status == "undecided"
    assert "decides nothing before it is complete" in judged(asked, found).sentence
    assert judged(asked, replace(found, state="final")).status != "undecided"


def test_nor_do_those_of_guardrails() -> None:
    part = Part(name="Latency", estimate=0.01, ci_low=-0.2, ci_high=0.2, n=40, threshold=-0.02, direction="at_least")
    found = observed(0.01, -0.2, 0.2, **{**ON_THE_WAY, "parts": (part,)})
    assert judged(replace(LIVE_GUARDRAILS, rule="observed"), found).status == "undecided"


def test_the_interval_of_a_look_decides_where_it_holds_at_every_look() -> None:
    assert judged(LIVE_PRIMARY, observed(0.05, 0.01, 0.09, **ON_THE_WAY)).status == "met"
    assert judged(LIVE_PRIMARY, observed(-0.05, -0.09, -0.01, **ON_THE_WAY)).status == "not_met"


def test_a_lenient_bound_leaves_the_threshold_to_the_estimate_and_so_waits_for_the_end() -> None:
    found = observed(0.62, 0.52, 0.72, **ON_THE_WAY)
    on_the_way = judged(PREFERENCE, found)
    assert (on_the_way.status, on_the_way.shown_beyond) == ("undecided", 0.5)
    assert on_the_way.sentence.endswith("only an interval beyond the threshold itself decides.")
    assert judged(PREFERENCE, replace(found, state="final")).status == "met"
    assert judged(PREFERENCE, observed(0.7, 0.61, 0.79, **ON_THE_WAY)).status == "met"


def test_an_interval_for_every_look_is_widened_to_another_level_and_never_narrowed() -> None:
    found = observed(0.95, 0.89, 0.99, **ON_THE_WAY)
    kept = judged(criterion(level=0.8), found)
    assert (kept.ci_low, kept.ci_high, kept.status) == (0.89, 0.99, "undecided")
    assert kept.warnings == ("The interval was given at 95% and holds at every look: it is not narrowed to 80%.",)
    assert judged(criterion(level=0.8), replace(found, state="final", anytime=False)).status == "met"
    assert (judged(criterion(level=0.99), found).ci_low or 1) < 0.89


@pytest.mark.parametrize(
    "other",
    [
        {"evidence": replace(GAIN, metric="latency_p50"), "unit": "ms", "direction": "at_most", "threshold": 100.0},
        {"evidence": replace(GAIN, metric="error_share"), "direction": "at_most", "threshold": 0.01},
        {"evidence": replace(GAIN, metric="schema_compliance"), "threshold": 0.01},
        {"evidence": GAIN, "unit": "number", "threshold": 1.0},
        {"evidence": GAIN, "direction": "at_most", "threshold": 0.5},
    ],
)
def test_the_point_rule_looks_at_a_gain_only(other: dict[str, object]) -> None:
    first = criterion(key="first", comparison="points", **other)
    gain = criterion(key="gain", evidence=GAIN, comparison="points", threshold=0.02)
    assert policy(first, gain).improvement == gain
    assert policy(first).improvement.key == "improvement"


def test_cases_of_few_clusters_show_what_so_few_cases_could() -> None:
    """A hundred cases of two documents prove what two cases would, however narrow an interval fell out."""
    asked = criterion(evidence=replace(BENCHMARK, role="structured"), threshold=1.0, shown_beyond=0.95)
    found = observed(1.0, 0.96, 1.0, n=100, method="Wilson interval")
    assert judged(asked, found).status == "met"
    few = judged(asked, replace(found, n_independent=2))
    assert few.status == "undecided"
    assert "clusters" in few.n_min_sentence
    assert few.n_more == 3600  # 73 clusters of 50 cases each


def test_a_part_without_a_number_keeps_the_rest_from_being_enough() -> None:
    parts = (Part(name="kept", estimate=0.0, ci_low=-0.01, ci_high=0.01, n=200), Part(name="never scored"))
    asked = criterion(
        evidence=EvidenceRef(layer="benchmark", metric="value", category="*"), comparison="points", threshold=-0.05
    )
    found = judged(asked, observed(0.0, -0.01, 0.01, parts=parts))
    assert (found.status, found.n_more) == ("undecided", None)
    assert found.sentence == "Of never scored, one of 2, there is no number yet, and each must meet it."
