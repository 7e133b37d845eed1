"""GO, NO-GO, INCONCLUSIVE and INVALID, each with its reason; and the point rule beside them."""

import pytest

from experiments.go_no_go import Evidence, Health, Observation, decide
from experiments.policy import HEALTH_CHECKS
from tests.deciding.deciding import GAIN, criterion, observed, policy

MET, NOT_MET, UNDECIDED = observed(), observed(0.8, 0.75, 0.85), observed(0.9, 0.86, 0.94)
TWO = policy(criterion(), criterion(key="other", title="Exact match"))


def test_all_met_is_go() -> None:
    verdict = decide(TWO, Evidence(observations={"pass_rate": MET, "other": MET}))
    assert (verdict.verdict, verdict.reason) == ("GO", "Both criteria are met.")


def test_one_that_is_shown_to_fail_is_no_go_and_says_which() -> None:
    verdict = decide(TWO, Evidence(observations={"pass_rate": MET, "other": NOT_MET}))
    assert verdict.verdict == "NO-GO"
    assert verdict.reason == "Exact match: 80.0%, 95% interval 75.0% to 85.0%: at least 90% is ruled out."


@pytest.mark.parametrize("found", [{"pass_rate": MET, "other": UNDECIDED}, {"pass_rate": MET}, {}])
def test_what_is_open_or_missing_is_inconclusive(found: dict[str, Observation]) -> None:
    verdict = decide(TWO, Evidence(observations=found))
    assert verdict.verdict == "INCONCLUSIVE"
    assert verdict.reason.startswith("One of two criteria is met." if found else "None of two criteria is met.")


def test_a_failure_counts_more_than_what_is_open() -> None:
    assert decide(TWO, Evidence(observations={"other": NOT_MET})).verdict == "NO-GO"


def test_what_is_not_required_is_told_and_has_no_say() -> None:
    asked = policy(criterion(), criterion(key="kappa", required=False))
    verdict = decide(asked, Evidence(observations={"pass_rate": MET, "kappa": NOT_MET}))
    assert verdict.verdict == "GO"
    assert [one.status for one in verdict.criteria] == ["met", "not_met"]


def test_where_no_criterion_has_a_say_nothing_is_decided() -> None:
    verdict = decide(policy(criterion(required=False)), Evidence(observations={"pass_rate": MET}))
    assert (verdict.verdict, verdict.reason) == ("INCONCLUSIVE", "No criterion has a say in the verdict.")


@pytest.mark.parametrize("key", list(HEALTH_CHECKS))
def test_each_failed_check_makes_it_invalid_unless_the_policy_ignores_it(key: str) -> None:
    failed = Health(key=key, title=HEALTH_CHECKS[key], ok=False, detail="Suite general v2: 3.1% errors")
    evidence = Evidence(observations={"pass_rate": MET}, health=(failed,))
    verdict = decide(policy(), evidence)
    assert verdict.verdict == "INVALID"
    assert verdict.reason == f"{HEALTH_CHECKS[key]}: Suite general v2: 3.1% errors."
    ignored = decide(policy(ignored_health=(key,)), evidence)
    assert ignored.verdict == "GO"
    assert [(one.key, one.counts) for one in ignored.health_failures] == [(key, False)]


def test_invalid_data_come_before_a_failure() -> None:
    failed = Health(key="srm", title="The arms are not split as planned", ok=False)
    assert decide(policy(), Evidence(observations={"pass_rate": NOT_MET}, health=(failed,))).verdict == "INVALID"


@pytest.mark.parametrize("ok", [True, None])
def test_a_check_that_passed_or_was_not_made_changes_nothing(ok: bool | None) -> None:
    check = Health(key="srm", title="The arms are not split as planned", ok=ok)
    assert decide(policy(), Evidence(observations={"pass_rate": MET}, health=(check,))).verdict == "GO"


def test_an_unknown_check_that_failed_counts() -> None:
    failed = Health(key="of_tomorrow", title="Something new", ok=False)
    assert decide(policy(), Evidence(observations={"pass_rate": MET}, health=(failed,))).verdict == "INVALID"


@pytest.mark.parametrize(("gain", "told"), [(0.05, "SHIP"), (0.049, "ITERATE"), (None, "NO EVIDENCE")])
def test_the_point_rule_stands_beside_the_verdict(gain: float | None, told: str) -> None:
    asked = policy(criterion(key="gain", evidence=GAIN, comparison="points", threshold=0.02))
    verdict = decide(asked, Evidence(observations={"gain": observed(gain, -0.2, 0.3)}))
    assert verdict.point_rule.verdict == told
    assert verdict.verdict == "INCONCLUSIVE"


def test_the_point_rule_has_its_own_evidence_where_no_criterion_asks_for_the_gain() -> None:
    asked = policy()
    assert [one.key for one in asked.asked] == ["pass_rate", "improvement"]
    verdict = decide(asked, Evidence(observations={"improvement": observed(0.08, 0.01, 0.2)}))
    assert verdict.point_rule.verdict == "SHIP"
    assert "+8.0 pts reaches +5 pts" in verdict.point_rule.sentence


def test_a_hidden_gain_is_not_told_by_the_point_rule() -> None:
    hidden = observed(0.08, state="hidden", why_none="Hidden until both runs are done.")
    verdict = decide(policy(), Evidence(observations={"improvement": hidden}))
    assert (verdict.point_rule.verdict, verdict.point_rule.sentence) == (
        "NO EVIDENCE",
        "Hidden until both runs are done.",
    )
