import pytest

from experiments.importers.mapping import Mapping, sides_to_ask_about, suggest, unused_prompts


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("item_id", "id"),
        ("question_id", "id"),
        ("prompt_id", "id"),
        ("instruction", "prompt"),
        ("input", "prompt"),
        ("question", "prompt"),
        ("messages", "prompt"),
        ("Baseline_Output", "baseline"),
        ("finetuned", "candidate"),
        ("reference", "expected"),
        ("target", "expected"),
        ("ideal", "expected"),
        ("cluster", "cluster"),
    ],
)
def test_known_names_are_understood(column: str, field: str) -> None:
    assert getattr(suggest([column]), field) == column


@pytest.mark.parametrize(
    "pair", [("response_a", "response_b"), ("answer1", "answer2"), ("output_1", "output_2"), ("response1", "response2")]
)
def test_which_of_two_sides_is_the_baseline_is_asked_never_guessed(pair: tuple[str, str]) -> None:
    columns = ["id", "prompt", *pair]
    mapping = suggest(columns)
    assert (mapping.baseline, mapping.candidate) == ("", "")
    assert mapping.missing() == ["baseline", "candidate"]
    assert sides_to_ask_about(columns) == pair


def test_once_one_side_is_chosen_the_other_and_the_names_follow() -> None:
    columns = ["prompt", "output_1", "output_2", "generator_1", "generator_2"]
    mapping = suggest(columns, chosen={"baseline": "output_2"})
    assert (mapping.baseline, mapping.candidate) == ("output_2", "output_1")
    assert (mapping.baseline_name, mapping.candidate_name) == ("generator_2", "generator_1")
    other = suggest(columns, chosen={"candidate": "output_2"})
    assert (other.baseline, other.baseline_name) == ("output_1", "generator_1")


def test_a_choice_wins_over_a_suggestion_even_when_it_is_no_column() -> None:
    mapping = suggest(["id", "prompt", "text", "baseline", "candidate"], chosen={"prompt": "text", "id": ""})
    assert (mapping.prompt, mapping.id) == ("text", "")


def test_two_files_hold_the_baseline_first() -> None:
    columns = ["uid", "prompt", "output", "generator", "2:uid", "2:output", "2:generator"]
    assert suggest(columns) == Mapping(
        id="uid",
        second_id="2:uid",
        prompt="prompt",
        baseline="output",
        candidate="2:output",
        baseline_name="generator",
        candidate_name="2:generator",
    )


def test_an_id_in_one_of_two_files_only_does_not_join_them() -> None:
    mapping = suggest(["id", "prompt", "output", "2:prompt", "2:output"])
    assert (mapping.id, mapping.second_id) == ("", "")


def test_metadata_columns_are_found_by_their_prefix() -> None:
    assert suggest(["prompt", "metadata", "metadata.lang", "meta"]).metadata == ("metadata", "metadata.lang")


def test_a_second_column_that_could_be_the_prompt_is_pointed_out() -> None:
    columns = ["instruction", "input", "baseline", "candidate"]
    mapping = suggest(columns)
    assert mapping.prompt == "instruction"
    assert unused_prompts(columns, mapping) == ["input"]
