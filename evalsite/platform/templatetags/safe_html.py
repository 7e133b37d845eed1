"""`{{ text|markdown }}`: untrusted Markdown, made safe."""

from django import template
from django.utils.safestring import SafeString

from evalsite.platform.safe_html import render_markdown

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    return render_markdown(text)
