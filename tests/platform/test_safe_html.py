import re
import time

import pytest
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from evalsite.platform.safe_html import LONGEST_CACHED, remembered, render_markdown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:alert(1))",
        "<a href='java\nscript:alert(1)'>x</a>",
        "<svg/onload=alert(1)>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "`<script>alert(1)</script>`",
        "```<script>\nalert(1)\n```",
        "![x](https://tracker.example/pixel.png)",
        "<style>body{display:none}</style>",
        "<form action=//evil.example><button>go</button></form>",
    ],
)
def test_nothing_in_a_text_becomes_active(text: str) -> None:
    html = render_markdown(text)
    tags = re.findall(r"<[a-zA-Z][^>]*>", html)
    assert not any(re.match(r"<(script|img|svg|iframe|style|form|button)", tag) for tag in tags)
    assert not any(re.search(r"\son\w+=|javascript:|data:|vbscript:", tag) for tag in tags)


def test_code_blocks_tables_and_lists_are_kept() -> None:
    html = render_markdown("- one\n\n```py\nprint(1)\n```\n\n|a|b|\n|-|-|\n|1|2|\n")
    assert "<li>one</li>" in html
    assert "<pre><code>print(1)\n</code></pre>" in html
    assert "<td>1</td>" in html


def test_a_link_leaves_no_trail() -> None:
    assert 'rel="noopener noreferrer nofollow"' in render_markdown("[docs](https://example.org)")


def test_raw_html_is_shown_as_text() -> None:
    assert "&lt;b&gt;bold&lt;/b&gt;" in render_markdown("<b>bold</b>")


@given(st.text(max_size=300))
def test_any_text_renders_to_allowed_tags_only(text: str) -> None:
    from evalsite.platform.safe_html import TAGS

    names = {name.lower() for name in re.findall(r"</?([a-zA-Z][a-zA-Z0-9]*)", render_markdown(text))}
    assert names <= TAGS


def test_a_very_long_text_is_rendered_but_not_kept_in_memory() -> None:
    kept = remembered.cache_info().currsize
    assert render_markdown("word " * (LONGEST_CACHED // 4)).startswith("<p>word")
    assert remembered.cache_info().currsize == kept


@pytest.mark.parametrize("hostile", ["[", "*a ", "- a\n", "<script>alert(1)</script>", "a\n"])
def test_a_text_of_a_million_letters_is_shown_as_it_was_written_at_once(hostile: str) -> None:
    text = (hostile * 1_000_000)[:1_000_000]
    begun = time.perf_counter()
    shown = render_markdown(text)
    assert time.perf_counter() - begun < 1
    assert shown.startswith('<p class="faint">Too long to format')
    assert escape(text) in shown
    assert "<script" not in shown
