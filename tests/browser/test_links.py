"""Links that hold a scene."""

import pytest
from playwright.sync_api import expect

from tests.browser.driver import (
    click,
    finished_text,
    open_page,
    reload,
    script_lines,
    text_of,
    write_scene,
)

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("edited", [False, True])
def test_link_reproduces_the_scene_in_another_tab(page, edited):
    text = write_scene(page, "Ann: hello Zorblax, über naïve.", seed="11")
    if edited:
        page.get_by_label("Edit", exact=True).check()
        text = text[:60] + "\n\nBob: an end."
        page.locator("#editor textarea").fill(text)
    click(page, "Copy link")
    expect(page.locator("#message")).to_contain_text("link")
    expect(page.locator("#note")).to_contain_text("Edited by hand" if edited else "Seed 11")
    page.evaluate("localStorage.clear()")  # as in another browser
    other = page.context.new_page()
    open_page(other, page.url)
    assert finished_text(other) == text
    expect(other.locator("#note")).to_contain_text("words" if edited else "Seed 11")


def test_second_link_opens_in_the_same_tab_and_the_address_forgets_it(page):
    links = []
    for seed in ("11", "12"):
        write_scene(page, "Ann: hello there.", seed=seed)
        click(page, "Copy link")
        page.wait_for_url("**/#scene=*")
        links.append((page.url, text_of(page)))
    (first, first_text), (_, second_text) = links
    page.evaluate("(address) => { location.href = address; }", first)
    assert finished_text(page) == first_text
    expect(page.locator("#note")).to_contain_text("Seed 11")
    click(page, "Undo")
    assert text_of(page) == second_text
    assert "#" not in page.url
    page.evaluate("(address) => { location.href = address; }", first)
    assert finished_text(page) == first_text
    third_text = write_scene(page, "Bob: no?", seed="13")
    assert "#" not in page.url
    reload(page)
    assert text_of(page) == third_text


def test_bad_link_says_what_is_wrong(page):
    write_scene(page, "Ann: hello there.", seed="11")
    before = script_lines(page)
    click(page, "Copy link")
    page.wait_for_url("**/#scene=*")
    for bad in (page.url[:-9], page.url + "%20", page.url.partition("#")[0] + "#scene="):
        page.evaluate("(address) => { location.href = address; }", bad)
        expect(page.locator("#message")).to_contain_text("The link is damaged or not complete")
        click(page, "Continue")
        finished_text(page)
        expect(page.locator("#message")).to_be_empty()
        assert "#" not in page.url
    assert script_lines(page)[: len(before)] == before
