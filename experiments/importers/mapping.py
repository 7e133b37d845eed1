"""Which column holds what: aliases, suggestions, and what must be asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

SECOND = "2:"
"""Columns of the second of two joined files are named with this before them."""

ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "item_id", "question_id", "prompt_id", "uid"),
    "prompt": ("prompt", "instruction", "input", "question", "messages"),
    "baseline": ("baseline", "baseline_output", "baseline_response"),
    "candidate": ("candidate", "candidate_output", "candidate_response", "finetuned"),
    "baseline_name": ("baseline_name", "baseline_model"),
    "candidate_name": ("candidate_name", "candidate_model"),
    "expected": ("expected", "reference", "target", "ideal"),
    "category": ("category",),
    "tags": ("tags",),
    "cluster": ("cluster",),
    "system": ("system",),
    "gold": ("gold",),
}
# Two responses side by side whose names do not say which is the baseline. That is asked, never guessed.
SIDES: tuple[tuple[str, str], ...] = (
    ("response_a", "response_b"),
    ("response1", "response2"),
    ("response_1", "response_2"),
    ("answer1", "answer2"),
    ("answer_1", "answer_2"),
    ("answer_a", "answer_b"),
    ("output_1", "output_2"),
    ("output1", "output2"),
    ("output_a", "output_b"),
)
SIDE_NAMES: tuple[tuple[str, str], ...] = (
    ("model_a", "model_b"),
    ("model_1", "model_2"),
    ("model1", "model2"),
    ("generator_1", "generator_2"),
)
# In a file that holds one model's outputs only.
RESPONSE = ("response", "output", "answer", "completion", "prediction", "generation", "text", "messages")
RESPONSE_NAME = ("generator", "model", "model_id", "model_name")


@dataclass(frozen=True)
class Mapping:
    """Column names by field; empty where a field has no column."""

    id: str = ""
    second_id: str = ""
    prompt: str = ""
    baseline: str = ""
    candidate: str = ""
    baseline_name: str = ""
    candidate_name: str = ""
    expected: str = ""
    category: str = ""
    tags: str = ""
    cluster: str = ""
    system: str = ""
    gold: str = ""
    metadata: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Fields that must have a column before anything can be read."""
        needed = [name for name in ("prompt", "baseline", "candidate") if not getattr(self, name)]
        return needed + (["second_id"] if self.id and self.is_joined and not self.second_id else [])

    @property
    def is_joined(self) -> bool:
        return self.candidate.startswith(SECOND)

    def columns(self) -> list[str]:
        single = [getattr(self, field.name) for field in fields(self) if field.name != "metadata"]
        return [name for name in [*single, *self.metadata] if name]


def suggest(columns: Sequence[str], *, chosen: dict[str, str] | None = None) -> Mapping:
    """The mapping the aliases give, with the user's choices on top. A chosen empty name means "no column"."""
    chosen = dict(chosen or {})
    found: dict[str, Any] = {name: first(columns, aliases) for name, aliases in ALIASES.items()}
    mapping = Mapping(**found)
    if any(name.startswith(SECOND) for name in columns):
        mapping = joined(columns, mapping)
    picked: dict[str, Any] = {name: column for name, column in chosen.items() if name != "metadata"}
    mapping = replace(mapping, **picked)
    mapping = by_elimination(columns, mapping, chosen)
    named = (name for name in columns if name == "metadata" or name.startswith("metadata."))
    return replace(mapping, metadata=tuple(named))


def first(columns: Iterable[str], aliases: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in reversed(list(columns))}
    return next((by_lower[alias] for alias in aliases if alias in by_lower), "")


def joined(columns: Sequence[str], mapping: Mapping) -> Mapping:
    """Two files: the first holds the baseline's outputs, the second the candidate's, as the user was told."""
    one = [name for name in columns if not name.startswith(SECOND)]
    two = [name.removeprefix(SECOND) for name in columns if name.startswith(SECOND)]

    def in_second(aliases: Sequence[str]) -> str:
        found = first(two, aliases)
        return found and SECOND + found

    second_id = in_second(ALIASES["id"]) if mapping.id else ""
    optional: dict[str, Any] = {
        name: getattr(mapping, name) or in_second(ALIASES[name])
        for name in ("prompt", "expected", "category", "tags", "cluster", "system", "gold")
    }
    return replace(
        mapping,
        **optional,
        id=mapping.id if second_id else "",
        second_id=second_id,
        baseline=first(one, (*ALIASES["baseline"], *RESPONSE)),
        candidate=in_second((*ALIASES["candidate"], *ALIASES["baseline"], *RESPONSE)),
        baseline_name=first(one, RESPONSE_NAME),
        candidate_name=in_second(RESPONSE_NAME),
    )


def by_elimination(columns: Sequence[str], mapping: Mapping, chosen: dict[str, str]) -> Mapping:
    """Once one side is chosen, the other side and the columns with their models' names follow."""
    lower = {name.lower(): name for name in columns}
    for pair in SIDES:
        names = [lower.get(side, "") for side in pair]
        if not all(names):
            continue
        if mapping.baseline in names and not mapping.candidate:
            mapping = replace(mapping, candidate=names[1 - names.index(mapping.baseline)])
        elif mapping.candidate in names and not mapping.baseline:
            mapping = replace(mapping, baseline=names[1 - names.index(mapping.candidate)])
        if mapping.baseline in names and mapping.candidate in names:
            mapping = with_side_names(lower, mapping, turned=mapping.baseline == names[1], chosen=chosen)
    return mapping


def with_side_names(lower: dict[str, str], mapping: Mapping, *, turned: bool, chosen: dict[str, str]) -> Mapping:
    for pair in SIDE_NAMES:
        found = [lower.get(side, "") for side in (reversed(pair) if turned else pair)]
        if all(found) and not {"baseline_name", "candidate_name"} & chosen.keys():
            return replace(mapping, baseline_name=found[0], candidate_name=found[1])
    return mapping


def sides_to_ask_about(columns: Sequence[str]) -> tuple[str, str] | None:
    """Two responses of which only the user can say which is the baseline."""
    lower = {name.lower(): name for name in columns}
    return next(((lower[a], lower[b]) for a, b in SIDES if a in lower and b in lower), None)


def unused_prompts(columns: Sequence[str], mapping: Mapping) -> list[str]:
    """Columns that could have been the prompt too: leaving one out silently could cut the question in half."""
    used = set(mapping.columns())
    own = [name for name in columns if not name.startswith(SECOND)]
    return [name for name in own if name.lower() in ALIASES["prompt"] and name not in used]


def is_alias(column: str) -> bool:
    """Whether a column of this name would have been read, had it been seen in time."""
    return column.startswith("metadata") or any(column.lower() in aliases for aliases in ALIASES.values())
