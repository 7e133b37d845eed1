"""A signed decision as it was frozen: its criteria, and which decision is in force now."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from experiments.go_no_go import CriterionResult, Evidence
from experiments.models import Decision
from experiments.policy import Policy
from experiments.reports.dashboard.bars import bar_of
from experiments.reports.dashboard.page import Row, criteria_words, tone_of
from experiments.reports.evidence.plain import built
from experiments.reports.evidence.rows import rows


@dataclass(frozen=True)
class SignedPage:
    decision: Decision
    newest: Decision

    @property
    def is_superseded(self) -> bool:
        return self.newest.number > self.decision.number

    @property
    def is_overridden(self) -> bool:
        return self.decision.verdict != self.decision.computed_verdict

    @property
    def tone(self) -> str:
        return tone_of(self.decision.verdict)

    @cached_property
    def verdict(self) -> Mapping[str, Any]:
        found: dict[str, Any] = orjson.loads(self.decision.verdict_text)
        return found

    @cached_property
    def rows(self) -> list[Row]:
        """From the frozen bytes alone: what was signed is shown, whatever has been computed since."""
        policy = Policy.from_dict(orjson.loads(self.decision.policy.text))
        known = Evidence.from_dict(orjson.loads(self.decision.evidence_text)).observations
        results = [built(CriterionResult, one) for one in self.verdict["criteria"]]
        return [Row(one, bar_of(one)) for one in rows(policy.criteria, results, known)]

    @property
    def met_words(self) -> str:
        return criteria_words(self.rows)


def pretty(text: str) -> str:
    """Canonical JSON for a reader: the same values, a line each."""
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
