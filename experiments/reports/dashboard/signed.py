"""A signed decision as it was frozen: all from its own report, whatever has been computed since."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import orjson

from experiments.models import Decision
from experiments.reports.dashboard.bars import bar_of
from experiments.reports.dashboard.page import (
    FragileLine,
    HealthLine,
    LayerCard,
    Row,
    criteria_words,
    tone_of,
)
from experiments.reports.evidence.page import Act, Criterion, Fragile, HealthRow, Layer, Running
from experiments.reports.evidence.plain import built


@dataclass(frozen=True)
class Acts:
    """What was put on record: shaped as a dashboard has it, so that one partial shows both."""

    unblindings: tuple[Act, ...]
    amendments: tuple[Act, ...]
    deviations: tuple[Act, ...]

    @property
    def any(self) -> bool:
        return bool(self.unblindings or self.amendments or self.deviations)


@dataclass(frozen=True)
class SignedPage:
    decision: Decision
    newest: Decision

    @property
    def report(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.decision.report
        return found

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
    def rows(self) -> list[Row]:
        found = (built(Criterion, one) for one in self.report["criteria"])
        return [Row(one, bar_of(one), self.parts_of(one.key)) for one in found]

    def parts_of(self, key: str) -> tuple[str, ...]:
        parts = self.report.get("parts", {}).get(key, ())
        return tuple(f"{one['name']}: {one['status'].replace('_', ' ')}, n {one['n']:,}" for one in parts)

    @property
    def met_words(self) -> str:
        return criteria_words(self.rows)

    @property
    def layers(self) -> list[LayerCard]:
        return [LayerCard(built(Layer, one)) for one in self.report["layers"]]

    @property
    def health(self) -> list[HealthLine]:
        known = {one.name for one in fields(HealthRow)}
        rows = ({name: value for name, value in one.items() if name in known} for one in self.report["health"])
        return [HealthLine(built(HealthRow, one)) for one in rows]

    @property
    def failures(self) -> list[HealthLine]:
        return [one for one in self.health if one.row.status == "failed"]

    @property
    def fragility(self) -> list[FragileLine]:
        return [FragileLine(built(Fragile, one)) for one in self.report["fragility"]["rows"]]

    @cached_property
    def acts(self) -> Acts:
        kinds = ("unblindings", "amendments", "deviations")
        return Acts(*(tuple(built(Act, one) for one in self.report[kind]) for kind in kinds))

    @property
    def running(self) -> list[Running]:
        return [built(Running, one) for one in self.report["still_running"]]


def pretty(text: str) -> str:
    """Canonical JSON for a reader: the same values, a line each."""
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()


def as_json(decision: Decision) -> bytes:
    """The report, and the frozen texts to the byte, so that anybody can recompute it elsewhere."""
    frozen = {
        "policy": decision.policy.text,
        "evidence": decision.evidence_text,
        "verdict": decision.verdict_text,
    }
    said = {"id": str(decision.pk), "report": decision.report, "frozen": frozen}
    return orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
