"""The page while a scene is written: buttons, focus, scroll position, notes, and errors."""

import re

import pytest
from playwright.sync_api import expect

from serve.limits import MAX_TEXT
from tests.browser.driver import (
    click,
    edit_text,
    finished_text,
    open_page,
    reload,
    text_of,
    write_scene,
)

pytestmark = pytest.mark.browser

FOCUSED = "document.activeElement.closest('#scene .script') !== null"


def start_long_scene(page, first_line=""):
    """Starts a scene that other clients keep from ending soon."""
    page.get_by_text("Sampling options").click()
    page.get_by_label("number input for Length").first.fill("1000")
    page.locator("#first-line :is(input, textarea)").fill(first_line)
    click(page, "Write")
    expect(page.locator("#scene .line").nth(1)).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("size", [(390, 844), (640, 450)], ids=["phone", "zoom 200 %"])
def test_page_opens_at_its_top(tab, address, size):
    page = tab
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_page(page, address)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("scrollY") == 0
    write_scene(page)
    page.evaluate("scrollTo(0, 0)")
    reload(page)  # now with a scene that is restored
    page.wait_for_load_state("networkidle")
    assert page.evaluate("scrollY") == 0


def test_buttons_while_a_scene_is_written(page, other_scenes):
    page.set_viewport_size({"width": 1200, "height": 300})
    button = {
        name: page.get_by_role("button", name=name, exact=True)
        for name in ("Write", "Stop", "Undo", "Redo", "Continue")
    }
    expect(button["Stop"]).to_be_disabled()
    expect(button["Undo"]).to_be_disabled()
    start_long_scene(page)
    place = button["Write"].bounding_box()
    assert button["Stop"].bounding_box()["x"] >= place["x"] + place["width"]
    for name in ("Write", "Undo", "Redo", "Continue"):
        expect(button[name]).to_be_disabled()
    expect(page.get_by_label("Edit", exact=True)).to_be_disabled()
    assert page.evaluate(FOCUSED)
    box = page.get_by_role("region", name="The scene", exact=True)
    expect(page.locator("#scene .line").nth(7)).to_be_attached(timeout=30_000)
    first = page.locator("#scene .line").first.bounding_box()["y"]
    assert box.bounding_box()["y"] < first < 300  # the first line is still in view
    page.evaluate("location.hash = '#scene=q64FAA'")
    expect(page.locator("#message")).to_contain_text("A scene is being written")
    assert "#" not in page.url
    click(page, "Stop")
    expect(button["Stop"]).to_be_disabled()
    for name in ("Write", "Undo", "Continue"):
        expect(button[name]).to_be_enabled()
    assert button["Stop"].bounding_box()["x"] >= place["x"] + place["width"]
    expect(page.get_by_label("Edit", exact=True)).to_be_enabled()
    click(page, "Undo")
    expect(page.locator("#scene .hint")).to_be_visible()


def test_double_click_on_write_writes_one_scene(page):
    page.get_by_role("button", name="Write", exact=True).dblclick()
    assert finished_text(page)
    click(page, "Undo")
    assert text_of(page) == ""
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()


def test_note_belongs_to_the_scene_on_the_screen(page):
    note = page.locator("#note")
    first = write_scene(page, "Ann: hello Zorblax.", seed="7")
    expect(note).to_contain_text("not in the show: zorblax")
    write_scene(page, "Bob: no?", seed="8")
    expect(note).to_contain_text("Seed 8")
    expect(note).not_to_contain_text("not in the show")
    click(page, "Undo")
    assert text_of(page) == first
    expect(note).to_contain_text("Seed 7")
    expect(note).to_contain_text("not in the show: zorblax")
    click(page, "Redo")
    expect(note).to_contain_text("Seed 8")
    page.get_by_label("Seed", exact=False).first.fill("seven")
    click(page, "Write")
    toast = page.get_by_text("Seed must be a whole number")
    expect(toast).to_have_count(1)
    expect(page.get_by_role("button", name="Write", exact=True)).to_be_enabled()
    page.wait_for_timeout(500)  # a second message would come within this time
    expect(toast).to_have_count(1)
    expect(note).to_contain_text("Seed 8")
    click(page, "Undo")  # the scene that failed is no step
    assert text_of(page) == first
    page.errors = [line for line in page.errors if "Seed must be" not in line]


def test_note_lists_only_words_that_a_person_typed(page):
    note = page.locator("#note")
    write_scene(page, "Ann: hello Zorblax", seed="7")  # the model continues the line
    page.get_by_label("Edit", exact=True).check()
    page.locator("#editor textarea").fill(text_of(page) + "\n\nBob: quokka, no?")
    expect(note).to_contain_text("Edited by hand")
    click(page, "Continue")
    finished_text(page)
    expect(note).to_contain_text("not in the show: zorblax, quokka")
    page.get_by_label("Script", exact=True).check()
    page.locator("#scene .line").nth(1).hover()
    page.get_by_role("button", name=re.compile("Rewrite line 2 ")).click()
    finished_text(page)
    expect(note).to_contain_text("not in the show: zorblax, quokka")


def test_words_and_alternatives_belong_to_the_scene_on_the_screen(page):
    write_scene(page, "Ann: hello there.", seed="3")
    write_scene(page, "(a bell)\n\nBob: no?", seed="4")
    page.get_by_label("Surprise", exact=True).check()
    words = page.locator("#scene .word")
    expect(words.nth(1)).to_have_text("a")
    page.get_by_role("button", name="Undo").click()
    expect(words.nth(1)).to_have_text(re.compile("hello", re.IGNORECASE))
    words.nth(1).click()
    expect(page.locator("#alternatives")).to_be_visible()
    click(page, "Next take")
    expect(page.locator("#alternatives")).to_have_count(0)
    expect(words.nth(1)).to_be_visible()
    shown = "".join(words.all_inner_texts())
    assert re.sub(r"\W", "", shown).lower() == re.sub(r"\W", "", text_of(page)).lower()
    words.nth(1).click()
    page.locator("#alternatives .option").nth(1).click()
    finished_text(page)
    expect(words.nth(1)).to_be_focused()


def test_moved_slider_deselects_the_preset(page):
    page.get_by_text("Sampling options").click()
    temperature = page.get_by_label("number input for Temperature").first
    page.get_by_label("wild").first.check()
    expect(temperature).to_have_value("1.15")
    temperature.fill("0.5")
    expect(page.get_by_label("wild").first).not_to_be_checked()
    page.get_by_label("wild").first.check()
    expect(temperature).to_have_value("1.15")


def test_example_writes_at_once(page):
    example = page.get_by_role("button", name=re.compile("^(Ann|Bob) alone"))
    name = example.inner_text().split()[0]
    example.click()
    finished_text(page)
    assert set(page.locator("#scene .speaker").all_inner_texts()) == {name.upper()}
    expect(page.get_by_label(name, exact=True)).to_be_checked()
    expect(page.locator("#header")).to_contain_text("Nothing need be filled in")
    assert "coffee" not in page.content()


def test_full_scene_says_why_it_ended_and_what_to_do(page):
    edit_text(page, "Ann: hello there.\n\n" * (MAX_TEXT // 19))
    click(page, "Continue")
    assert len(finished_text(page)) <= MAX_TEXT
    expect(page.locator("#note")).to_contain_text("The scene is full (12,000 characters)")
    expect(page.locator("#note")).to_contain_text("start another one or delete some lines")
