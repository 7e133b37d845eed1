"""Dashboards as a worker would have kept them, whose every default is valid."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from evalsite.platform.models import User
from experiments.models import EvidenceSnapshot, Experiment, RegisteredPolicy
from experiments.reports.evidence.page import (
    Act,
    Change,
    Criterion,
    Dashboard,
    Figure,
    Fragile,
    HealthRow,
    Layer,
    Link,
    PointRule,
    Policy,
    Running,
)
from tests.factories.platform_ import NOW

HASH = "9f2c41" + "0" * 58


def make_policy(experiment: Experiment, *, number: int = 1, **fields: Any) -> RegisteredPolicy:
    values = {"token": uuid4(), "text": "{}", "sha256": HASH, "registered_at": NOW}
    return RegisteredPolicy.objects.create(experiment=experiment, number=number, **{**values, **fields})


def make_snapshot(experiment: Experiment, shown: Dashboard | None = None, **fields: Any) -> EvidenceSnapshot:
    shown = shown or dashboard()
    values = {
        "payload": shown.to_dict(),
        "text": "{}",
        "sha256": HASH,
        "source": HASH,
        "verdict": shown.verdict,
        "reason": shown.reason,
        "computed_at": shown.computed_at,
    }
    found, _ = EvidenceSnapshot.objects.update_or_create(experiment=experiment, defaults={**values, **fields})
    return found


def criterion(**changes: Any) -> Criterion:
    """Of 612 judgments 58.4% prefer the candidate, and 60% were asked."""
    values: dict[str, Any] = {
        "key": "preference",
        "title": "Reviewers prefer it ≥ 60%",
        "layer": "human",
        "status": "undecided",
        "sentence": "58.4% (53.9 to 62.8%): 60% is neither shown nor ruled out. "
        "About 410 more judgments would settle it.",
        "estimate": 0.584,
        "ci_low": 0.539,
        "ci_high": 0.628,
        "threshold": 0.6,
        "threshold_words": "at least 60%",
        "shown_beyond": 0.5,
        "margin": -0.016,
        "n": 612,
        "n_unit": "judgments",
        "n_more": 410,
        "n_min": 5,
        "n_min_sentence": "5 of 5 judgments would show more than 50%.",
        "method": "two-way clustered by pair and reviewer",
        "state": "growing",
        "sources": (Link(label="204 pairs", url="/experiments/1/pairs/"),),
    }
    return Criterion(**{**values, **changes})


def target(**changes: Any) -> Criterion:
    values: dict[str, Any] = {
        "key": "target",
        "title": "Target task improves ≥ 5 points",
        "layer": "benchmark",
        "status": "met",
        "sentence": "+8.1 points (+5.6 to +10.7): at least 5 points are shown.",
        "estimate": 0.081,
        "ci_low": 0.056,
        "ci_high": 0.107,
        "unit": "points",
        "threshold": 0.05,
        "threshold_words": "at least +5 points",
        "shown_beyond": None,
        "margin": 0.031,
        "n": 480,
        "n_unit": "cases",
        "n_more": None,
        "n_min_sentence": "",
        "method": "paired difference, Newcombe's method 10",
        "baseline": 0.71,
        "candidate": 0.791,
        "state": "final",
        "sources": (
            Link(label="Comparison", url="/comparisons/"),
            Link(label="14 worse", url="/comparisons/?kind=worse"),
            Link(label="53 better", url="/comparisons/?kind=better"),
        ),
    }
    return criterion(**{**values, **changes})


def latency(**changes: Any) -> Criterion:
    values: dict[str, Any] = {
        "key": "latency",
        "title": "p99 latency ≤ 2 × baseline",
        "estimate": 1.1,
        "ci_low": 1.02,
        "ci_high": 1.31,
        "unit": "ratio",
        "threshold": 2.0,
        "threshold_words": "at most 2 ×",
        "direction": "at_most",
        "sentence": "1.10 × (1.02 to 1.31): at most 2 × is shown.",
        "margin": 0.9,
        "baseline": 1820.0,
        "candidate": 2002.0,
        "arm_unit": "count",
        "method": "ratio of quantiles, bootstrap over cases",
    }
    return target(**{**values, **changes})


def layers() -> tuple[Layer, ...]:
    return (
        Layer(
            key="benchmarks",
            title="Benchmarks",
            state="final",
            sentence="exact match on the target suite, 71.0% → 79.1%; 14 answers got worse, 53 better",
            headline=Figure(label="exact match", unit="points", estimate=0.081, ci_low=0.056, ci_high=0.107, n=480),
            figures=(
                Figure(label="General ability", unit="points", estimate=-0.012, ci_low=-0.03, ci_high=0.006, n=1000),
                Figure(label="Adversarial", estimate=0.963, ci_low=0.932, ci_high=0.98, n=240),
            ),
            url="/comparisons/",
            links=(Link(label="Comparison of the target suite", url="/comparisons/"),),
        ),
        Layer(
            key="human",
            title="Human review",
            state="growing",
            sentence="κ .71 (.64 to .78), 3 reviewers a pair; no position bias",
            headline=Figure(label="prefer the candidate", estimate=0.584, ci_low=0.539, ci_high=0.628, n=612),
            split=(300, 116, 0, 196),
            url="/experiments/1/pairs/",
        ),
        Layer(key="live", title="Live test", state="none", sentence="", why_none="No live test belongs to it yet."),
    )


def dashboard(**changes: Any) -> Dashboard:
    """Two of three criteria are met, the third is open: INCONCLUSIVE."""
    at: datetime = changes.pop("at", NOW)
    values: dict[str, Any] = {
        "verdict": "INCONCLUSIVE",
        "reason": "2 of 3 criteria are met. Human preference is 58.4%, interval 53.9 to 62.8%, so 60% is neither shown "
        "nor ruled out. About 410 more judgments would settle it.",
        "computed_at": at,
        "point_rule": PointRule(verdict="SHIP", sentence="+8.1 points reach the improvement threshold of 5 points."),
        "policy": Policy(number=1, title="Support bot", sha256=HASH, registered_at=at, registered_by="ada"),
        "criteria": (target(), criterion(), latency()),
        "layers": layers(),
        "running": (
            Running(
                what="First round of review",
                layer="human",
                done=612,
                total=720,
                unit="judgments",
                enough_when="All registered judgments are in at 720.",
                eta_at=at + timedelta(hours=2),
                url="/experiments/1/pairs/",
            ),
        ),
        "fragility": (
            fragile(),
            fragile(leave_out="category billing", kind="category", estimate=0.601, status="met", verdict="GO"),
        ),
        "fragility_sentence": "Without category billing the verdict would be GO.",
        "health": (
            HealthRow(key="errors", title="Errors", status="ok", detail="0.2% of 1,720 cases ended in an error."),
            HealthRow(key="pairs", title="Missing pairs", status="ok", detail="Both models answered every case."),
        ),
        "changes": (Change(at=at, sentence="2 of 3 criteria are met.", verdict="INCONCLUSIVE"),),
        "data_sha256": "d" * 64,
        "evidence_sha256": HASH,
    }
    return Dashboard(**{**values, **changes})


def fragile(**changes: Any) -> Fragile:
    values: dict[str, Any] = {
        "leave_out": "reviewer 3",
        "kind": "reviewer",
        "criterion": "preference",
        "criterion_title": "Reviewers prefer it ≥ 60%",
        "estimate": 0.569,
        "estimate_before": 0.584,
        "unit": "percent",
        "status": "undecided",
        "verdict": "INCONCLUSIVE",
        "changes_verdict": False,
    }
    found = {**values, **changes}
    return Fragile(**{**found, "changes_verdict": found["verdict"] != "INCONCLUSIVE"})


def unblinding(by: User, at: datetime = NOW) -> Act:
    return Act(
        kind="unblinding", what="First round at 240 of 720 judgments", reason="Board meeting.", by=by.username, at=at
    )
