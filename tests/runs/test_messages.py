from experiments.services.runs.messages import (
    AskedCase,
    AskedModel,
    filled,
    messages_for,
    request_for,
    tokens_guessed,
)

TOOL = {"type": "function", "function": {"name": "refund"}}


def test_a_case_without_anything_else_is_one_user_message() -> None:
    assert messages_for(AskedModel("m"), AskedCase(prompt="Hello")) == [{"role": "user", "content": "Hello"}]


def test_the_models_instructions_come_before_the_cases_in_one_system_message() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    sent = messages_for(
        AskedModel("m", system_prompt="Be brief.", prompt_template="Q: {prompt}\nA:"),
        AskedCase(prompt="Why?", system="You sell shoes.", turns=turns),
    )
    assert sent == [
        {"role": "system", "content": "Be brief.\n\nYou sell shoes."},
        *turns,
        {"role": "user", "content": "Q: Why?\nA:"},
    ]


def test_a_template_is_filled_as_text_whatever_the_prompt_holds() -> None:
    assert filled("{prompt} and {{ prompt }}", r"\1 {prompt}") == r"\1 {prompt} and \1 {prompt}"
    assert filled('Answer as {"a": 1}.', "Why?") == 'Answer as {"a": 1}.\n\nWhy?'


def test_a_cases_own_tools_and_format_come_before_the_models() -> None:
    params = {"temperature": 0, "tools": [TOOL], "response_format": {"type": "text"}, "logprobs": True}
    asked = AskedModel("m", params=params)
    plain = request_for(asked, AskedCase(prompt="x"))
    assert (plain.params, plain.tools, plain.logprobs) == ({"temperature": 0}, [TOOL], True)
    own = {"tools": [{"type": "function", "function": {"name": "other"}}], "response_format": {"type": "json_object"}}
    request = request_for(asked, AskedCase(prompt="x", checks=own))
    assert (request.tools, request.response_format) == (own["tools"], {"type": "json_object"})


def test_what_a_call_may_take_is_guessed_from_what_is_sent_and_may_be_written() -> None:
    cases = [AskedCase("x" * 396), AskedCase("x" * 796)]
    assert tokens_guessed(AskedModel("m", system_prompt="true", params={"max_tokens": 50}), cases) == 200
    assert (
        tokens_guessed(AskedModel("m"), [AskedCase("x" * 40, turns=[{"role": "assistant", "tool_calls": []}])]) == 510
    )
    assert tokens_guessed(AskedModel("m"), []) == 500
