"""What the proofs' figures look like, and that a later run replaces an earlier one."""

from pathlib import Path

from benchmarks.record import keep
from benchmarks.table import Row, as_markdown, as_text

ROWS = [Row("pairs over their number", "0", bound="0", ok=True), Row("answers | 5xx", "3", bound="0", ok=False)]


def test_columns_line_up_and_empty_ones_are_left_out() -> None:
    assert as_text(ROWS).splitlines() == [
        "what                     ours  budget",
        "pairs over their number  0     0       ok",
        "answers | 5xx            3     0       NOT MET",
    ]


def test_markdown_keeps_bars_inside_their_cell() -> None:
    assert as_markdown(ROWS).splitlines()[-1] == "| answers \\| 5xx | 3 | 0 | NOT MET |"


def test_a_later_run_replaces_its_own_section_only(tmp_path: Path) -> None:
    record = tmp_path / "proof.md"
    keep(record, name="stress", measured_on="first", rows=ROWS)
    keep(record, name="jobs", measured_on="other", rows=ROWS)
    keep(record, name="stress", measured_on="second", rows=ROWS)
    text = record.read_text()
    assert "first" not in text
    assert text.count("## ") == 2
    assert text.index("## jobs") < text.index("## stress")
    assert "second" in text
    assert "other" in text
