"""The view Surprise in Chromium: own words, probabilities at hand, the table, contrast."""

import pytest
from playwright.sync_api import expect

from tests.browser.driver import finished_text, open_page, write_scene

pytestmark = pytest.mark.browser

# The contrast of two CSS colors, by WCAG 2.
CONTRAST = """([one, other]) => {
  const luminance = (color) => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


def show_words(page):
    page.get_by_label("Surprise", exact=True).check()
    words = page.locator("#scene .word")
    expect(words.nth(8)).to_be_visible()
    return words


def test_own_word_replaces_a_word(page):
    write_scene(page, "Ann: hello there.", seed="5")
    words = show_words(page)
    words.nth(1).click()
    field = page.get_by_label("Your own word")
    page.get_by_role("button", name="Use it").click()  # empty: nothing is written
    expect(field).to_be_visible()
    field.fill("  ")
    field.press("Enter")
    expect(field).to_be_visible()
    field.fill("zorblax")
    field.press("Enter")
    text = finished_text(page)
    assert text.lower().startswith("ann: zorblax")
    expect(page.locator("#facts")).to_contain_text("not in the show: zorblax")
    expect(words.nth(1)).to_have_class("word unknown")


def test_probability_is_shown_at_the_pointer_and_at_the_focus(page):
    write_scene(page, "Ann: hello zorblax.", seed="5")
    words = show_words(page)
    tip = page.get_by_role("tooltip")
    words.nth(1).hover()
    expect(tip).to_have_text(words.nth(1).get_attribute("data-tip"))
    assert words.nth(1).get_attribute("data-tip").endswith("%")
    word, place = words.nth(1).bounding_box(), tip.bounding_box()
    assert place["y"] >= word["y"] + word["height"]
    page.locator("h1").hover()
    expect(tip).to_be_hidden()
    words.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(words.nth(2)).to_be_focused()
    expect(tip).to_contain_text("%, not in the show")
    assert words.nth(2).get_attribute("aria-describedby") == "word-tip"
    assert page.locator("[aria-describedby='word-tip']").count() == 1
    page.keyboard.press("Tab")
    expect(page.locator("#scene .words summary")).to_be_focused()
    expect(tip).to_be_hidden()


def test_table_has_each_word_with_its_probability(page):
    write_scene(page, "Ann: hello there.", seed="5")
    words = show_words(page)
    page.locator("#scene .words summary").focus()
    page.keyboard.press("Enter")
    rows = page.locator("#scene .words tbody tr")
    expect(rows.first).to_contain_text("Ann:")
    cells = rows.evaluate_all("rows => rows.map(row => [...row.cells].map(c => c.textContent))")
    shown = [cell for cell in cells if cell[0] != "(new line)"]
    assert [word for word, _ in shown] == words.all_inner_texts()
    assert [tip for _, tip in shown] == [word.get_attribute("data-tip") for word in words.all()]
    assert len(cells) > len(shown)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_outline_and_underline_have_contrast(tab, address, theme):
    page = tab
    open_page(page, f"{address}/?__theme={theme}")
    write_scene(page, "Ann: hello zorblax.", seed="5")
    words = show_words(page)
    words.nth(2).click()
    expect(page.locator("#alternatives")).to_be_visible()
    style = "(e, name) => getComputedStyle(e)[name]"
    box = page.locator("#scene .script").evaluate(style, "backgroundColor")
    outline = words.nth(2).evaluate(style, "outlineColor")
    underline = words.nth(2).evaluate(style, "textDecorationColor")
    set_level = "(e, level) => { e.dataset.surprise = level; }"
    backgrounds = [box]
    for level in range(1, 6):
        words.nth(3).evaluate(set_level, str(level))
        backgrounds.append(words.nth(3).evaluate(style, "backgroundColor"))
    assert len(set(backgrounds)) == 6
    for line in (outline, underline):
        for background in backgrounds:
            assert page.evaluate(CONTRAST, [line, background]) >= 3, (line, background)
