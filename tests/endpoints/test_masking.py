"""What a server says can be shown: short, and without the key in any form it may come back in."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.endpoints.masking import LONGEST, masked

KEY = "sk-Canary/7f3a9c+Zq81"


@pytest.mark.parametrize(
    "echoed",
    [
        KEY,
        f"Bearer {KEY}",
        KEY[:10],
        KEY[-8:],
        KEY.upper(),
        KEY[::-1],
        quote(KEY, safe=""),
        base64.b64encode(KEY.encode()).decode(),
        KEY.encode().hex(),
        f'{{"authorization":"{KEY}"}}',
        f"sk-Canar***{KEY[-6:]}",
    ],
)
def test_no_form_of_the_key_is_repeated(echoed: str) -> None:
    said = masked(f"You sent {echoed} which is wrong.", key=KEY)
    assert said.startswith("You sent ")
    assert "[hidden]" in said
    for start in range(len(KEY) - 6):
        assert KEY[start : start + 6].lower() not in said.lower()


@pytest.mark.parametrize(
    "foreign", ["sk-proj-abcdef123456", "hf_abcdefghijkl", "Bearer abc", "Basic dXNlcg==", "a" * 24, "key-123456789"]
)
def test_what_looks_like_anybodys_key_is_hidden_too(foreign: str) -> None:
    assert foreign not in masked(f"Header was {foreign}", key="")


def test_plain_words_stay() -> None:
    words = "max_tokens is too large: 9000. This model supports at most 4096 completion tokens."
    assert masked(words, key=KEY) == words


def test_a_very_short_key_is_hidden_as_well() -> None:
    assert masked("The key abc is unknown", key="abc") == "The key [hidden] is unknown"


@given(st.text(max_size=2000))
def test_it_is_short_printable_and_storable_whatever_the_server_says(text: str) -> None:
    said = masked(text, key=KEY)
    assert len(said) <= LONGEST + 1
    assert said.isprintable()
    said.encode()


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=80), st.text(max_size=200))
def test_a_key_never_comes_back(key: str, before: str) -> None:
    assert key not in masked(f"{before} {key} rest", key=key)
