"""What is wrong with a plan, by field, and a reader of raw values that collects it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Problem:
    """`field`: "alpha", or "metrics.0.q" for a field of the first metric."""

    field: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        return {"field": self.field, "reason": self.reason}

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class PlanRefused(ValueError):
    """The plan cannot be registered; every problem is named."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))


class Reader:
    """Reads one mapping; what it cannot read becomes a problem and a harmless stand-in."""

    def __init__(self, raw: object, problems: list[Problem], *, at: str = "") -> None:
        self.problems = problems
        self.at = at
        self.raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        self.seen: set[str] = set()
        if not isinstance(raw, Mapping):
            self.problem("", "must be an object with named fields")

    def path(self, name: str) -> str:
        return ".".join(part for part in (self.at, name) if part)

    def problem(self, name: str, reason: str) -> None:
        self.problems.append(Problem(field=self.path(name), reason=reason))

    def take(self, name: str) -> Any:
        self.seen.add(name)
        return self.raw.get(name)

    def text(self, name: str, *, most: int, default: str | None = None, pattern: str = "", shape: str = "") -> str:
        value = self.take(name)
        if value is None or value == "":
            if default is None:
                self.problem(name, "is missing")
            return default or ""
        if not isinstance(value, str) or not _is_clean(value):
            self.problem(name, "must be text")
            return default or ""
        if len(value) > most:
            self.problem(name, f"is longer than {most} characters")
        elif pattern and not re.fullmatch(pattern, value):
            self.problem(name, shape)
        return value

    def choice(self, name: str, options: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.take(name)
        if value is None and default is not None:
            return default
        if value is None:
            self.problem(name, f"is missing: one of {', '.join(options)}")
        elif not isinstance(value, str) or value not in options:
            self.problem(name, f"must be one of {', '.join(options)}")
        else:
            return value
        return default or options[0]

    def number(self, name: str, *, low: float, high: float, default: float | None = None) -> float:
        if default is None and self.raw.get(name) is None:
            self.problem(name, "is missing")
        found = self.maybe_number(name, low=low, high=high)
        if found is not None:
            return found
        return low if default is None else default

    def maybe_number(self, name: str, *, low: float, high: float, closed: bool = False) -> float | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            self.problem(name, "must be a number")
            return None
        if not (low <= value <= high if closed else low < value < high):
            self.problem(
                name, f"must lie {'from' if closed else 'between'} {low:g} {'to' if closed else 'and'} {high:g}"
            )
            return None
        return float(value)

    def whole(self, name: str, *, low: int, high: int, default: int | None = None) -> int:
        value = self.take(name)
        if value is None:
            if default is None:
                self.problem(name, "is missing")
            return low if default is None else default
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            self.problem(name, "must be a whole number")
        elif not low <= value <= high:
            self.problem(name, f"must lie from {low:,} to {high:,}")
        else:
            return int(value)
        return low if default is None else default

    def truth(self, name: str, *, default: bool) -> bool:
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.problem(name, "must be true or false")
            return default
        return value

    def items(self, name: str, *, most: int) -> list[Any]:
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.problem(name, "must be a list")
            return []
        if len(value) > most:
            self.problem(name, f"has {len(value)} entries; at most {most} are possible")
            return []
        return list(value)

    def nothing_else(self) -> None:
        for name in self.raw:
            if name not in self.seen:
                self.problem(str(name)[:100], "is not a field of a plan")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_clean(value: str) -> bool:
    """PostgreSQL refuses NUL; nothing can write a lone surrogate as UTF-8."""
    return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
