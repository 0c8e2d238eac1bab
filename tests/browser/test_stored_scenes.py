"""What the browser keeps: the scene, the form and the history; and the files that it opens."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.driver import (
    click,
    downloaded,
    finished_text,
    open_page,
    reload,
    text_of,
    write_scene,
)

pytestmark = pytest.mark.browser

DROP = """([name, content]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([content], name));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
}"""

# The form is restored only after the test has typed.
SLOW_LOAD = """(() => {
  const typed = new Promise((resolve) => { window.goOn = resolve; });
  let api;
  Object.defineProperty(window, "coldOpen", {
    get: () => api,
    set: (value) => {
      const { load } = value.events;
      value.events.load = async (defaults) => {
        await typed;
        setTimeout(() => { window.restored = true; });
        return load(defaults);
      };
      api = value;
    },
  });
})();"""


def test_scene_form_and_takes_survive_a_refresh_until_all_is_deleted(page, address):
    page.get_by_label("Bob", exact=True).check()
    page.get_by_label("Setting").first.fill("the pier")
    page.get_by_label("wild").first.check()
    text = write_scene(page, "Bob: no?", seed="7")
    click(page, "Next take")
    second = text_of(page)
    reload(page)
    expect(page.locator("#takes .place")).to_have_text("Take 2 of 3")
    assert text_of(page) == second
    expect(page.locator("#note")).to_contain_text("Seed 8")
    expect(page.get_by_label("Bob", exact=True)).to_be_checked()
    expect(page.get_by_label("Ann", exact=True)).not_to_be_checked()
    expect(page.get_by_label("Setting").first).to_have_value("the pier")
    expect(page.locator("#first-line :is(input, textarea)")).to_have_value("Bob: no?")
    expect(page.get_by_label("wild").first).to_be_checked()
    click(page, "Previous take")
    assert text_of(page) == text
    page.get_by_label("Edit", exact=True).check()
    page.locator("#editor textarea").fill("Ann: mine.")
    page.wait_for_timeout(600)  # typing is stored after a pause
    other = page.context.new_page()  # a new tab begins with the last scene of any tab
    open_page(other, address)
    expect(other.locator("#scene .line").first).to_contain_text("mine.")
    write_scene(other, "Ann: of the other tab.")
    other.close()
    reload(page)
    assert text_of(page) == "Ann: mine."
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#history summary").click()
    click(page, "Delete everything")
    page.wait_for_function("!localStorage.length")
    page.get_by_role("button", name="Write", exact=True).wait_for()
    expect(page.locator("#scene .hint")).to_be_visible()
    expect(page.get_by_label("Bob", exact=True)).not_to_be_checked()


@pytest.mark.parametrize("stored", [False, True])
def test_text_typed_while_the_form_is_restored_stays(page, address, stored):
    if stored:  # a form whose fields are as at first, but for a box
        page.get_by_label("wild").first.check()
        page.get_by_label("Bob", exact=True).check()
        page.get_by_label("Bob", exact=True).uncheck()
        page.get_by_text("Sampling options").click()
        page.get_by_label("Seed").first.fill("4")
        page.get_by_label("Seed").first.fill("")
        page.wait_for_timeout(600)  # the form is stored after a pause
    page = page.context.new_page()
    page.add_init_script(SLOW_LOAD)
    page.goto(address)
    page.locator("#first-line :is(input, textarea)").fill("Ann: hello there.")
    page.get_by_label("Setting").first.fill("the pier")
    page.get_by_label("Ann", exact=True).check()
    page.get_by_text("Sampling options").click()
    page.get_by_label("Seed").first.fill("7")
    page.evaluate("window.goOn()")
    page.wait_for_function("window.restored")
    page.wait_for_timeout(300)  # Gradio applies the restored values after the call
    expect(page.locator("#first-line :is(input, textarea)")).to_have_value("Ann: hello there.")
    expect(page.get_by_label("Setting").first).to_have_value("the pier")
    expect(page.get_by_label("Ann", exact=True)).to_be_checked()
    expect(page.get_by_label("Seed").first).to_have_value("7")
    if stored:
        expect(page.get_by_label("wild").first).to_be_checked()


def test_history_opens_renames_stars_and_deletes_scenes(page):
    first = write_scene(page, "[setting: the pier]\n\nAnn: hello there.", seed="7")
    second = write_scene(page, "Bob: no?", seed="8")
    page.locator("#history summary").click()
    entries = page.locator("#history .entry")
    expect(entries).to_have_count(2)
    expect(entries.first).to_contain_text("Bob: no?")
    expect(entries.nth(1)).to_contain_text("the pier")
    expect(entries.nth(1)).to_contain_text("Ann: hello there.")
    assert entries.nth(1).locator("time").get_attribute("datetime").startswith("20")
    click(page, "the pier")
    assert text_of(page) == first
    expect(page.locator("#note")).to_contain_text("Seed 7")
    click(page, "Undo")
    assert text_of(page) == second
    click(page, "Rename: the pier")
    page.keyboard.type("My <b>best</b>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="My <b>best</b>", exact=True)).to_be_focused()
    assert text_of(page) == second
    click(page, "Star: My <b>best</b>")
    star = page.get_by_role("button", name="Star: My <b>best</b>")
    expect(star).to_have_attribute("aria-pressed", "true")
    expect(star).to_be_focused()
    expect(entries.first).to_contain_text("My <b>best</b>")  # starred scenes come first
    click(page, "Rename: Bob: no?")
    page.keyboard.type("Not kept")
    page.keyboard.press("Escape")
    click(page, "Rename: Bob: no?")
    page.get_by_label("Setting").first.click()  # keeps the title, and the focus where it was put
    expect(page.get_by_label("Setting").first).to_be_focused()
    click(page, "Delete: Bob: no?")
    expect(page.get_by_role("button", name="Delete: Bob: no?")).to_have_count(0)
    click(page, "Restore it")
    expect(page.get_by_role("button", name="Delete: Bob: no?")).to_be_visible()
    click(page, "Delete: Bob: no?")
    reload(page)
    page.locator("#history summary").click()
    expect(entries).to_have_count(1)
    expect(entries.first).to_contain_text("My <b>best</b>")


FULL_STORAGE = """(most) => {
  const setItem = Storage.prototype.setItem;
  Storage.prototype.setItem = function (key, value) {
    if (key.endsWith(":scenes") && JSON.parse(value).length > most) throw new DOMException("full");
    setItem.call(this, key, value);
  };
}"""


def test_full_storage_drops_the_oldest_scene_without_a_star(page):
    page.locator("#history summary").click()
    page.evaluate(FULL_STORAGE, 2)
    write_scene(page, "[setting: the pier]", seed="1")
    click(page, "Star: the pier")
    for place in ("the bar", "the roof"):
        text = write_scene(page, f"[setting: {place}]", seed="1")
    entries = page.locator("#history .entry")
    expect(entries).to_have_count(2)
    expect(entries.first).to_contain_text("the pier")
    expect(entries.nth(1)).to_contain_text("the roof")
    page.evaluate(FULL_STORAGE, 0)  # as where the browser blocks storage
    text = write_scene(page, "[setting: the sea]", seed="1")
    expect(page.locator("#message")).to_contain_text("cannot keep the scene: download it")
    assert downloaded(page, "Download .txt") == text


def test_files_are_opened_by_a_button_and_when_they_are_dropped(page, tmp_path):
    text = write_scene(page, "Ann: hello there.", seed="7")
    (tmp_path / "scene.json").write_text(downloaded(page, "Download JSON"), encoding="utf-8")
    write_scene(page, "Bob: no?")
    page.locator("#history summary").click()
    page.evaluate("window.sceneStarted = false")
    page.locator("#open-file").set_input_files(tmp_path / "scene.json")
    assert finished_text(page) == text
    expect(page.locator("#note")).to_contain_text("Seed 7")
    page.evaluate(DROP, ["mine.txt", "\ufeffAnn: über <i>x</i>\r\n\r\nBob: no."])
    expect(page.locator("#scene .line")).to_have_count(2)
    assert text_of(page) == "Ann: über <i>x</i>\n\nBob: no."
    click(page, "Undo")
    assert text_of(page) == text
    message = page.locator("#message")
    for name, content, problem in (
        ("scene.pdf", "x", "choose a .json or .txt file"),
        ("long.txt", "x" * 12_001, "at most 12,000 characters, this file 12,001"),
        ("empty.txt", " \n", "holds no text"),
    ):
        page.evaluate(DROP, [name, content])
        expect(message).to_contain_text(problem)
        assert text_of(page) == text
    page.evaluate(DROP, ["other.json", json.dumps({"format": "another"})])
    expect(page.get_by_text("This JSON is not a scene")).to_be_visible()
    assert text_of(page) == text
    page.errors = [line for line in page.errors if "not a scene" not in line]
