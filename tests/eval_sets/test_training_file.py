"""Cases that stand in a file a model was trained on: found word for word, in other dress, and in part."""

from pathlib import Path
from random import Random

from tests.eval_sets.reading import Found, dry_run, lines

RNG = Random(7)
LONG = " ".join(f"w{RNG.randrange(5000)}" for _ in range(40))


def check(tmp_path: Path, prompts: list[str], training: list[object], column: str = "prompt") -> Found:
    rows = [{"id": f"case-{n}", "prompt": prompt, "expected": "x"} for n, prompt in enumerate(prompts, start=1)]
    return dry_run(tmp_path, lines(*rows), lines(*({column: text} for text in training)))


def test_the_same_text_and_the_same_words_are_told_apart(tmp_path: Path) -> None:
    found = check(tmp_path, ["What is 2+2?", "Who was Ada?", "Fresh"], ["other", "who was ADA", "What is 2+2?"])
    assert [(one["id"], one["row"], one["training_row"], one["how"]) for one in found.checked.overlaps] == [
        ("case-1", 1, 3, "exact"),
        ("case-2", 2, 2, "normalised"),
    ]
    assert found.errors == []
    assert [row for row, _ in found.warnings("trained_on")] == [1, 2]
    assert "row 3 of the training file holds the same text" in found.warnings("trained_on")[0][1]
    assert (found.checked.n_overlaps, found.checked.n_training) == (2, 3)


def test_other_signs_are_another_text(tmp_path: Path) -> None:
    assert check(tmp_path, ["12 + 7?", "Write C#."], ["12 - 7?", "Write C."]).checked.overlaps == []


def test_user_messages_of_fine_tuning_examples_are_looked_at(tmp_path: Path) -> None:
    example = [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "First question"}]},
        {"role": "assistant", "content": "Fresh"},
        {"role": "user", "content": "second question"},
    ]
    found = check(tmp_path, ["First question", "Second question", "Fresh"], [example], column="messages")
    assert [one["id"] for one in found.checked.overlaps] == ["case-1", "case-2"]


def test_a_case_inside_a_longer_text_is_found_in_part(tmp_path: Path) -> None:
    half = " ".join(LONG.split()[:10])
    found = check(tmp_path, [LONG], [f"before {LONG} after", half], column="text")
    [one] = found.checked.overlaps
    assert (one["how"], one["training_row"], one["shared"]) == ("in part", 1, 1.0)
    assert check(tmp_path, [LONG], [half], column="text").checked.overlaps == []


def test_a_template_of_the_cases_is_no_overlap(tmp_path: Path) -> None:
    prompts = [f"{LONG} question{n} about thing{n}" for n in range(60)]
    assert check(tmp_path, prompts, [f"{LONG} something else"]).checked.overlaps == []


def test_a_case_that_stands_there_often_is_told_once_with_the_surest_row(tmp_path: Path) -> None:
    found = check(tmp_path, [LONG], [LONG.upper(), LONG, f"x {LONG}"])
    assert [(one["training_row"], one["how"]) for one in found.checked.overlaps] == [(2, "exact")]


def test_two_cases_with_the_same_words_are_both_told(tmp_path: Path) -> None:
    found = check(tmp_path, ["Same?", "same"], ["SAME"])
    assert [one["id"] for one in found.checked.overlaps] == ["case-1", "case-2"]


def test_messages_in_a_csv_cell_are_read(tmp_path: Path) -> None:
    training = b'messages\n"[{""role"": ""user"", ""content"": ""Who?""}]"\n'
    found = dry_run(tmp_path, lines({"prompt": "who"}), training, training_name="training.csv")
    assert found.checked.n_overlaps == 1
