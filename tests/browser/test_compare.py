"""The Compare tab in Chromium: equal heights, Stop, the seed, and the scene that is used."""

import pytest
from playwright.sync_api import expect

from tests.browser.driver import finished_text, write_scene

pytestmark = pytest.mark.browser


def write_both(page, line="Ann: hello", seed=""):
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("First line").last.fill(line)
    page.get_by_label("Seed").last.fill(seed)
    start = page.get_by_role("button", name="Write both")
    start.click()
    page.wait_for_function("!document.querySelector('#write-both').disabled")
    expect(page.locator("#scene-right .use")).to_be_visible(timeout=20_000)
    expect(start).to_be_enabled()


def test_fields_and_scenes_have_equal_heights(page):
    page.get_by_role("tab", name="Compare").click()
    hints = page.locator(":is(#scene-left, #scene-right) .hint")
    expect(hints).to_have_count(2)
    expect(page.get_by_role("button", name="Stop both")).to_be_disabled()
    height = "boxes => boxes.map(box => Math.round(box.getBoundingClientRect().height))"
    for selector in ("#compare-prompt input", ":is(#scene-left, #scene-right) .script"):
        assert len(set(page.locator(selector).evaluate_all(height))) == 1
    before = page.locator("#scene-left .script").evaluate_all(height)
    write_both(page)
    expect(page.get_by_role("button", name="Stop both")).to_be_disabled()
    heights = page.locator(":is(#scene-left, #scene-right) .script").evaluate_all(height)
    assert heights == before * 2


def test_seed_is_shared_and_used_again(page):
    write_both(page)
    seeds = page.locator(":is(#scene-left, #scene-right) .seed")
    expect(seeds).to_have_count(2)
    first, second = (seed.inner_text() for seed in seeds.all())
    assert first == second
    texts = page.locator(":is(#scene-left, #scene-right) .script").all_inner_texts()
    seeds.last.click()
    expect(page.get_by_label("Seed").last).to_have_value(first.removeprefix("Seed "))
    write_both(page, seed=first.removeprefix("Seed "))
    assert page.locator(":is(#scene-left, #scene-right) .script").all_inner_texts() == texts


def test_scene_is_used_in_the_write_tab(page):
    before = write_scene(page, "Bob: no?", seed="1")
    write_both(page, seed="7")
    right = page.locator("#scene-right .script").inner_text()
    page.locator("#scene-right .use").click()
    expect(page.get_by_role("tab", name="Write")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#scene .script")).to_be_focused()
    assert page.locator("#scene .script").inner_text().replace("↻▸", "").split() == right.split()
    expect(page.locator("#facts")).to_contain_text("Seed 7")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#editor textarea")).to_have_value(before)


def test_stop_ends_both_scenes(page, other_scenes):
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("number input for Length").last.fill("1000")
    page.get_by_role("button", name="Write both").click()
    expect(page.locator("#scene-left .line").nth(1)).to_be_visible(timeout=20_000)
    stop = page.get_by_role("button", name="Stop both")
    expect(stop).to_be_enabled()
    expect(page.get_by_role("button", name="Write both")).to_be_disabled()
    stop.click()
    expect(stop).to_be_disabled()
    expect(page.get_by_role("button", name="Write both")).to_be_enabled()
    expect(page.locator("#scene-left .use")).to_be_visible()


def test_seed_of_a_scene_is_put_into_the_form(page):
    text = write_scene(page, "Ann: hello", seed="41")
    page.get_by_label("Seed").first.fill("")
    page.locator("#facts .seed").click()
    expect(page.get_by_label("Seed").first).to_have_value("41")
    expect(page.locator("#message")).to_contain_text("Seed 41")
    assert write_scene(page, "Ann: hello") == text


def test_next_line_is_spoken_by_the_chosen_speaker(page):
    page.get_by_label("Edit", exact=True).check()
    for choice, speaker in (("only Bob", "Bob"), ("not Bob", "Ann"), ("only Ann", "Ann")):
        page.get_by_label("Next line by").fill(choice)
        page.get_by_role("option", name=choice).click()
        for _ in range(2):
            page.locator("#editor textarea").fill("Ann: hello there.")
            page.get_by_role("button", name="Continue", exact=True).click()
            added = finished_text(page).removeprefix("Ann: hello there.").split("\n")
            spoken = [line for line in added if line and not line.startswith(("(", "["))]
            assert spoken[0].startswith(f"{speaker}:")


def test_phone_has_no_row_of_one_button(phone):
    page = phone
    tops = page.locator("#tools button:visible").evaluate_all(
        "buttons => buttons.filter(b => b.closest('#mode, #next-line') === null)"
        ".map(b => Math.round(b.getBoundingClientRect().top))"
    )
    assert len(tops) == 3
    assert len(set(tops)) == 1
    assert page.locator("footer").inner_text().strip() == ""  # no lone dot between two links
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about h2").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.locator("#about :is(h2, h3, p)").evaluate_all(
        "all => Object.fromEntries("
        "all.map(e => [e.tagName, parseFloat(getComputedStyle(e).fontSize)]))"
    )
    assert sizes["H2"] > sizes["H3"] > sizes["P"]  # headings look like headings
