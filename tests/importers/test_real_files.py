"""Files as people publish them."""

from pathlib import Path

import orjson
import pytest

from tests.importers.reading import Found, dry_run
from tests.real_data import real_data

pytestmark = pytest.mark.real_data


def read(tmp_path: Path, folder: str, *names: str, chosen: dict[str, str] | None = None) -> Found:
    files = [(name, (real_data(folder) / name).read_bytes()) for name in names]
    return dry_run(tmp_path, *files, chosen=chosen)


def test_alpaca_eval_joins_two_model_outputs_by_their_prompts(tmp_path: Path) -> None:
    names = ("text_davinci_003.model_outputs.json", "gpt4_1106_preview.model_outputs.json")
    found = read(tmp_path, "alpaca_eval", *names)
    assert (found.checked.n_pairs, found.errors) == (805, [])
    assert found.checked.names == ({"text_davinci_003": 805}, {"gpt4_1106_preview": 805})


def test_alpaca_eval_annotations_ask_which_side_is_the_baseline(tmp_path: Path) -> None:
    name = "vicuna-13b.alpaca_eval_gpt4.annotations.json"
    found = read(tmp_path, "alpaca_eval", name, chosen={"baseline": "output_1"})
    assert found.checked.names == ({"text_davinci_003": 805}, {"vicuna-13b": 805})
    assert {kind for _, _, kind in found.warnings} == {"names_model", "identical", "length_skew"}


def test_arena_hard_joins_on_its_own_id_and_its_chat_messages(tmp_path: Path) -> None:
    found = read(tmp_path, "arena_hard_v01", "gpt-3.5-turbo-0125.jsonl", "gpt-4-0314.jsonl")
    assert (found.checked.n_pairs, found.errors) == (500, [])
    first = orjson.loads((real_data("arena_hard_v01") / "gpt-4-0314.jsonl").read_bytes().split(b"\n")[0])
    pair = next(pair for pair in found.pairs if pair.id == first["uid"])
    assert pair.prompt == first["messages"][0]["content"]
    assert pair.candidate == first["messages"][1]["content"]["answer"]


def test_self_instruct_joins_with_its_references(tmp_path: Path) -> None:
    names = ("text-davinci-001_predictions.jsonl", "text-davinci-003_predictions.jsonl")
    found = read(tmp_path, "self_instruct", *names)
    assert (found.checked.n_pairs, found.errors) == (252, [])
    assert all(pair.expected for pair in found.pairs)


def test_pandalm_is_read_but_for_the_row_whose_instruction_is_blank(tmp_path: Path) -> None:
    found = read(tmp_path, "pandalm", "visible_idx_lt_500.json", chosen={"id": "idx", "baseline": "response1"})
    assert found.checked.n_pairs == 499
    assert found.errors == [(467, "instruction", "blank")]
    assert found.checked.n_empty == 8


def test_naughty_strings_come_through_unharmed(tmp_path: Path) -> None:
    strings = orjson.loads((real_data("adversarial") / "blns.json").read_bytes())
    rows = [{"id": str(n), "prompt": f"p{text}", "baseline": text, "candidate": text} for n, text in enumerate(strings)]
    found = dry_run(tmp_path, ("a.jsonl", b"\n".join(orjson.dumps(row) for row in rows)))
    assert [pair.baseline for pair in found.pairs] == strings
    assert found.errors == []
