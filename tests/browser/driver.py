"""How the tests operate the page."""

import pathlib

# Notes that a scene was started, also one that ends before the test's next step.
NOTE_START = """document.addEventListener("DOMContentLoaded", () => {
  const check = () => {
    if (document.body.classList.contains("writing")) window.sceneStarted = true;
  };
  new MutationObserver(check).observe(document.body, { attributes: true });
});"""
IS_DONE = "window.sceneStarted && !document.body.classList.contains('writing')"


def open_page(page, address):
    """Opens the page and waits until it can be used."""
    page.goto(address)
    wait_until_loaded(page)


def reload(page):
    """Loads the page again and waits until it can be used."""
    page.reload()
    wait_until_loaded(page)


def wait_until_loaded(page):
    """Waits until the form and the scene of this browser are restored."""
    page.get_by_role("button", name="Write", exact=True).wait_for()
    page.wait_for_function("document.body.classList.contains('loaded')")


def write_scene(page, first_line="", seed=""):
    """Writes a scene to its end; returns its text."""
    page.locator("#first-line :is(input, textarea)").fill(first_line)
    if seed:
        if not page.get_by_label("Seed").first.is_visible():
            page.get_by_text("Sampling options").click()
        page.get_by_label("Seed", exact=False).first.fill(seed)
    page.get_by_role("button", name="Write", exact=True).click()
    return finished_text(page)


def finished_text(page):
    """The text of the scene after it has ended."""
    page.wait_for_function(IS_DONE, timeout=20_000)
    page.evaluate("window.sceneStarted = false")
    return text_of(page)


def edit_text(page, text):
    """Puts a text into the editor, and leaves the editor open."""
    page.get_by_label("Edit", exact=True).check()
    # At once: Chromium needs a second for each 100 lines that Playwright's `fill` types.
    enter = "(e, text) => { e.value = text; e.dispatchEvent(new Event('input')); }"
    page.locator("#editor textarea").evaluate(enter, text)


def text_of(page):
    """The text of the scene on the screen."""
    return page.locator("#editor textarea").input_value()


def script_lines(page):
    """The lines of the scene that are not blank."""
    return [line for line in text_of(page).split("\n") if line]


def click(page, name):
    """Clicks the first button of that name."""
    page.get_by_role("button", name=name, exact=True).first.click()


def downloaded(page, name):
    """The content of the file that a button downloads."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return pathlib.Path(download.value.path()).read_text(encoding="utf-8")
