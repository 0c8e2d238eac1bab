"""The page in a real Chromium, served by the real command."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import ROOT

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(bundle):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = bundle / "model.torchscript.pt"
    process = subprocess.Popen(
        [sys.executable, "-m", "serve", "--model", str(model), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        line = process.stdout.readline()
        assert line == f"Cold Open is writing The Cafe at http://127.0.0.1:{port}\n"
        yield line.split()[-1]
        process.terminate()
        assert process.wait(20) == 0


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
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    page.get_by_role("button", name="Write").wait_for()
    yield page
    context.close()


def test_a_scene_is_written_and_downloaded(page, address):
    page.get_by_role("button", name="Bob:").click()
    prompt = page.locator("#prompt textarea")
    expect(prompt).to_have_value("Bob: ")
    expect(page.get_by_label("Seed")).to_have_value("")  # empty: another scene each time
    page.get_by_label("Seed").fill("7")
    page.get_by_role("button", name="Write").click()
    expect(page.locator("#note")).to_contain_text("Seed 7")
    expect(page.locator("#scene .speaker").nth(10)).to_be_visible(timeout=20_000)
    expect(page.locator("#scene .line").first).to_contain_text("Bob")
    time.sleep(1)
    scene = page.locator("#scene").inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download .txt").click()
    text = pathlib.Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith("Bob: ")
    assert len(text.split()) == pytest.approx(len(scene.split()), abs=12)
    assert all(url.startswith((address, "data:", "blob:")) for url in page.asked), page.asked


def test_stop_stops(page):
    page.get_by_label("number input for Length").fill("1000")
    page.get_by_role("button", name="Write").click()
    expect(page.locator("#scene .line").first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    time.sleep(0.5)
    before = page.locator("#scene").inner_text()
    time.sleep(1)
    assert page.locator("#scene").inner_text() == before


def test_unknown_words_are_told_and_markup_is_shown(page):
    page.locator("#prompt textarea").fill("Ann: <b>zebra</b>")
    page.get_by_role("button", name="Write").click()
    expect(page.locator("#note")).to_contain_text("has never heard")
    expect(page.locator("#scene .line").first).to_contain_text("<b>zebra</b>")


def test_the_page_fits_a_phone(browser, address):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(address)
    page.get_by_role("button", name="Write").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_uploads_are_refused(page, address):
    answer = page.request.post(
        f"{address}/gradio_api/upload",
        multipart={"files": {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"}},
    )
    assert answer.status == 403
