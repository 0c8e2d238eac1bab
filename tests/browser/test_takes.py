"""Takes of a scene and of a line: shown one at a time or side by side, chosen, extended."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.driver import (
    click,
    downloaded,
    finished_text,
    script_lines,
    text_of,
    write_scene,
)

pytestmark = pytest.mark.browser


def test_takes_of_a_scene_are_chosen_and_extended(page):
    first = write_scene(page, "Ann: hello there.", seed="7")
    place, note = page.locator("#takes .place"), page.locator("#note")
    expect(place).to_have_text("Take 1 of 3")
    expect(note).to_contain_text("Seed 7")
    click(page, "Next take")
    expect(page.get_by_role("button", name="Next take")).to_be_focused()
    expect(place).to_have_text("Take 2 of 3")
    expect(note).to_contain_text("Seed 8")
    second = text_of(page)
    assert second != first
    click(page, "Previous take")
    assert text_of(page) == first
    click(page, "Previous take")  # from the first to the last
    expect(place).to_have_text("Take 3 of 3")
    click(page, "More takes")
    finished_text(page)
    expect(place).to_have_text("Take 4 of 6")
    expect(note).to_contain_text("Seed 10")
    click(page, "Side by side")
    columns = page.locator("#side-by-side .take")
    expect(columns).to_have_count(6)
    expect(columns.nth(1).locator(".line").first).to_be_visible()
    expect(page.get_by_role("region", name="The scene", exact=True)).to_be_hidden()
    expect(page.locator("#write-form")).to_be_hidden()
    assert columns.first.bounding_box()["y"] == columns.nth(1).bounding_box()["y"]
    click(page, "Choose take 2")
    expect(page.get_by_role("region", name="The scene", exact=True)).to_be_focused()
    assert text_of(page) == second
    assert json.loads(downloaded(page, "Download JSON"))["seed"] == 8
    click(page, "Undo")
    expect(place).to_have_text("Take 3 of 3")
    click(page, "Redo")
    expect(place).to_have_text("Take 2 of 6")


def test_takes_of_a_line_differ_in_that_line_only(page):
    write_scene(page, "Ann: hello there.", seed="3")
    before = script_lines(page)
    page.locator("#scene .line").nth(2).hover()
    page.get_by_role("button", name=re.compile("Rewrite line 3 ")).click()
    finished_text(page)
    expect(page.locator("#takes")).to_contain_text("Line 3:")
    expect(page.get_by_role("button", name=re.compile("Rewrite line 3 "))).to_be_focused()
    at_line = page.locator("#scene .line").nth(2).locator(".switcher")
    versions = set()
    for place in (1, 2, 3):
        expect(at_line).to_contain_text(f"{place}/3")
        lines = script_lines(page)
        assert lines[:2] + lines[3:] == before[:2] + before[3:]
        versions.add(lines[2])
        at_line.get_by_role("button", name="Next take").click()
        expect(at_line.get_by_role("button", name="Next take")).to_be_focused()
    for _ in range(3):  # the show is small: many lines from different seeds are equal
        click(page, "More takes")
        finished_text(page)
        versions.add(script_lines(page)[2])
    assert len(versions) > 1
    expect(at_line).to_contain_text("10/12")


def test_number_of_takes_is_an_option(page):
    page.get_by_text("Sampling options").click()
    page.get_by_label("number input for Takes").fill("1")
    write_scene(page, "Ann: hello there.", seed="3")
    expect(page.locator("#takes .switcher")).to_have_count(0)
    expect(page.get_by_role("button", name="More takes")).to_be_visible()
