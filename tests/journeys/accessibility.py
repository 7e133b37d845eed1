"""axe-core on the page as it stands, in light and dark, wide and narrow."""

from collections.abc import Sequence
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 360, "height": 740}
Scheme = Literal["dark", "light"]
VIEWS: list[tuple[ViewportSize, Scheme]] = [(NARROW, "dark"), (NARROW, "light"), (WIDE, "dark"), (WIDE, "light")]
# Names, roles and sizes are those of the same width in the other colours: there only the colours are looked at again.
WHOLE, COLOURS = "{}", "{runOnly: ['color-contrast', 'link-in-text-block']}"
GRAVE = {"serious", "critical"}
AXE = Axe()


def problems_of(page: Page, views: Sequence[tuple[ViewportSize, Scheme]] = VIEWS) -> list[str]:
    """Serious and critical findings, and sideways scrolling; the page is wide and light again afterwards."""
    # A page without its style sheet has other colours.
    page.wait_for_load_state("load")
    found: list[str] = []
    seen: set[int] = set()
    for size, scheme in views:
        rules = COLOURS if size["width"] in seen else WHOLE
        seen.add(size["width"])
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{page.url} {scheme} {size['width']} px: {line}" for line in findings(page, rules)]
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            found.append(f"{page.url} {size['width']} px: scrolls sideways by {overflow} px")
    return found


def findings(page: Page, rules: str) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.axe_script)
    options = f"{{resultTypes: ['violations'], preload: false, ...{rules}}}"
    violations = page.evaluate(f"axe.run({options}).then(results => results.violations)")
    return [
        f"{violation['impact']} {violation['id']}: {node['target']} {node['html'][:200]} {reason(node)}"
        for violation in violations
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def reason(node: dict[str, list[dict[str, str]]]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])


def assert_accessible(page: Page) -> None:
    """On the way of a journey: narrow and dark, then wide and light. Each page sees all four by itself elsewhere."""
    problems = problems_of(page, [VIEWS[0], VIEWS[-1]])
    assert not problems, "\n".join(problems)
