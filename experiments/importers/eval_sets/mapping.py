"""Which column of a file holds what of an eval set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from experiments.importers.mapping import SECOND, first

PROMPT = ("prompt", "messages", "instruction", "input", "question", "query", "problem")
ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "item_id", "question_id", "prompt_id", "task_id", "uid"),
    "prompt": PROMPT,
    "expected": (
        "expected",
        "expected_output",
        "expected_answer",
        "answer",
        "target",
        "ideal",
        "reference",
        "reference_answer",
        "output",
        "completion",
    ),
    "category": ("category",),
    "tags": ("tags",),
    "cluster": ("cluster",),
    "system": ("system", "system_prompt"),
    "accepted": ("accepted", "accepted_answers", "answers", "references"),
    "schema": ("schema", "json_schema"),
    "tools": ("tools", "functions", "function"),
    "expected_tool_calls": ("expected_tool_calls", "expected_calls", "ground_truth"),
    "must_not_match": ("must_not_match",),
    "must_not_call": ("must_not_call",),
    "response_format": ("response_format",),
}
CHECKS = ("accepted", "schema", "tools", "expected_tool_calls", "must_not_match", "must_not_call", "response_format")
TRAINING = (*PROMPT, "text")


@dataclass(frozen=True)
class CaseMapping:
    """Column names by field, empty where a field has no column. `training` is of the second file, "2:" before it."""

    id: str = ""
    prompt: str = ""
    expected: str = ""
    category: str = ""
    tags: str = ""
    cluster: str = ""
    system: str = ""
    accepted: str = ""
    schema: str = ""
    tools: str = ""
    expected_tool_calls: str = ""
    must_not_match: str = ""
    must_not_call: str = ""
    response_format: str = ""
    training: str = ""
    metadata: tuple[str, ...] = ()

    def missing(self, columns: Sequence[str]) -> list[str]:
        asked = [] if self.prompt else ["prompt"]
        has_training = any(name.startswith(SECOND) for name in columns)
        return asked + (["training"] if has_training and not self.training else [])

    def columns(self) -> list[str]:
        """Of the first file."""
        single = [getattr(self, field.name) for field in fields(self) if field.name not in ("metadata", "training")]
        return [name for name in [*single, *self.metadata] if name]


def suggest(columns: Sequence[str], chosen: Mapping[str, str]) -> CaseMapping:
    """What the aliases give, with the user's choices on top. A chosen empty name means "no column"."""
    own = [name for name in columns if not name.startswith(SECOND)]
    second = [name.removeprefix(SECOND) for name in columns if name.startswith(SECOND)]
    training = first(second, TRAINING)
    found: dict[str, Any] = {name: first(own, aliases) for name, aliases in ALIASES.items()}
    found["training"] = training and SECOND + training
    found |= {name: column for name, column in chosen.items() if name != "metadata"}
    named = tuple(name for name in own if name == "metadata" or name.startswith("metadata."))
    return CaseMapping(**found, metadata=named)


def unread(columns: Sequence[str], mapping: CaseMapping) -> list[str]:
    used = set(mapping.columns())
    return [name for name in columns if not name.startswith(SECOND) and name not in used]


def is_alias(column: str) -> bool:
    """Whether a column of this name would have been read, had it been seen in time."""
    return column.startswith("metadata") or any(column.lower() in aliases for aliases in ALIASES.values())
