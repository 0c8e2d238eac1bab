"""The page in Chromium: on a phone, by keyboard alone, and by the rules of axe."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.driver import finished_text, open_page, write_scene

pytestmark = pytest.mark.browser


def test_layout_on_a_phone(phone):
    page = phone
    write_scene(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tool = page.get_by_role("button", name=re.compile("Rewrite line 1 "))
    assert float(tool.locator("..").evaluate("e => getComputedStyle(e).opacity")) == 1  # no hover
    box = tool.bounding_box()
    assert min(box["width"], box["height"]) >= 24  # WCAG 2.2, target size
    assert page.locator("#scene").bounding_box()["y"] < 844  # the page has scrolled to it


def test_keyboard_operates_the_page(page):
    page.locator("#first-line :is(input, textarea)").focus()
    page.keyboard.type("Ann: hello there.")
    page.keyboard.press("Enter")  # submits the form
    finished_text(page)
    page.get_by_label("Edit", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    words = page.locator("#scene .word")
    expect(words.nth(3)).to_be_visible()
    assert page.locator("#scene .word[tabindex='0']").count() == 1
    words.first.focus()
    page.keyboard.press("ArrowRight")
    expect(words.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#alternatives .option").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#alternatives")).to_have_count(0)
    expect(words.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#alternatives .option").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert finished_text(page)


# The dark theme differs in its colors only.
@pytest.mark.parametrize(
    ("theme", "rules"), [("light", {}), ("dark", {"runOnly": "color-contrast"})]
)
def test_axe_finds_no_serious_accessibility_fault(tab, address, theme, rules):
    def violations():
        return (
            Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
        )

    page = tab
    open_page(page, f"{address}/?__theme={theme}")
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark == (theme == "dark")
    write_scene(page, "[setting: the pier]\n\nAnn: (waving) hello Zorblax.", seed="5")
    page.locator("#scene .line").nth(1).hover()
    found = {"script": violations()}
    page.locator("#history summary").click()
    page.get_by_role("button", name="Side by side").click()
    found["side by side"] = violations()
    page.get_by_role("button", name="Choose take 2").click()
    page.get_by_role("button", name=re.compile("^Rewrite line 3 ")).click()
    finished_text(page)
    page.get_by_role("button", name=re.compile("^Rename: ")).click()
    found["takes of a line, history"] = violations()
    page.get_by_label("Surprise", exact=True).check()
    page.locator("#scene .word").nth(3).click()
    page.locator("#alternatives").wait_for()
    found["probabilities"] = violations()
    page.get_by_label("Edit", exact=True).check()
    found["edit"] = violations()
    for tab in ("Compare", "About"):
        page.get_by_role("tab", name=tab).click()
        found[tab] = violations()
    serious = [
        (view, fault["impact"], fault["id"], [node["html"] for node in fault["nodes"]][:3])
        for view, faults in found.items()
        for fault in faults
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []
