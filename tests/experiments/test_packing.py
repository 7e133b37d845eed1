"""A large file is read and packed by a second process, and what stands then is what one process would have written."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from evalsite.platform.models import Job
from experiments.importers import packing
from experiments.importers.packing_child import BATCH, FIRST_BATCH, FRAME, Order
from experiments.importers.sniff import Format
from experiments.models import EvalCase, Output
from experiments.services import import_committing, imports
from tests.experiments.importing import OPTIONS, checked, imported, run
from tests.factories.platform_ import NOW

# A job beats its heart from another connection, which sees only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

PAIRS: list[dict[str, Any]] = [
    {"id": "1", "prompt": "Größe?", "baseline": "a", "candidate": "", "category": "c", "tags": ["x"], "size": 7},
    {"id": "2", "prompt": [{"role": "user", "content": "Hi"}], "baseline": "b" * 9000, "candidate": "c\n\u2028"},
]


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"\n".join(orjson.dumps(row) for row in rows)


def always_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_committing, "packer_for", lambda file_import: packing.Packer())


def stored() -> tuple[list[Any], list[Any]]:
    cases = EvalCase.objects.order_by("position").values_list(
        "position", "external_id", "system", "turns", "prompt", "expected", "category", "tags", "cluster", "metadata"
    )
    outputs = Output.objects.order_by("case__position", "model_version__name").values_list("case__position", "text")
    return list(cases), list(outputs)


def test_both_ways_write_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert imported(jsonl(PAIRS)).status == "done"
    here = stored()
    always_pack(monkeypatch)
    added = replace(OPTIONS, add_to_existing=True)
    assert imported(jsonl([{**row, "cluster": "k"} for row in PAIRS]), options=added).status == "done"
    cases, outputs = stored()
    by_child = [case for case in cases if case[8] == "k"]
    assert [(*case[:8], "", case[9]) for case in by_child] == here[0]
    assert sorted(outputs) == sorted(here[1] * 2)


def test_a_file_that_now_reads_otherwise_is_refused_with_its_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(jsonl([PAIRS[0], {"id": "2", "prompt": "P", "baseline": "b"}]))
    with pytest.raises(packing.Stopped, match=r"missing|candidate") as stopped, packing.Packer() as packer:
        list(packer.packed(order(path)))
    assert stopped.value.row == 2


def order(path: Path) -> Order:
    mapping = {"id": "id", "prompt": "prompt", "baseline": "baseline", "candidate": "candidate", "metadata": []}
    return Order([(str(path), Format.JSON_LINES.value, 1)], mapping, eval_set=1, first_id=1, baseline=1, candidate=2)


def test_a_process_that_dies_fails_the_import_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    always_pack(monkeypatch)
    found = checked(jsonl(PAIRS))
    started = imports.start_commit(file_import=found, options=OPTIONS, actor=None, now=NOW)
    monkeypatch.setattr(packing, "COMMAND", ["sh", "-c", "cat >/dev/null; kill -9 $$"])
    after = run(started)
    assert after.job is not None
    assert (after.job.status, "has died" in after.job.error) == (Job.Status.FAILED, True)
    assert not EvalCase.objects.exists()


def test_a_frame_that_is_cut_short_is_no_end(tmp_path: Path) -> None:
    cut = tmp_path / "frames"
    cut.write_bytes(FRAME.pack(1, 5, 5) + b"12345" + b"12")
    with cut.open("rb") as file, pytest.raises(packing.Died):
        list(packing.frames(file))


def test_a_child_whose_reader_is_gone_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"id": str(n), "prompt": f"P{n}", "baseline": "b" * 3000, "candidate": "c"}
        for n in range(FIRST_BATCH + BATCH + 1)
    ]
    path.write_bytes(jsonl(rows))
    before = children()
    with packing.Packer() as packer:
        parts = packer.packed(order(path))
        assert [next(parts).n, next(parts).n] == [FIRST_BATCH, BATCH]
        assert children() != before
    assert children() == before


def test_large_imports_of_pairs_are_packed_and_small_ones_are_not() -> None:
    found = checked(jsonl(PAIRS))
    assert import_committing.packer_for(found).__enter__() is None
    found.n_rows = 1_000_000
    with import_committing.packer_for(found) as packer:
        assert packer is not None


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()
