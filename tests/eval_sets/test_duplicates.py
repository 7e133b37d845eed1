"""Repeated inputs: found whatever their case and punctuation, found when nearly the same, and only then."""

from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.importers.eval_sets import duplicates
from experiments.importers.eval_sets.duplicates import NEAR, DuplicateInputs
from experiments.importers.eval_sets.words import runs, words
from tests.eval_sets.reading import of_rows


def twins(texts: list[str]) -> list[tuple[int, int, float]]:
    search = DuplicateInputs()
    for text in texts:
        search.add(text)
    return [(place, earlier, round(shared, 3)) for place, earlier, shared, _ in search.twins()]


def sentence(rng: Random, length: int) -> list[str]:
    return [f"w{rng.randrange(10_000)}" for _ in range(length)]


def test_case_and_punctuation_do_not_matter() -> None:
    assert twins(["What is  2+2?", "Other", "WHAT IS 2+2", "what is 2+3"]) == [(2, 0, 1.0)]
    assert twins(["- A well-known **fact**: GPT-4!", "a well known fact (GPT-4)"]) == [(1, 0, 1.0)]


@pytest.mark.parametrize(
    "texts",
    [
        ["12 + 7?", "12 - 7?", "12 * 7?", "12 / 7?", "12 × 7?", "12 ^ 7?", "12 7?"],
        ["12+7", "12-7", "12*7", "12**7", "12%7"],
        ["3 < 5", "3 > 5", "3 <= 5", "3 = 5", "3 != 5", "3 ≠ 5"],
        ["Write it in C.", "Write it in C++.", "Write it in C#."],
        ["f(5)", "f(-5)", "f(.5)", "f(0.5)", "f(0,5)"],
        ["2 * (3 + 4)", "(2 * 3) + 4", "2 * 3 + 4"],
        ["Is $5 much?", "Is €5 much?", "Is £5 much?", "Is 5 % much?", "Is 5 much?"],
        ["A → B", "A ← B", "A ∧ B", "A & B", "A | B"],
    ],
)
def test_other_signs_are_another_input(texts: list[str]) -> None:
    assert twins(texts) == []


def test_the_same_words_in_another_order_are_not_called_the_same_input() -> None:
    search = DuplicateInputs()
    for text in ("a b c d e f a", "c d e f a b c"):
        search.add(text)
    assert [twin.how for twin in search.twins()] == ["near"]


def test_each_repetition_points_to_the_first() -> None:
    assert twins(["a b", "A b!", "a. B"]) == [(1, 0, 1.0), (2, 0, 1.0)]


def test_texts_without_words_are_not_taken_for_each_other() -> None:
    assert twins(["?!", "…", "++"]) == []


def test_one_changed_word_of_many_is_near() -> None:
    rng = Random(1)
    first = sentence(rng, 30)
    second = [*first[:15], "changed", *first[16:]]
    texts = [" ".join(first), " ".join(sentence(rng, 30)), " ".join(second)]
    # 29 word pairs each, of which 27 are shared: 27 / 31.
    assert twins(texts) == [(2, 0, round(27 / 31, 3))]


def test_a_template_that_all_share_makes_no_near_duplicates() -> None:
    rng = Random(2)
    template = " ".join(sentence(rng, 60))
    assert twins([f"{template} {' '.join(sentence(rng, 8))}" for _ in range(200)]) == []


@given(st.integers(0, 10**6))
def test_what_is_found_is_what_comparing_all_pairs_finds(seed: int) -> None:
    rng = Random(seed)
    texts: list[list[str]] = []
    for _ in range(20):
        if texts and rng.random() < 0.4:
            changed = list(rng.choice(texts))
            for _ in range(rng.randrange(4)):
                changed[rng.randrange(len(changed))] = f"n{rng.randrange(1000)}"
            texts.append(changed)
        else:
            texts.append(sentence(rng, 25))
    found = {place: shared for place, _, shared in twins([" ".join(text) for text in texts])}
    for place, text in enumerate(texts):
        best = max((jaccard(text, earlier) for earlier in texts[:place]), default=0.0)
        if best >= NEAR + 0.08:
            assert place in found
        if best < NEAR:
            assert place not in found


def jaccard(one: list[str], two: list[str]) -> float:
    first, second = set(pairwise(one)), set(pairwise(two))
    return len(first & second) / len(first | second)


def test_beyond_the_limit_only_exact_ones_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_CASES", 3)
    monkeypatch.setattr("experiments.importers.eval_sets.check.MOST_CASES", 3)
    rng = Random(3)
    long = sentence(rng, 30)
    texts = [" ".join(long), "one", "two", "One!", " ".join([*long[:-1], "x"])]
    found = of_rows(tmp_path, [{"prompt": text, "expected": "x"} for text in texts])
    assert (found.checked.n_duplicates, found.checked.n_near) == (1, 0)
    assert "only inputs with the same words" in found.warnings("near_duplicate")[0][1]


def test_warnings_name_both_rows(tmp_path: Path) -> None:
    found = of_rows(tmp_path, [{"prompt": text} for text in ("Same one?", "Other", "same one", " Same\n one?")])
    assert found.warnings("duplicate_input") == [
        (3, "the same words and signs as row 1: if both ask the same, it counts twice"),
        (4, "the same input as row 1: it counts twice in every result"),
    ]
    assert found.checked.n_duplicates == 2


def test_another_conversation_before_the_same_prompt_is_another_input(tmp_path: Path) -> None:
    def row(said: str) -> dict[str, object]:
        turns = [("user", said), ("assistant", "ok"), ("user", "yes")]
        return {"messages": [{"role": role, "content": text} for role, text in turns]}

    assert of_rows(tmp_path, [row("Delete it?"), row("Keep it?")]).checked.n_duplicates == 0


def test_runs_are_the_same_wherever_they_stand() -> None:
    one, two = runs(words("a b c d e f"), 3), runs(words("x b c d y"), 3)
    assert np.intersect1d(one, two).size == 1
    assert runs(words("one two"), 8).size == 1
    assert runs([], 8).size == 0
