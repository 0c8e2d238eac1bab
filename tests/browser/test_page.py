"""The page in Chromium: what each button and view does."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.driver import downloaded, finished_text, script_lines, write_scene
from tests.conftest import ROOT

pytestmark = pytest.mark.browser


def test_scene_is_shown_as_script_and_downloaded(page):
    text = write_scene(page, "(a bell)\n\nBob: no?", seed="7")
    expect(page.locator("#note")).to_contain_text("Seed 7")
    expect(page.locator("#note")).to_contain_text("words per second")
    assert text.startswith("(a bell)\n\nBob: no?")
    assert page.locator("#scene .speaker").count() > 10
    expect(page.locator("#scene .direction").first).to_have_text("(a bell)")
    assert set(page.locator("#scene .speaker").all_inner_texts()) <= {"ANN", "BOB"}
    assert downloaded(page, "Download .txt") == text
    screenplay = downloaded(page, "Download Fountain")
    assert screenplay.startswith("Title: A scene after The Cafe\n")
    assert "\nBOB\nno?" in screenplay
    recipe = json.loads(downloaded(page, "Download JSON"))
    assert recipe["seed"] == 7
    assert recipe["prompt"] == "(a bell)\n\nBob: no?\n\n"


def test_invent_words_is_off_until_its_box_is_checked(page):
    page.get_by_text("Sampling options").click()
    box = page.get_by_label("Invent words")
    expect(box).not_to_be_checked()
    expect(page.get_by_text("words that are in neither the show nor your lines")).to_be_visible()
    for checked in (False, True):
        box.set_checked(checked)
        write_scene(page, "Ann: hello", seed="7")
        recipe = json.loads(downloaded(page, "Download JSON"))
        assert recipe["invent_words"] is checked
        assert recipe["top_p"] == 0.95


def test_cast_limits_the_speakers(page):
    page.get_by_label("Bob", exact=True).check()
    write_scene(page)
    assert set(page.locator("#scene .speaker").all_inner_texts()) == {"BOB"}


def test_stop_cancels_the_scene_and_continue_resumes_it(page, active_scenes, other_scenes):
    page.get_by_text("Sampling options").click()
    page.get_by_label("number input for Length").first.fill("1000")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.locator("#scene .line").nth(1)).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Write", exact=True)).to_be_visible()
    while active_scenes() > other_scenes:
        page.wait_for_timeout(20)
    before = script_lines(page)
    note = page.locator("#note").inner_text()
    assert int(re.search(r"(\d+) words", note)[1]) < 1000
    page.get_by_label("number input for Length").first.fill("40")
    page.get_by_role("button", name="Continue", exact=True).click()
    finished_text(page)
    after = script_lines(page)
    assert len("\n".join(after)) > len("\n".join(before))
    assert after[: len(before) - 1] == before[:-1]


def test_rewrite_line_and_undo(page):
    text = write_scene(page, "Ann: hello there.", seed="3")
    before = script_lines(page)
    for _ in range(8):  # of a small show; the new line may equal the old one
        page.locator("#scene .line").nth(2).hover()
        page.get_by_role("button", name=re.compile("Rewrite line 3 ")).click()
        finished_text(page)
        if script_lines(page) != before:
            break
    after = script_lines(page)
    assert after[2] != before[2]
    assert after[2].split(":")[0] == before[2].split(":")[0]
    assert after[:2] + after[3:] == before[:2] + before[3:]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#editor textarea")).to_have_value(text)


def test_continue_after_a_line_drops_later_lines(page):
    write_scene(page, "Ann: hello there.", seed="3")
    before = script_lines(page)
    page.locator("#scene .line").nth(1).hover()
    page.get_by_role("button", name=re.compile("Continue after line 2 ")).click()
    finished_text(page)
    assert script_lines(page)[:2] == before[:2]
    assert len(script_lines(page)) > 4


def test_edited_text_is_shown_as_text_and_continued(page):
    write_scene(page, "Ann: hello there.")
    page.get_by_label("Edit", exact=True).check()
    page.locator("#editor textarea").fill("Bob: <b>zebra</b> & <script>alert(1)</script>.")
    page.get_by_label("Script", exact=True).check()
    expect(page.locator("#scene .line")).to_have_count(1)
    expect(page.locator("#scene .line")).to_contain_text("<b>zebra</b>")
    page.get_by_role("button", name="Continue", exact=True).click()
    text = finished_text(page)
    assert text.startswith("Bob: <b>zebra</b> & <script>alert(1)</script>.\n\n")
    expect(page.locator("#note")).to_contain_text("not in the show: <b>zebra<")
    assert page.locator("#scene script").count() == 0


def test_probabilities_view_and_taking_an_alternative(page):
    write_scene(page, "Ann: hello there.", seed="5")
    page.get_by_label("Surprise", exact=True).check()
    words = page.locator("#scene .word")
    expect(words.nth(8)).to_be_visible()
    assert len({word.get_attribute("data-surprise") for word in words.all()}) > 1
    words.nth(1).click()
    options = page.locator("#alternatives .option")
    expect(options).to_have_count(8)
    shown = page.locator("#alternatives .probability").all_inner_texts()
    probabilities = [float(probability.rstrip(" %")) for probability in shown]
    assert probabilities == sorted(probabilities, reverse=True)
    other = next(
        option
        for option in options.all()
        if option.locator(".alternative").inner_text().isalpha()
        and option.locator(".alternative").inner_text() != "hello"
    )
    word = other.locator(".alternative").inner_text()
    other.click()
    text = finished_text(page)
    assert text.lower().startswith(f"ann: {word}")
    expect(words.nth(1)).to_have_text(re.compile(word, re.IGNORECASE))  # still in the view Surprise


def test_compare_tab_uses_one_seed_for_both(page):
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("First line").last.fill("Ann: hello")
    page.get_by_role("button", name="Write both").click()
    expect(page.locator("#scene-left .line").nth(3)).to_be_visible(timeout=20_000)
    expect(page.locator("#scene-right .line").nth(3)).to_be_visible(timeout=20_000)
    notes = page.get_by_text(re.compile(r"^Seed \d+ "))
    expect(notes).to_have_count(2)
    assert len({note.inner_text().split(" · ")[0] for note in notes.all()}) == 1


def test_about_tab_shows_the_model_card(page):
    page.get_by_role("tab", name="About").click()
    for fact in ("Held-out loss", "Parameters", "Versions", "perplexity"):
        expect(page.locator("#about")).to_contain_text(fact)


def test_user_error_is_shown_as_one_sentence(page):
    page.get_by_text("Sampling options").click()
    page.get_by_label("Seed").first.fill("seven")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.get_by_text("Seed must be a whole number")).to_be_visible()
    expect(page.get_by_role("button", name="Write", exact=True)).to_be_visible()
    page.errors = [line for line in page.errors if "Seed must be" not in line]


def test_speaker_rule_in_the_browser_equals_the_python_rule(page):
    cases = json.loads((ROOT / "tests" / "speaker_cases.json").read_text("utf-8"))
    lines = [line for line, _ in cases]
    found = page.evaluate("(lines) => lines.map(coldOpen.speakerOf)", lines)
    assert dict(zip(lines, found, strict=True)) == dict(cases)
