"""axe-core on the page as it stands, in light and dark, wide and narrow."""

from collections.abc import Sequence
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 360, "height": 740}
Scheme = Literal["dark", "light"]
VIEWS: list[tuple[ViewportSize, Scheme]] = [(NARROW, "dark"), (NARROW, "light"), (WIDE, "dark"), (WIDE, "light")]
COLOURS = ["color-contrast", "link-in-text-block"]
GRAVE = {"serious", "critical"}
AXE = Axe()
# Texts and controls whose colours were not looked at in this scheme yet. Their contrast is made by their own style and
# by what lies behind them, which is what they stand in: rows of a table that are made alike are looked at once, and at
# the other width only what looks different there. What floats may lie over anything, so it is always new.
NOTE_COLOURS = """
(scheme) => {
    const seen = ((window.coloursSeen ??= {})[scheme] ??= new Set());
    const isLarge = (style) => {
        const size = parseFloat(style.fontSize);
        return size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    };
    const madeOf = (style) => [style.color, style.backgroundColor, style.backgroundImage, style.opacity, style.filter,
        style.textDecorationLine, style.textShadow, isLarge(style)].join();
    const hasText = (element) => element.matches("input, select, textarea, button")
        || [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    window.newColours = [];
    const look = (element, around) => {
        if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) return;
        const style = getComputedStyle(element);
        const floats = !["static", "relative"].includes(style.position);
        const isText = hasText(element);
        const made = `${around} ${element.localName} ${madeOf(style)} ${isText} ${floats ? Math.random() : ""}`;
        if (isText && !seen.has(made)) window.newColours.push(element);
        seen.add(made);
        for (const child of element.children) look(child, made);
    };
    look(document.body, "");
}
"""
RUN = """
async ([isNewWidth, colours]) => {
    const options = {resultTypes: ["violations"], preload: false};
    const run = async (where, more) => (await axe.run(where, {...options, ...more})).violations;
    const others = Object.fromEntries(colours.map((name) => [name, {enabled: false}]));
    return [
        ...(isNewWidth ? await run(document, {rules: others}) : []),
        ...(window.newColours.length ? await run(window.newColours, {runOnly: colours}) : []),
    ];
}
"""


def problems_of(page: Page, views: Sequence[tuple[ViewportSize, Scheme]] = VIEWS) -> list[str]:
    """Serious and critical findings, and sideways scrolling; the page is wide and light again afterwards."""
    # A page without its style sheet has other colours.
    page.wait_for_load_state("load")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.axe_script)
    page.evaluate("delete window.coloursSeen")
    found: list[str] = []
    widths: set[int] = set()
    for size, scheme in views:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        lines = findings(page, scheme, is_new_width=size["width"] not in widths)
        widths.add(size["width"])
        found += [f"{page.url} {scheme} {size['width']} px: {line}" for line in lines]
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            found.append(f"{page.url} {size['width']} px: scrolls sideways by {overflow} px")
    return found


def findings(page: Page, scheme: Scheme, *, is_new_width: bool) -> list[str]:
    """Names, roles and sizes do not depend on the scheme, and colours hardly ever on the width."""
    page.evaluate(NOTE_COLOURS, scheme)
    return [
        f"{violation['impact']} {violation['id']}: {node['target']} {node['html'][:200]} {reason(node)}"
        for violation in page.evaluate(RUN, [is_new_width, COLOURS])
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def reason(node: dict[str, list[dict[str, str]]]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])


def assert_accessible(page: Page) -> None:
    """On the way of a journey: narrow and dark, then wide and light. Each page sees all four by itself elsewhere."""
    problems = problems_of(page, [VIEWS[0], VIEWS[-1]])
    assert not problems, "\n".join(problems)
