"""The page in Chromium: copying, printing, reading aloud, and the image of a scene."""

import io
import pathlib
import re
import struct

import matplotlib.image
import pytest
from playwright.sync_api import expect

from tests.browser.driver import edit_text, open_page

pytestmark = pytest.mark.browser

TEXT = "[setting: the pier]\n\n(a gull lands)\n\nBob: (waving) hello!\n\nAnn: not now.\n\nBob: no?"
# A browser with three voices, one of which is on another host, that speaks at once.
VOICES = """(() => {
  const voices = [["a", "en-GB", true], ["b", "en-US", true], ["far", "en-GB", false]].map(
    ([name, lang, localService]) => ({ name, lang, localService }));
  window.spoken = [];
  window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
  const synthesis = new EventTarget();
  Object.assign(synthesis, {
    queue: [],
    getVoices: () => (window.noVoices ? [] : voices),
    speak(each) { this.queue.push(each); },
    cancel() { this.queue = []; },
    next() {
      const each = this.queue.shift();
      each.onstart?.();
      window.spoken.push([each.text, each.voice.name, each.pitch]);
      each.onend?.();
    },
  });
  Object.defineProperty(window, "speechSynthesis", { value: synthesis });
})();"""
SELECT = """(selector) => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector(selector));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}"""


def show_text(page, text):
    """Puts a scene into the editor, and shows it as a script."""
    edit_text(page, text)
    page.get_by_label("Script", exact=True).check()
    expect(page.locator("#scene .script > *")).to_have_count(len(text.split("\n\n")))


def test_copied_scene_is_the_script_without_buttons(page):
    show_text(page, TEXT)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#scene .line").nth(1).hover()  # shows the buttons of the line
    for selector in ("#scene .script", "body"):
        page.evaluate(SELECT, selector)
        page.keyboard.press("ControlOrMeta+c")
        copied = page.evaluate("navigator.clipboard.readText()")
        lines = [line for line in copied.split("\n") if line.strip()]
        scene = TEXT.split("\n\n")
        start = lines.index(scene[0])
        assert lines[start : start + len(scene)] == scene
        assert not set("↻▸") & set(copied)


def test_heading_ends_with_its_bracket(page):
    show_text(page, "[setting: the pier]\n\n[setting: a bench]. Bob sits down.\n\n[setting: a lo")
    headings = page.locator("#scene .heading")
    expect(headings).to_have_count(2)
    assert "[SETTING: A LO" in headings.all_inner_texts()[1]
    assert "]" not in headings.all_inner_texts()[1]
    expect(page.locator("#scene .line")).to_contain_text("[setting: a bench]. Bob sits down.")


def test_paper_has_the_script_alone(page):
    fire = "(name) => window.dispatchEvent(new Event(name))"
    page.evaluate(fire, "beforeprint")
    assert page.locator("#sheet").count() == 0  # no scene yet: the page itself is printed
    show_text(page, TEXT)
    for view in ("Script", "Edit"):
        page.get_by_label(view, exact=True).check()
        page.evaluate(fire, "beforeprint")
        expect(page.locator("#sheet")).to_be_hidden()
        page.emulate_media(media="print")
        expect(page.locator("#sheet")).to_be_visible()
        expect(page.locator("#header, .gradio-container button").first).to_be_hidden()
        expect(page.locator("#sheet button")).to_have_count(0)
        line = page.locator("#sheet .line").nth(1)
        tops = "e => [e, e.querySelector('.speaker')].map(e => e.getBoundingClientRect().top)"
        top, name = line.evaluate(tops)
        height = line.bounding_box()["height"]
        assert name - top < 1
        assert height > 2 * 15  # the name has a row of its own
        page.emulate_media(media="screen")
        page.evaluate(fire, "afterprint")
        expect(page.locator("#sheet")).to_have_count(0)
    page.get_by_role("tab", name="About").click()
    page.evaluate(fire, "beforeprint")
    assert page.locator("#sheet").count() == 0


def test_read_aloud_has_one_voice_for_each_speaker(tab, address):
    page = tab.context.new_page()
    page.add_init_script(VOICES)
    open_page(page, address)
    page.get_by_role("button", name="Read aloud").click()
    expect(page.locator("#note")).to_contain_text("Write a scene first")
    show_text(page, TEXT)
    assert page.evaluate("window.spoken") == []  # off until it is asked for
    page.get_by_role("button", name="Read aloud").click()
    stop = page.get_by_role("button", name="Stop reading")
    expect(stop).to_be_focused()
    for place in range(5):
        page.evaluate("speechSynthesis.next()")
        if place < 4:
            expect(page.locator("#scene .spoken")).to_have_count(1)
    spoken = page.evaluate("window.spoken")
    words = [re.sub(r"\s+", " ", text) for text, *_ in spoken]
    assert words == ["setting: the pier", "a gull lands", "hello!", "not now.", "no?"]
    voices = [tuple(voice) for _, *voice in spoken]
    assert voices[0] == voices[1]
    assert voices[2] == voices[4]
    assert len(set(voices)) == 3
    assert {name for name, _ in voices} == {"a", "b"}
    expect(stop).to_be_hidden()  # it has ended
    expect(page.locator("#scene .spoken")).to_have_count(0)
    page.get_by_role("button", name="Read aloud").click()
    expect(stop).to_be_visible()
    show_text(page, "Ann: something else.")  # another scene
    expect(stop).to_be_hidden()
    assert page.evaluate("speechSynthesis.queue.length") == 0
    page.evaluate("window.noVoices = true")
    page.get_by_role("button", name="Read aloud").click()
    expect(page.locator("#note")).to_contain_text("no voice of its own")


def saved_image(page):
    """The content of the PNG file, and its size (width, height) in pixels."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save image").click()
    assert download.value.suggested_filename == "cold-open.png"
    content = pathlib.Path(download.value.path()).read_bytes()
    assert content.startswith(b"\x89PNG")
    return content, struct.unpack(">II", content[16:24])


def test_image_shows_the_scene(page):
    show_text(page, TEXT)
    content, (width, height) = saved_image(page)
    pixels = matplotlib.image.imread(io.BytesIO(content))
    assert pixels.shape[:2] == (height, width)
    rows, columns = (pixels[..., :3].min(axis=2) < 0.6).nonzero()
    assert len(rows) > 1000
    assert min(columns) >= 80  # margins
    assert max(columns) <= width - 80
    show_text(page, "Ann: " + "x" * 300 + "\n\nBob: no?" * 900)
    _, (other_width, other_height) = saved_image(page)
    assert other_width == width
    assert height < other_height <= 8000  # cut: phones draw no larger canvas
