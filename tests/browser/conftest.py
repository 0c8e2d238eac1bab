"""Fixtures of the browser tests: the real server, Chromium, and a page without errors."""

import contextlib

import httpx
import pytest
from browser import HOW, is_required, launch
from playwright.sync_api import sync_playwright

from serve.limits import THROTTLED_FROM
from tests.browser.driver import open_page
from tests.conftest import NO_CHROMIUM
from tests.serving import serving


@pytest.fixture(scope="session")
def address(bundle, tmp_path_factory):
    """The address of a running server without a rate limit."""
    with serving(bundle, tmp_path_factory.mktemp("log"), "--rate-limit", "") as server:
        yield server.address
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="package")
def browser():
    """Chromium. Playwright runs an event loop, so it is closed before tests of another folder."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        if not chromium:
            (pytest.fail if is_required() else pytest.skip)(f"{NO_CHROMIUM}: {HOW}")
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def profiles(browser):
    """By name: browser profiles that keep the page's assets, so that a page opens faster."""
    return {
        "desktop": browser.new_context(viewport={"width": 1200, "height": 900}),
        "phone": browser.new_context(
            viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
        ),
    }


@contextlib.contextmanager
def emptied(profile):
    """A profile without stored scenes, permissions and pages; its pages are closed at the end."""
    profile.set_storage_state({"cookies": [], "origins": []})
    profile.clear_permissions()
    yield profile
    for page in profile.pages:
        page.close()


@pytest.fixture
def profile(profiles):
    """The profile of `page`, as that of a new visitor."""
    with emptied(profiles["desktop"]) as profile:
        yield profile


@pytest.fixture
def phone(profiles, address):
    """The page on a phone."""
    with emptied(profiles["phone"]) as profile:
        page = profile.new_page()
        open_page(page, address)
        yield page


@pytest.fixture
def page(profile, address):
    """The page in a window; at the end it has made no request to another host and no error."""
    page = profile.new_page()
    page.requests, page.errors = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    open_page(page, address)
    yield page
    assert all(url.startswith((address, "data:", "blob:")) for url in page.requests), page.requests
    assert page.errors == []


@pytest.fixture
def active_scenes(address):
    """Returns the server's number of active scenes."""

    def count() -> float:
        text = httpx.get(f"{address}/metrics").text
        return float(text.partition("\ncold_open_active_scenes ")[2].partition("\n")[0])

    return count


@pytest.fixture
def other_scenes(address):
    """The number of long scenes that other clients have: the page's scene is throttled too.

    At 25 words per second a scene of 1,000 words takes 40 seconds, so that it cannot end early.
    """
    count = THROTTLED_FROM + 1
    reading = []  # an iterator that is dropped closes its connection, which ends the scene
    with contextlib.ExitStack() as streams:
        for _ in range(count):
            arguments = {"length": 1000}
            event = httpx.post(f"{address}/gradio_api/call/v2/write", json=arguments)
            url = f"{address}/gradio_api/call/write/{event.json()['event_id']}"
            stream = streams.enter_context(httpx.stream("GET", url, timeout=60))
            reading.append(stream.iter_lines())
            next(reading[-1])
        yield count
