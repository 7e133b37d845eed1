"""Every status of a criterion, by the point rule and by the interval rule, on their boundaries too."""

from dataclasses import replace

import pytest

from experiments.deciding.presets import OPTIONAL, USUAL
from experiments.go_no_go import Observation, Part
from experiments.policy import Criterion, EvidenceRef
from tests.deciding.deciding import criterion, judged, observed


@pytest.mark.parametrize(
    ("estimate", "low", "high", "status"),
    [
        (0.95, 0.92, 0.97, "met"),
        (0.93, 0.90, 0.96, "met"),  # the bound at the threshold is enough
        (0.93, 0.8999, 0.96, "undecided"),
        (0.87, 0.85, 0.89, "not_met"),
        (0.87, 0.84, 0.90, "undecided"),  # a bound at the threshold does not rule it out
        (0.90, 0.88, 0.92, "undecided"),
    ],
)
def test_at_least_is_shown_by_the_lower_bound(estimate: float, low: float, high: float, status: str) -> None:
    assert judged(criterion(), observed(estimate, low, high)).status == status


@pytest.mark.parametrize(
    ("estimate", "low", "high", "status"),
    [
        (1.1, 1.02, 1.31, "met"),
        (1.6, 1.3, 2.0, "met"),
        (1.6, 1.3, 2.01, "undecided"),
        (2.4, 2.1, 2.8, "not_met"),
        (2.4, 2.0, 2.8, "undecided"),
    ],
)
def test_at_most_is_shown_by_the_upper_bound(estimate: float, low: float, high: float, status: str) -> None:
    asked = criterion(comparison="ratio", direction="at_most", threshold=2.0)
    assert judged(asked, observed(estimate, low, high)).status == status


@pytest.mark.parametrize(("estimate", "status"), [(0.9, "met"), (0.8999, "not_met"), (0.95, "met")])
def test_the_point_rule_looks_at_the_estimate_alone(estimate: float, status: str) -> None:
    asked = criterion(rule="observed")
    assert judged(asked, observed(estimate, 0.1, 0.99)).status == status
    assert judged(asked, observed(estimate, None, None)).status == status


def test_differences_that_only_floating_point_tells_from_the_threshold_count_as_equal() -> None:
    asked = criterion(comparison="points", threshold=0.05, rule="observed")
    assert 0.85 - 0.80 < 0.05
    assert judged(asked, observed(0.85 - 0.80, None, None)).status == "met"


def test_sixty_of_a_hundred_is_undecided_where_it_must_be_shown_and_met_where_it_is_observed() -> None:
    human = {"key": "preference", "evidence": EvidenceRef(layer="human", metric="win_rate"), "threshold": 0.6}
    sixty = Observation(
        estimate=0.6, ci_low=0.4972, ci_high=0.6967, n=100, n_unit="judgments", successes=60, method="exact binomial"
    )
    shown = judged(criterion(**human, shown_beyond=0.5), sixty)
    assert shown.status == "undecided"
    assert shown.n_more is not None
    assert judged(criterion(**human, rule="observed"), sixty).status == "met"
    twice = Observation(estimate=0.6, ci_low=0.5286, ci_high=0.6685, n=200, n_unit="judgments", successes=120)
    assert judged(criterion(**human, shown_beyond=0.5), twice).status == "met"
    # At least 60% itself can be neither shown nor ruled out by what is exactly 60%.
    assert judged(criterion(**human), twice).status == "undecided"


def test_a_lenient_bound_does_not_excuse_an_estimate_below_the_threshold() -> None:
    asked = criterion(threshold=0.6, shown_beyond=0.5)
    assert judged(asked, observed(0.58, 0.53, 0.63)).status == "undecided"
    assert judged(asked, observed(0.55, 0.52, 0.58)).status == "not_met"


@pytest.mark.parametrize("state", ["hidden", "none"])
def test_what_is_hidden_or_missing_is_no_evidence_and_says_why(state: str) -> None:
    found = judged(criterion(), observed(state=state, why_none="Hidden until 600 judgments are in."))
    assert (found.status, found.estimate, found.ci_low) == ("no_evidence", None, None)
    assert found.sentence == "Hidden until 600 judgments are in."
    assert judged(criterion(), None).status == "no_evidence"


def test_an_estimate_without_samples_or_interval_shows_nothing() -> None:
    assert judged(criterion(), observed(n=0)).status == "no_evidence"
    assert judged(criterion(), observed(0.95, None, None)).status == "undecided"


@pytest.mark.parametrize(("low", "high"), [(0.92, 0.97), (0.5, 0.6)])
def test_what_still_grows_decides_only_where_it_may_be_read_at_any_time(low: float, high: float) -> None:
    estimate = (low + high) / 2
    growing = judged(criterion(), observed(estimate, low, high, state="growing"))
    assert growing.status == "undecided"
    assert "still being gathered" in growing.sentence
    read = judged(criterion(), observed(estimate, low, high, state="growing", anytime=True))
    assert read.status == ("met" if low > 0.9 else "not_met")


def test_an_interval_of_another_level_is_scaled_to_the_level_asked() -> None:
    asked = criterion(level=0.99)
    found = judged(asked, observed(0.95, 0.91, 0.97, level=0.95))
    assert found.status == "undecided"
    assert found.ci_low == pytest.approx(0.95 - 0.04 * 2.5758 / 1.95996, abs=1e-4)
    assert any("95%" in note and "99%" in note for note in found.warnings)
    assert judged(criterion(level=0.9), observed(0.95, 0.899, 0.97, level=0.95)).status == "met"


def test_all_parts_must_be_met_and_the_worst_is_told() -> None:
    asked = criterion(comparison="points", threshold=-0.05)
    good = Part(name="tau", estimate=0.01, ci_low=-0.02, ci_high=0.04, n=200)
    open_one = Part(name="rho", estimate=-0.03, ci_low=-0.08, ci_high=0.02, n=60)
    bad = Part(name="mu", estimate=-0.3, ci_low=-0.4, ci_high=-0.2, n=90)
    assert judged(asked, Observation(parts=(good,))).status == "met"
    undecided = judged(asked, Observation(parts=(good, open_one)))
    assert (undecided.status, undecided.n) == ("undecided", 60)
    assert "rho, the worst of 2" in undecided.sentence
    failed = judged(asked, Observation(parts=(good, open_one, bad)))
    assert (failed.status, failed.estimate) == ("not_met", -0.3)
    assert [one.name for one in failed.parts] == ["mu", "rho", "tau"]


def test_one_of_many_parts_must_fail_beyond_what_chance_among_many_would_do() -> None:
    asked = criterion(comparison="points", threshold=-0.05)
    barely = Part(name="mu", estimate=-0.12, ci_low=-0.187, ci_high=-0.053, n=90)
    fine = [Part(name=f"part {place}", estimate=0.0, ci_low=-0.02, ci_high=0.02, n=90) for place in range(19)]
    assert judged(asked, Observation(parts=(barely,))).status == "not_met"
    assert judged(asked, Observation(parts=(barely, *fine))).status == "undecided"


def test_a_guardrail_brings_its_own_threshold_and_direction() -> None:
    asked = criterion(evidence=EvidenceRef(layer="live", metric="guardrails"), threshold=0.0, unit="number")
    slow = Part(name="Latency", estimate=80.0, ci_low=60.0, ci_high=95.0, n=900, threshold=100.0, direction="at_most")
    calm = Part(name="Refunds", estimate=-0.1, ci_low=-0.2, ci_high=0.0, n=900, threshold=-0.5)
    found = judged(asked, Observation(parts=(slow, calm), n_unit="units"))
    assert found.status == "met"
    assert found.rule_words == "each within its margin"
    rate = Part(
        name="Refunds",
        estimate=0.01,
        ci_low=0.0,
        ci_high=0.015,
        n=900,
        threshold=0.02,
        direction="at_most",
        unit="share",
    )
    told = judged(asked, Observation(parts=(rate,), n_unit="units"))
    assert told.sentence.endswith("+1.0 pts, 95% interval +0.0 pts to +1.5 pts: at most 2 points higher is shown.")
    assert (told.comparison, told.unit) == ("points", "share")
    over = judged(
        asked, Observation(parts=(calm, Part(**{**vars(slow), "ci_low": 110.0, "estimate": 120.0, "ci_high": 130.0})))
    )
    assert (over.status, over.threshold, over.direction) == ("not_met", 100.0, "at_most")
    assert over.margin == -20.0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "at least 90%"),
        ({"comparison": "points", "threshold": 0.05}, "at least 5 points higher"),
        ({"comparison": "points", "threshold": -0.01}, "at most 1 point lower"),
        ({"comparison": "points", "threshold": 0.0}, "not lower than the baseline"),
        ({"comparison": "points", "direction": "at_most", "threshold": 0.0}, "not higher than the baseline"),
        ({"comparison": "relative", "direction": "at_most", "threshold": -0.1}, "at least 10% lower"),
        ({"comparison": "ratio", "direction": "at_most", "threshold": 2.0}, "at most 2 × the baseline"),
        ({"unit": "ms", "threshold": 1200.0, "direction": "at_most"}, "at most 1,200 ms"),
    ],
)
def test_the_rule_is_told_in_words(fields: dict[str, object], words: str) -> None:
    assert judged(criterion(**fields), None).rule_words == words


def test_each_result_is_told_with_its_numbers_and_its_rule() -> None:
    told = judged(criterion(), observed(0.96, 0.932, 0.98)).sentence
    assert told == "96.0%, 95% interval 93.2% to 98.0%: at least 90% is shown."
    ruled_out = judged(criterion(comparison="points", threshold=-0.05), observed(-0.12, -0.2, -0.06)).sentence
    assert ruled_out == "−12.0 pts, 95% interval −20.0 pts to −6.0 pts: at most 5 points lower is ruled out."


def an_observation_for(status: str, asked: Criterion) -> Observation:
    """Of many samples, on the good side, the bad side, or across the threshold."""
    good = 1.0 if asked.direction == "at_least" else -1.0
    if status == "no_evidence":
        return Observation(state="none", why_none="There is nothing yet.")
    if status == "met":
        # Nothing is better than 100%.
        gap = 0.0 if (asked.threshold, asked.comparison) == (1.0, "absolute") else 0.2
        centre, half = asked.threshold + good * gap, 0.001
    elif status == "not_met":
        centre, half = asked.threshold - good * 0.3, 0.1
    else:
        centre, half = asked.threshold - good * 0.01, 0.05
    return Observation(estimate=centre, ci_low=centre - half, ci_high=centre + half, n=5000)


@pytest.mark.parametrize("asked", [*USUAL, *OPTIONAL], ids=lambda one: one.key)
@pytest.mark.parametrize("status", ["met", "not_met", "undecided", "no_evidence"])
def test_every_criterion_on_offer_can_have_every_status(asked: Criterion, status: str) -> None:
    shown = replace(asked, rule="shown")
    found = judged(shown, an_observation_for(status, shown))
    assert found.status == status
    assert found.sentence
    assert found.rule_words
    observed_only = replace(asked, rule="observed", shown_beyond=None)
    told = judged(observed_only, an_observation_for(status, observed_only)).status
    assert told == ("not_met" if status == "undecided" else status)
