"""The four verdicts of the shipped example: what the gate answers, and why, as a reader finds them."""

import io
from collections import Counter
from pathlib import Path

import orjson
import pytest
from django.core.management import call_command

from experiments.models import (
    Decision,
    EvidenceSnapshot,
    Experiment,
    HookDelivery,
    RegisteredPolicy,
    RunComparison,
    VerdictChange,
)
from experiments.services import decisions, demo, demo_live, demo_verdicts

DEMO = Path(__file__).resolve().parents[2] / "experiments" / "demo"
QUEUES = {"billing", "access", "defect", "question", "cancellation", "privacy"}


@pytest.fixture
def without_live_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs are tests of their own."""
    monkeypatch.setattr(demo_live, "EXAMPLES", ())


def gate(name: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("gate", name, stdout=out)
    except SystemExit as left:
        return int(left.code or 0), out.getvalue()
    return 0, out.getvalue()


def rows() -> list[int]:
    kept = (Experiment, RegisteredPolicy, RunComparison, EvidenceSnapshot, VerdictChange, Decision, HookDelivery)
    return [model._default_manager.count() for model in kept]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("without_live_tests")
def test_the_gate_gives_each_verdict_for_the_reason_a_reader_is_told_and_loading_twice_makes_nothing_new() -> None:
    call_command("load_demo")
    whole = rows()
    call_command("load_demo")
    assert rows() == whole
    go, no_go, open_, invalid = (
        gate(name)
        for name in (demo_verdicts.GO.name, demo_verdicts.NO_GO.name, demo.EXPERIMENT, demo_verdicts.INVALID.name)
    )
    assert [one[0] for one in (go, no_go, open_, invalid)] == [0, 2, 3, 4]
    assert go[1].startswith("GO: All four criteria are met.")
    assert no_go[1].startswith("NO-GO: Adversarial pass rate: 55.0%")
    assert open_[1].startswith("INCONCLUSIVE: ")
    assert "Reviewers prefer it [undecided]" in open_[1]
    assert invalid[1].startswith("INVALID: ")
    assert "candidate 13 of 144 (9.0%). At most 1.0% are allowed" in invalid[1]
    # On the target suite alone each of the three would ship, which is why it is not looked at alone.
    assert all("Point rule: SHIP" in one[1] for one in (go, no_go, invalid))
    assert all(one.evidence == {"open": []} for one in RegisteredPolicy.objects.all())
    signed = Decision.objects.select_related("experiment").order_by("signed_at")
    assert [(one.experiment.name, one.verdict, one.computed_verdict, bool(one.override_reason)) for one in signed] == [
        (demo_verdicts.GO.name, "GO", "GO", False),
        (demo_verdicts.NO_GO.name, "GO", "NO-GO", True),
    ]
    assert all(decisions.recompute(one).is_same for one in signed)


def read(name: str) -> list[dict[str, str]]:
    return [orjson.loads(line) for line in (DEMO / name).read_bytes().splitlines()]


@pytest.mark.parametrize(("files", "n", "models"), [("routing_suite", 144, 4), ("steering_suite", 60, 3)])
def test_every_model_answered_every_case_once_and_no_message_stands_twice(files: str, n: int, models: int) -> None:
    cases = read(f"{files}.jsonl")
    ids = [case["id"] for case in cases]
    assert len(set(ids)) == len(cases) == n
    assert len({orjson.dumps(case["messages"]) for case in cases}) == n
    assert set(Counter(case["expected"] for case in cases).values()) == {n // len(QUEUES)}
    assert {case["expected"] for case in cases} == QUEUES
    answers = sorted(DEMO.glob(f"{files}_*.jsonl"))
    assert len(answers) == models
    assert all([row["id"] for row in read(path.name)] == ids for path in answers)
