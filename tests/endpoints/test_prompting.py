"""Templates: places are filled once, slips of the pen are refused, JSON keeps its braces."""

import pytest

from experiments.endpoints.prompting import BadTemplate, check, filled, places

VALUES = {"prompt": "What is 2+2?", "system": "Be brief."}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", "What is 2+2?"),
        ("Q: {prompt}\nA:", "Q: What is 2+2?\nA:"),
        ("{{ prompt }}!", "What is 2+2?!"),
        ("{system} {prompt} {prompt}", "Be brief. What is 2+2? What is 2+2?"),
        ('Answer as {"answer": 1}: {prompt}', 'Answer as {"answer": 1}: What is 2+2?'),
        ("Think first.", "Think first.\n\nWhat is 2+2?"),
        ("{} {0} {x} {prompt}", "{} {0} {x} What is 2+2?"),
    ],
)
def test_places_are_filled_and_other_braces_stay(template: str, text: str) -> None:
    check(template)
    assert filled(template, VALUES) == text


def test_braces_in_a_case_are_never_places() -> None:
    assert (
        filled("{system}|{prompt}", {"prompt": "{system} {prompt}", "system": "{prompt}"})
        == "{prompt}|{system} {prompt}"
    )


@pytest.mark.parametrize("slip", ["{promt}", "{Prompt}", "{prompts}", "{{ promtp }}", "{sytem}"])
def test_a_slip_of_the_pen_is_refused_with_what_was_meant(slip: str) -> None:
    with pytest.raises(BadTemplate, match=r"Did you mean \{(prompt|system)\}"):
        check(f"Q: {slip}")


def test_places_are_told() -> None:
    assert places("{prompt} {{system}} {other}") == {"prompt", "system"}
