"""The page in a real Chromium, served by the real command."""

import json
import os
import pathlib
import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from tests.serving import serving

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.browser
# Remembers that a scene was begun, also one that ends before anyone looks.
WATCH = """document.addEventListener("DOMContentLoaded", () => {
  const look = () => { if (document.body.classList.contains("writing")) window.begun = true; };
  new MutationObserver(look).observe(document.body, { attributes: true });
});"""
DONE = "window.begun && !document.body.classList.contains('writing')"


@pytest.fixture(scope="module")
def address(bundle, tmp_path_factory):
    with serving(bundle, tmp_path_factory.mktemp("log"), "--rate-limit", "") as server:
        yield server.address
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.fail("no Chromium on this machine: install one, or give its path as CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    context = browser.new_context(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.asked, page.wrong = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda m: page.wrong.append(m.text) if m.type == "error" else None)
    opened(page, address)
    yield page
    # Nothing from anywhere else, and nothing that went wrong.
    assert all(url.startswith((address, "data:", "blob:")) for url in page.asked), page.asked
    assert page.wrong == []
    context.close()


def opened(page, address):
    page.add_init_script(WATCH)
    page.goto(address)
    page.get_by_role("button", name="Write", exact=True).wait_for()


def write(page, first="", **fields):
    """Writes a scene to its end; returns its text."""
    page.locator("#first-line :is(input, textarea)").fill(first)
    if fields:
        if not page.get_by_label("Seed").first.is_visible():
            page.get_by_text("Finer controls").click()
        for label, value in fields.items():
            page.get_by_label(label.replace("_", " "), exact=False).first.fill(value)
    page.get_by_role("button", name="Write", exact=True).click()
    return finished(page)


def finished(page):
    page.wait_for_function(DONE, timeout=20_000)
    page.evaluate("window.begun = false")
    return page.locator("#editor textarea").input_value()


def lines(page):
    return [line for line in page.locator("#editor textarea").input_value().split("\n") if line]


def pressed_download(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return pathlib.Path(download.value.path()).read_text(encoding="utf-8")


def test_a_scene_streams_in_as_a_script_and_can_be_kept(page):
    text = write(page, "(a bell)\n\nBob: no?", Seed="7")
    expect(page.locator("#note")).to_contain_text("Seed 7")
    expect(page.locator("#note")).to_contain_text("words a second")
    assert text.startswith("(a bell)\n\nBob: no?")
    assert page.locator("#scene .speaker").count() > 10
    expect(page.locator("#scene .direction").first).to_have_text("(a bell)")
    assert set(page.locator("#scene .speaker").all_inner_texts()) <= {"ANN", "BOB"}
    assert pressed_download(page, "Download .txt") == text
    screenplay = pressed_download(page, "Download Fountain")
    assert screenplay.startswith("Title: A scene after The Cafe\n")
    assert "\nBOB\nno?" in screenplay
    recipe = json.loads(pressed_download(page, "Download JSON"))
    assert recipe["seed"] == 7
    assert recipe["prompt"] == "(a bell)\n\nBob: no?"


def test_only_the_chosen_cast_speaks(page):
    page.get_by_label("Bob", exact=True).check()
    write(page)
    assert set(page.locator("#scene .speaker").all_inner_texts()) == {"BOB"}


def test_a_setting_and_an_example(page):
    page.get_by_role("button", name=re.compile("alone")).click()
    expect(page.get_by_label("Setting").first).to_have_value("the coffee shop")
    page.get_by_role("button", name="Write", exact=True).click()
    finished(page)
    expect(page.locator("#scene .heading")).to_have_text(re.compile("setting: the coffee shop"))


def test_stop_stops_and_continue_goes_on(page):
    page.get_by_text("Finer controls").click()
    page.get_by_label("number input for Length").first.fill("1000")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.locator("#scene .line").nth(1)).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Write", exact=True)).to_be_visible()
    page.wait_for_timeout(300)
    before = lines(page)
    page.wait_for_timeout(700)
    assert lines(page) == before
    page.get_by_label("number input for Length").first.fill("40")
    page.get_by_role("button", name="Continue", exact=True).click()
    finished(page)
    assert len(lines(page)) > len(before)
    assert lines(page)[: len(before) - 1] == before[:-1]


def test_a_line_is_rewritten_alone_and_undone(page):
    text = write(page, "Ann: hello there.", Seed="3")
    before = lines(page)
    for _ in range(8):  # a small show: the same line may come again
        page.locator("#scene .line").nth(2).hover()
        page.get_by_role("button", name=re.compile("Rewrite line 3 ")).click()
        finished(page)
        if lines(page) != before:
            break
    after = lines(page)
    assert after[2] != before[2]
    assert after[2].split(":")[0] == before[2].split(":")[0]
    assert after[:2] + after[3:] == before[:2] + before[3:]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#editor textarea")).to_have_value(text)


def test_continue_from_a_line_drops_what_came_after(page):
    write(page, "Ann: hello there.", Seed="3")
    before = lines(page)
    page.locator("#scene .line").nth(1).hover()
    page.get_by_role("button", name=re.compile("Continue after line 2 ")).click()
    finished(page)
    assert lines(page)[:2] == before[:2]
    assert len(lines(page)) > 4


def test_text_is_edited_and_gone_on_from(page):
    write(page, "Ann: hello there.")
    page.get_by_label("Edit", exact=True).check()
    page.locator("#editor textarea").fill("Bob: <b>zebra</b> & <script>alert(1)</script>.")
    page.get_by_label("Script", exact=True).check()
    expect(page.locator("#scene .line")).to_have_count(1)
    expect(page.locator("#scene .line")).to_contain_text("<b>zebra</b>")
    page.get_by_role("button", name="Continue", exact=True).click()
    text = finished(page)
    assert text.startswith("Bob: <b>zebra</b> & <script>alert(1)</script>.\n\n")
    expect(page.locator("#note")).to_contain_text("never heard before: <b>zebra<")
    assert page.locator("#scene script").count() == 0


def test_inside_shows_surprise_and_an_alternative_is_taken(page):
    write(page, "Ann: hello there.", Seed="5")
    page.get_by_label("Inside", exact=True).check()
    words = page.locator("#scene .word")
    expect(words.nth(8)).to_be_visible()
    assert len({word.get_attribute("data-surprise") for word in words.all()}) > 1
    words.nth(1).click()
    options = page.locator("#offer .option")
    expect(options).to_have_count(8)
    shares = [
        float(share.rstrip(" %")) for share in page.locator("#offer .share").all_inner_texts()
    ]
    assert shares == sorted(shares, reverse=True)
    other = next(
        option
        for option in options.all()
        if option.locator(".what").inner_text().isalpha()
        and option.locator(".what").inner_text() != "hello"
    )
    word = other.locator(".what").inner_text()
    other.click()
    text = finished(page)
    assert text.lower().startswith(f"ann: {word}")
    expect(words.nth(1)).to_have_text(re.compile(word, re.IGNORECASE))  # still the look inside


@pytest.mark.parametrize("edited", [False, True])
def test_a_link_shows_the_same_scene_to_someone_else(page, browser, address, edited):
    text = write(page, "Ann: hello Zorblax, über naïve.", Seed="11")
    if edited:
        page.get_by_label("Edit", exact=True).check()
        text = text[:60] + "\n\nBob: an end."
        page.locator("#editor textarea").fill(text)
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#note")).to_contain_text("The link")
    page.wait_for_function("location.hash.startsWith('#scene=')")
    other = browser.new_context().new_page()
    other.goto(page.url)
    expect(other.locator("#editor textarea")).to_have_value(text, timeout=20_000)
    other.context.close()


def test_two_settings_are_compared_with_one_seed(page):
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("First line").last.fill("Ann: hello")
    page.get_by_role("button", name="Write both").click()
    expect(page.locator("#scene-left .line").nth(3)).to_be_visible(timeout=20_000)
    expect(page.locator("#scene-right .line").nth(3)).to_be_visible(timeout=20_000)
    page.wait_for_timeout(500)
    seeds = re.findall(r"Seed (\d+)", page.locator("body").inner_text())
    assert len(seeds) == 2
    assert len(set(seeds)) == 1


def test_about_tells_the_model(page):
    page.get_by_role("tab", name="About").click()
    for fact in ("Held-out loss", "Parameters", "Versions", "perplexity"):
        expect(page.locator("#about")).to_contain_text(fact)


def test_a_mistake_is_one_sentence(page):
    page.get_by_text("Finer controls").click()
    page.get_by_label("Seed").first.fill("seven")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.get_by_text("Seed must be a whole number")).to_be_visible()
    expect(page.get_by_role("button", name="Write", exact=True)).to_be_visible()
    page.wrong = [line for line in page.wrong if "Seed must be" not in line]


def test_a_phone_has_room_for_everything(browser, address):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    opened(page, address)
    write(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tool = page.get_by_role("button", name=re.compile("Rewrite line 1 "))
    assert float(tool.locator("..").evaluate("e => getComputedStyle(e).opacity")) == 1  # no hover
    box = tool.bounding_box()
    assert min(box["width"], box["height"]) >= 24  # WCAG 2.2, target size
    assert page.locator("#scene").bounding_box()["y"] < 844  # scrolled to
    context.close()


def test_the_keyboard_alone_is_enough(page):
    page.locator("#first-line :is(input, textarea)").focus()
    page.keyboard.type("Ann: hello there.")
    page.keyboard.press("Enter")  # as with any form
    finished(page)
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
    expect(page.locator("#offer .option").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#offer")).to_have_count(0)
    expect(words.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#offer .option").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert finished(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, address, theme):
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    opened(page, f"{address}/?__theme={theme}")
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark == (theme == "dark")
    write(page, "[setting: the pier]\n\nAnn: (waving) hello Zorblax.", Seed="5")
    page.locator("#scene .line").nth(1).hover()
    found = {"script": Axe().run(page).response["violations"]}
    page.get_by_label("Inside", exact=True).check()
    page.locator("#scene .word").nth(3).click()
    page.locator("#offer").wait_for()
    found["inside"] = Axe().run(page).response["violations"]
    page.get_by_label("Edit", exact=True).check()
    found["edit"] = Axe().run(page).response["violations"]
    for tab in ("Compare", "About"):
        page.get_by_role("tab", name=tab).click()
        found[tab] = Axe().run(page).response["violations"]
    told = [
        (view, fault["impact"], fault["id"], [node["html"] for node in fault["nodes"]][:3])
        for view, faults in found.items()
        for fault in faults
        if fault["impact"] in ("serious", "critical")
    ]
    assert told == []
    page.close()
