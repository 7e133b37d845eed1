"""The look at a page that every journey takes finds what is wrong in one of its four views only."""

import pytest
from playwright.sync_api import Browser

from tests.journeys.accessibility import problems_of

PAGE = """
<!doctype html><html lang="en"><head><title>Page</title><style>
body {{ color: black; background: white }}
@media (prefers-color-scheme: dark) {{ body {{ color: white; background: black }} }}
@media (max-width: 500px) {{ .wide {{ display: none }} }}
{style}
</style></head><body><main><h1>Heading</h1>
<table><tbody>{rows}</tbody></table><p class="wide">Only where there is room</p>
<div class="under">Words</div><div class="over">Other words</div>{more}</main></body></html>
"""
ROWS = "".join(f"<tr><td>Row {number}</td></tr>" for number in range(30))
DARK, LIGHT = "prefers-color-scheme: dark", "prefers-color-scheme: light"
WIDE, NARROW = "min-width: 501px", "max-width: 500px"


def problems(chromium: Browser, style: str = "", more: str = "") -> list[str]:
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_content(PAGE.format(style=style, rows=ROWS, more=more))
        return problems_of(page)


def test_a_page_without_faults_has_none(chromium: Browser) -> None:
    assert problems(chromium) == []


@pytest.mark.parametrize(("scheme", "dark"), [(DARK, True), (LIGHT, False)])
@pytest.mark.parametrize(("width", "pixels"), [(NARROW, "360"), (WIDE, "1280")])
def test_colours_that_fail_in_one_view_only_are_found_once_for_all_rows(
    chromium: Browser, scheme: str, dark: bool, width: str, pixels: str
) -> None:
    style = f"@media ({scheme}) and ({width}) {{ td {{ color: #777; background: #888 }} }}"
    [found] = problems(chromium, style)
    assert f"{'dark' if dark else 'light'} {pixels} px: serious color-contrast" in found


def test_one_row_unlike_the_others_is_found(chromium: Browser) -> None:
    [light, dark] = problems(chromium, "tr:nth-child(20) td { color: #777; background: #888 }")
    assert "tr:nth-child(20)" in light
    assert "tr:nth-child(20)" in dark


def test_text_that_shows_at_one_width_only_is_looked_at_there(chromium: Browser) -> None:
    [found] = problems(chromium, f"@media ({DARK}) {{ .wide {{ color: #333 }} }}")
    assert "dark 1280 px: serious color-contrast" in found


def test_a_box_that_floats_over_something_else_at_one_width_is_looked_at_again(chromium: Browser) -> None:
    style = f"""
    .under {{ background: #111; color: white; height: 200px }} .over {{ position: absolute }}
    @media ({WIDE}) and ({LIGHT}) {{ .over {{ margin-top: -100px }} }}"""
    [found] = problems(chromium, style)
    assert "light 1280 px: serious color-contrast: ['.over']" in found


def test_a_button_without_a_name_is_found_at_both_widths(chromium: Browser) -> None:
    narrow, wide = problems(chromium, more="<button></button>")
    assert "360 px: critical button-name" in narrow
    assert "1280 px: critical button-name" in wide


def test_a_page_wider_than_its_window_is_found(chromium: Browser) -> None:
    found = problems(chromium, more='<div style="width: 700px">Wide</div>')
    assert len([line for line in found if "scrolls sideways" in line]) == 2
