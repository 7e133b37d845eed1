"""docs/proof.md: the latest figures of each proof, with date and machine."""

import re
from collections.abc import Iterable
from pathlib import Path

from benchmarks.table import Row, as_markdown

HEADING = """# Proof

Figures of `make prove`, each from its last full run. `make test` holds a short version of each.
"""


def keep(path: Path, *, name: str, measured_on: str, rows: Iterable[Row]) -> None:
    """Replace this proof's section and leave the others."""
    found = sections(path.read_text()) if path.exists() else {}
    found[name] = f"## {name}\n\n{measured_on}\n\n{as_markdown(rows)}\n"
    path.write_text("\n".join([HEADING, *(found[key] for key in sorted(found))]))


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].strip(): f"## {part.rstrip()}\n" for part in parts}
