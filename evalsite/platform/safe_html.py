"""The one place that turns untrusted Markdown into HTML: markdown-it's js-default preset, then an allow-list."""

from functools import lru_cache

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "td": {"align"}, "th": {"align"}}
SCHEMES = {"http", "https", "mailto"}
LINK_REL = "noopener noreferrer nofollow"
CACHED_TEXTS, LONGEST_CACHED = 4096, 20_000
# A million brackets keep the renderer busy for half a minute; nothing that people write is as long.
LONGEST_RENDERED = 50_000
AS_WRITTEN = '<p class="faint">Too long to format: shown as it was written.</p><pre class="as-written">{}</pre>'

# Images are shown as their alternative text: a remote image would tell its host who reads which pair, and when.
renderer = MarkdownIt("js-default", {"html": False, "linkify": False, "maxNesting": 20}).disable(["image"])
cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    url_schemes=SCHEMES,
    link_rel=LINK_REL,
    strip_comments=True,
    clean_content_tags={"script", "style"},
)


def render_markdown(text: str) -> SafeString:
    if len(text) > LONGEST_RENDERED:
        return format_html(AS_WRITTEN, text)
    # A few thousand texts of a million letters would fill the memory of every web process.
    return remembered(text) if len(text) <= LONGEST_CACHED else rendered(text)


def rendered(text: str) -> SafeString:
    return mark_safe(cleaner.clean(renderer.render(text)))  # noqa: S308 cleaned by the allow-list


remembered = lru_cache(maxsize=CACHED_TEXTS)(rendered)
