"""One line of a benchmark or a proof, and the table they make."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

HEADINGS = {
    "name": "what",
    "ours": "ours",
    "yardstick": "yardstick",
    "ratio": "ratio",
    "bound": "budget",
    "ok": "",
    "note": "note",
}


@dataclass(frozen=True)
class Row:
    name: str
    ours: str
    yardstick: str = ""
    ratio: str = ""
    bound: str = ""
    ok: bool | None = None
    note: str = ""

    @property
    def cells(self) -> list[str]:
        mark = {True: "ok", False: "NOT MET", None: ""}[self.ok]
        return [mark if field.name == "ok" else str(getattr(self, field.name)) for field in fields(self)]


def as_text(rows: Iterable[Row]) -> str:
    """Columns as wide as needed, empty ones left out."""
    lines = [list(HEADINGS.values()), *(row.cells for row in rows)]
    widths = [max(len(cell) for cell in column) for column in used(lines)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*used(lines), strict=True)
    )


def as_markdown(rows: Iterable[Row]) -> str:
    lines = [list(HEADINGS.values()), *([cell.replace("|", "\\|") for cell in row.cells] for row in rows)]
    heading, *body = zip(*used(lines), strict=True)
    rule = ["---"] * len(heading)
    return "\n".join(f"| {' | '.join(line)} |" for line in [heading, rule, *body])


def used(lines: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The columns that hold anything below their heading."""
    return [column for column in zip(*lines, strict=True) if any(column[1:])]
