"""What is new since the last visit."""

from dataclasses import replace

from experiments.reports.dashboard.since import moves, remembered
from experiments.reports.evidence.page import Dashboard, HealthRow
from tests.dashboard.shown import criterion, dashboard, layers, target, unblinding
from tests.factories.platform_ import make_user

BROKEN = HealthRow(key="errors", title="Errors", status="failed", detail="2.4% ended in an error.")
SOUND = HealthRow(key="errors", title="Errors", status="ok", detail="0.2% ended in an error.")


def told(before: Dashboard, now: Dashboard, **numbers: int) -> list[tuple[str, str]]:
    return [(one.words, one.sentence) for one in moves(remembered(before), now, **numbers)]


def test_the_first_visit_has_no_news() -> None:
    assert moves({}, dashboard()) == []


def test_nothing_moved_is_no_news() -> None:
    assert told(dashboard(), dashboard()) == []


def test_another_verdict_is_told_first() -> None:
    now = dashboard(verdict="GO", criteria=(target(), criterion(status="met", estimate=0.62, n=720)))
    found = told(dashboard(), now)
    assert found[0] == ("GO", "The verdict was INCONCLUSIVE.")
    assert found[1] == (
        "met",
        "Reviewers prefer it ≥ 60%: was undecided, 58.4% then, 62.0% now, 108 more judgments.",
    )


def test_a_number_that_reads_the_same_has_not_moved() -> None:
    assert told(dashboard(), dashboard(criteria=(target(estimate=0.08104), criterion()))) == []


def test_an_amended_policy_and_a_decision_are_told() -> None:
    found = told(dashboard(), dashboard(), policy=2, decision=1)
    assert found == [("policy", "The policy was amended: it is number 2."), ("signed", "Decision 1 was signed.")]


def test_the_first_registration_is_no_amendment() -> None:
    assert told(dashboard(), dashboard(), policy=1) == [("policy", "Policy 1 was registered.")]


def test_a_note_on_the_record_is_told(db: None) -> None:
    now = dashboard(unblindings=(unblinding(make_user(username="ada")),))
    assert told(dashboard(), now) == [("on record", "1 note was added to the record.")]


def test_a_failing_check_and_a_mended_one_are_told() -> None:
    sound, broken = dashboard(health=(SOUND,)), dashboard(health=(BROKEN,))
    assert told(sound, broken) == [("health", "Errors fails: 2.4% ended in an error.")]
    assert told(broken, sound) == [("health", "Mended: Errors.")]


def test_a_new_criterion_is_told_as_new() -> None:
    now = dashboard(criteria=(target(), target(key="general", title="General")))
    assert told(dashboard(criteria=(target(),)), now) == [("met", "General: a new criterion.")]


def test_a_layer_that_has_come_in_is_told() -> None:
    done = tuple(replace(one, state="final") for one in layers())
    assert told(dashboard(layers=layers()[:2]), dashboard(layers=done[:2])) == [
        ("Human review", "All its evidence is in.")
    ]
