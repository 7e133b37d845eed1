"""What the shipped demo promises about its texts. Loading it is tested in test_demo."""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import orjson
import pytest

from annotations.agreement import cohen_kappa
from evalsite.platform.safe_html import render_markdown
from experiments.importers.check import check, read_columns
from experiments.importers.mapping import suggest
from experiments.importers.problems import Problem
from experiments.importers.source import open_source

DEMO = Path(__file__).resolve().parents[2] / "experiments" / "demo"
PAIRS = [orjson.loads(line) for line in (DEMO / "pairs.jsonl").read_bytes().splitlines()]
JUDGMENTS = [orjson.loads(line) for line in (DEMO / "judgments.jsonl").read_bytes().splitlines()]
IDENTICAL = {pair["id"] for pair in PAIRS if pair["baseline"] == pair["candidate"]}
MODEL_WORDS = ("gpt", "claude", "llama", "gemini", "mistral", "qwen", "language model", "an ai ", "support-v")


def test_forty_questions_in_four_categories_have_ids_of_their_own() -> None:
    assert len({pair["id"] for pair in PAIRS}) == len(PAIRS) == 40
    assert Counter(pair["category"] for pair in PAIRS) == {
        "billing": 10,
        "how-to": 10,
        "troubleshooting": 10,
        "api": 10,
    }
    assert all(pair["expected"].strip() for pair in PAIRS)


def test_two_pairs_are_identical_and_several_questions_have_earlier_turns() -> None:
    assert len(IDENTICAL) == 2
    assert sum(len(pair["messages"]) > 2 for pair in PAIRS) >= 6


def test_answers_vary_from_one_line_to_long_with_lists_tables_and_code() -> None:
    answers = [pair[arm] for pair in PAIRS for arm in ("baseline", "candidate")]
    pages = "".join(render_markdown(answer) for answer in answers)
    assert min(map(len, answers)) < 50
    assert max(map(len, answers)) > 900
    for tag in ("<ol>", "<ul>", "<table>", "<pre>", "<strong>"):
        assert pages.count(tag) >= 5, tag


@pytest.mark.parametrize("word", MODEL_WORDS)
def test_no_text_names_a_model(word: str) -> None:
    assert word not in (DEMO / "pairs.jsonl").read_text().lower()
    assert word not in (DEMO / "guidelines.md").read_text().lower()


def test_the_file_imports_without_a_problem_but_the_two_identical_pairs() -> None:
    found: list[Problem] = []
    source = open_source(DEMO / "pairs.jsonl", filename="pairs.jsonl")
    columns = read_columns([source], found.append)
    checked = check(
        [source], columns=columns, mapping=suggest(columns), names=("support-v1", "support-v2"), report=found.append
    )
    assert checked.n_pairs == 40
    assert checked.n_identical == 2
    assert {problem.kind for problem in found} == {"identical"}, found


def test_three_reviewers_have_an_opinion_on_every_pair_that_is_shown() -> None:
    shown = {pair["id"] for pair in PAIRS} - IDENTICAL
    said = {(row["reviewer"], row["id"]) for row in JUDGMENTS}
    assert said == set(itertools.product(["reviewer1", "reviewer2", "reviewer3"], shown))
    assert len(said) == len(JUDGMENTS)
    assert all(15_000 <= row["active_ms"] <= 120_000 for row in JUDGMENTS)
    assert {row["choice"] for row in JUDGMENTS} == {"candidate", "baseline", "tie", "both_bad"}


@pytest.mark.parametrize(("one", "other"), [(1, 2), (1, 3), (2, 3)])
def test_reviewers_agree_as_people_do(one: int, other: int) -> None:
    kinds = ["candidate", "baseline", "tie", "both_bad"]
    choice = {(row["reviewer"], row["id"]): kinds.index(row["choice"]) for row in JUDGMENTS}
    table = np.zeros((4, 4), dtype=int)
    for pair_id in {row["id"] for row in JUDGMENTS}:
        table[choice[f"reviewer{one}", pair_id], choice[f"reviewer{other}", pair_id]] += 1
    kappa = cohen_kappa(table)
    assert kappa.estimate is not None
    assert 0.4 < kappa.estimate < 0.8
