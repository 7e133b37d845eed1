"""Texts that break pages, parsers and spreadsheets: a list of our own, and the Big List where it is at hand."""

import json

from tests.real_data import real_data

OWN = [
    "<script>ran.push('script')</script>",
    "<img src=x onerror=ran.push('img')>",
    "<svg onload=ran.push('svg')><animate onbegin=ran.push('animate') attributeName=x dur=1s>",
    "<details open ontoggle=ran.push('toggle')>",
    "<iframe srcdoc='<script>parent.ran.push(1)</script>'></iframe>",
    "<style>@import 'https://example.org/x.css'; body{background:url(https://example.org/y)}</style>",
    "<link rel=stylesheet href=https://example.org/x.css><base href=https://example.org/>",
    "<meta http-equiv=refresh content='0;url=https://example.org/'>",
    "<form id=ballot action=https://example.org/><input name=choice value=a autofocus onfocus=ran.push('focus')>",
    "<a id=turn data-pair=x>clobbered</a><p id=announcer>",
    "</textarea></pre></div></article></form></body></html><script>ran.push('out')</script>",
    "<plaintext>",
    "<!-- never closed",
    "\"'><b hx-get='/account' hx-trigger='load'>htmx</b>",
    "[link](javascript:ran.push('link')) <javascript:ran.push(1)> [x](data:text/html,<script>ran.push(1)</script>)",
    '![picture](https://example.org/pixel.png) ![x](//example.org/y.png "t")',
    "[reference]\n\n[reference]: javascript:ran.push('reference')",
    "[x](https://example.org/ 'onmouseover=ran.push(1)') <https://example.org/a\"onload=b>",
    "```html\n<script>ran.push('fence')</script>\n```\n\n    <img src=x onerror=ran.push('indented')>",
    "| a | b |\n|---|---|\n| <script>ran.push('cell')</script> | `<b>` |",
    "{{ 7|add:'7' }} {% debug %} {% include 'base.html' %} ${7*7} <%= 7 %>",
    "&lt;script&gt; &amp; &#x27; &nbsp; &unknown;",
    '=HYPERLINK("https://example.org","x")',
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\n\nbegins with two empty lines",
    "\nbegins with an empty line",
    "  spaces around  ",
    "line one\r\nline two\rline three\nline four",
    "\u202eright to left override\u202c and \u2066isolates\u2069",
    "\u200bzero\u200dwidth\u2060joiners\ufeff",
    "\u2028line and \u2029paragraph separators\u0085next line",
    "\x01\x02\x07\x08\x0b\x0c\x1b[31mcontrol\x7f\x80\x9f",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇪🇺 \U0010fffd \ufdd0 \uffff",
    "Z̤̺̦̤̰̠̞̃̓̓̎ͤa̡̭̣̪͇ͬ̎̐ͮ̔l̺̙̩͓͕͈̃g̨̤̰̠o̷̖̓",
    "ﷺ اَلْعَرَبِيَّةُ עברית हिन्दी 中文 ไทย",
    "x" * 3000,
    "word " * 600,
    "null",
    "None",
    "undefined",
    "NaN",
    "0",
    "1e400",
    "true",
    "[]",
    "{}",
    "'; DROP TABLE annotations_judgment; --",
    "%s %(name)s %n {0} {name}",
    "../../../etc/passwd\\..\\..\\",
    "http://localhost/logout",
    "]]>",
    "---\n***\n===",
    "> " * 60 + "deep quote",
    "- " * 60 + "deep list",
    "*" * 500,
    "[" * 500,
    "# " + "[a](b)" * 200,
]


def the_big_list() -> list[str]:
    found: list[str] = json.loads((real_data("adversarial") / "blns.json").read_text())
    assert len(found) == 515
    return found


def injected_instructions() -> list[str]:
    groups: dict[str, list[str]] = json.loads((real_data("adversarial") / "bipia_text_attack_test.json").read_text())
    return [text for group in groups.values() for text in group]
