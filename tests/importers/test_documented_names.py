"""docs/importing.md names every column name that is understood, and no other."""

import re
from pathlib import Path

import pytest

from experiments.importers import judgments, mapping
from experiments.importers.eval_sets import mapping as eval_sets

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "importing.md").read_text()
PAIRS, AFTER_PAIRS = DOCUMENT.split("## Eval sets")
EVAL_SETS, JUDGMENTS = AFTER_PAIRS.split("## Judgments collected elsewhere")


def names_in_table(text: str) -> set[str]:
    """The words in code type in the right-hand column, up to an explaining colon."""
    cells = [line.split("|")[2] for line in text.splitlines() if line.startswith("| ")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell.split(":")[0])}


@pytest.mark.parametrize(
    ("text", "aliases", "others"),
    [
        (PAIRS, mapping.ALIASES, {"metadata"}),
        (EVAL_SETS, eval_sets.ALIASES, {"metadata"}),
        (JUDGMENTS, judgments.ALIASES, {"criteria"}),
    ],
    ids=["pairs", "eval sets", "judgments"],
)
def test_the_page_names_what_the_code_understands(
    text: str, aliases: dict[str, tuple[str, ...]], others: set[str]
) -> None:
    assert names_in_table(text) == {name for names in aliases.values() for name in names} | others
