from pathlib import Path

import orjson
import pytest

from tests.importers.reading import dry_run


def file(*pairs: tuple[str, str]) -> tuple[str, bytes]:
    rows = [{"prompt": "Q?", "baseline": one, "candidate": two} for one, two in pairs]
    return "pairs.jsonl", b"\n".join(orjson.dumps(row) for row in rows)


def test_identical_and_empty_responses_are_warnings_and_the_pairs_stay(tmp_path: Path) -> None:
    found = dry_run(tmp_path, file(("same", "same"), ("", "text"), ("", " \n")))
    assert found.errors == []
    assert found.warnings == [
        (1, "candidate", "identical"),
        (2, "baseline", "empty_response"),
        (3, "baseline", "empty_response"),
        (3, "candidate", "empty_response"),
    ]
    assert (found.checked.n_pairs, found.checked.n_identical, found.checked.n_empty) == (3, 1, 3)


@pytest.mark.parametrize(
    "text",
    ["As an AI, I cannot.", "I'm an AI language model.", "I am ChatGPT.", "made by OpenAI", "I am Acme-Chat 7B, hello"],
)
def test_a_text_that_gives_its_model_away_is_pointed_out(tmp_path: Path, text: str) -> None:
    found = dry_run(tmp_path, file(("plain", "plainer"), ("plain", text)), names=("acme-chat 7b", "baseline"))
    assert found.warnings == [(2, "candidate", "names_model")]


@pytest.mark.parametrize(
    "text", ["an aim", "a llama in the Andes", "the baseline was met", "an AI system that sorts mail"]
)
def test_ordinary_words_are_left_alone(tmp_path: Path, text: str) -> None:
    assert dry_run(tmp_path, file(("plain", text)), names=("baseline", "abc")).warnings == []


def test_a_skew_in_length_between_the_arms_is_said_once(tmp_path: Path) -> None:
    found = dry_run(tmp_path, file(*[("x" * 100, f"{n:03}" + "x" * 150) for n in range(30)]))
    assert found.warnings == [(0, "", "length_skew")]
    assert "1.5 times" in found.problems[0].reason


def test_several_models_in_one_arm_are_said(tmp_path: Path) -> None:
    data = b"prompt,output_1,output_2,model_1,model_2\nQ,a,b,m,n\nQ,a,b,k,n\n"
    found = dry_run(tmp_path, ("a.csv", data), chosen={"baseline": "output_1"})
    assert found.warnings == [(0, "model_1", "mixed_models")]
    assert found.checked.names == ({"m": 1, "k": 1}, {"n": 2})
