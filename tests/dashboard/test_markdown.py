"""The report as Markdown: the same facts, and no word of anybody's means more than itself."""

import re
from typing import Any

from experiments.reports.dashboard.markdown import markdown
from experiments.reports.evidence.plain import plain
from tests.dashboard.shown import HASH, criterion, dashboard, target, unblinding
from tests.factories.platform_ import make_user


def report(**changes: Any) -> dict[str, Any]:
    """As it is frozen with a signature."""
    shown = plain(dashboard())
    decision = {
        "number": 2,
        "verdict": "GO",
        "computed_verdict": "INCONCLUSIVE",
        "is_override": True,
        "override_reason": "The season starts.",
        "comment": "Rolled out.\n\nTo all.",
        "signed_by": "ada",
        "signed_at": "2026-03-02T09:00:00+00:00",
        "reason": "2 of 3 criteria are met.",
        "meaning": "Every required criterion is met.",
    }
    models = {arm: {"name": f"{arm} 1", "content_hash": "a" * 64} for arm in ("baseline", "candidate")}
    suite = {"eval_set": "refunds v1", "role": "target", "n_cases": 480, "content_hash": "b" * 64}
    return {
        **{name: shown[name] for name in ("criteria", "layers", "health", "unblindings", "amendments", "deviations")},
        "experiment": {"id": 1, "name": "Bot", "suites": [suite], **models},
        "decision": decision,
        "point_rule": shown["point_rule"],
        "policy": {
            "number": 1,
            "title": "Support bot",
            "sha256": HASH,
            "registered_at": "2026-03-01T09:00:00+00:00",
            "registered_by": "ada",
            "amended_because": "",
            "after_evidence": ["scores of the target suite"],
        },
        "fragility": {"sentence": shown["fragility_sentence"], "rows": shown["fragility"]},
        "hashes": {
            "policy_sha256": HASH,
            "evidence_sha256": HASH,
            "verdict_sha256": HASH,
            "data_sha256": "d" * 64,
            "code_version": "0.1.0",
        },
        "evidence_computed_at": "2026-03-02T09:00:00+00:00",
        **changes,
    }


def test_it_tells_all_that_the_page_tells() -> None:
    said = markdown(report())
    for part in (
        "# Bot: decision 2, GO",
        "**Signed against the rule, which gave INCONCLUSIVE.**",
        "> The season starts.",
        "| Reviewers prefer it ≥ 60% | at least 60%, shown | 58.4% | 53.9 to 62.8% (95%) | 612 judgments | undecided |",
        "- **Benchmarks.** +8.1 pts (+5.6 to +10.7 pts).",
        "| Errors | ok | 0.2% of 1,720 cases ended in an error. |",
        "| category billing | Reviewers prefer it ≥ 60% | 58.4% | 60.1% | GO |",
        "Unblindings: none.",
        "- target suite: refunds v1, 480 cases",
        "**Registered after evidence was open:** scores of the target suite.",
    ):
        assert part in said, part


def test_each_part_of_a_criterion_is_told() -> None:
    parts = [{"name": "billing", "status": "met", "n": 1_200}, {"name": "refunds", "status": "not_met", "n": 80}]
    said = markdown(report(parts={"target": parts}))
    assert "  - billing: met, n 1,200\n  - refunds: not met, n 80\n" in said


def test_a_paragraph_of_a_comment_stays_in_its_quote() -> None:
    assert "> Rolled out.\n>\n> To all.\n" in markdown(report())


def test_words_of_others_have_no_meaning_of_their_own() -> None:
    hostile = "a | b <img src=x> [go](http://x) **now**\n# next"
    shown = plain(dashboard(criteria=(target(title=hostile), criterion())))
    said = markdown(report(criteria=shown["criteria"]))
    assert r"a \| b \<img src=x\> \[go\](http://x) \*\*now\*\* \# next" in said
    assert not re.search(r"(?<!\\)[<|]img", said)
    assert "\n# next" not in said


def test_who_unblinded_what_and_when_is_on_record(db: None) -> None:
    acts = plain(dashboard(unblindings=(unblinding(make_user(username="bea")),)))["unblindings"]
    said = markdown(report(unblindings=acts))
    line = "- First round at 240 of 720 judgments, by bea at 2026-03-02T09:00:00+00:00: Board meeting."
    assert line in said


def test_without_evidence_there_is_a_reason_and_no_number() -> None:
    bare = criterion(estimate=None, ci_low=None, ci_high=None, n=0, status="no_evidence", why_none="No campaign yet.")
    said = markdown(report(criteria=plain(dashboard(criteria=(bare,)))["criteria"]))
    assert "| – | – | – | no evidence |" in said
    assert "- Reviewers prefer it ≥ 60%: No campaign yet." in said
    assert "nan" not in said.lower()
