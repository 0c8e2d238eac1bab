"""Fixtures of the browser tests: the real server, Chromium, and a page without errors."""

import contextlib

import httpx
import pytest
from browser import HOW, is_required, launch
from playwright.sync_api import sync_playwright

from serve.limits import THROTTLED_FROM
from tests.browser.driver import NOTE_START, open_page
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
def tabs(browser):
    """By device: one tab for all tests. It opens the page in a third of a new tab's CPU time."""
    devices = {
        "desktop": {"viewport": {"width": 1200, "height": 900}},
        "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    }
    found = {}
    for name, options in devices.items():
        profile = browser.new_context(**options)
        profile.add_init_script(NOTE_START)
        found[name] = profile.new_page()
    return found


@contextlib.contextmanager
def as_new(tab, address):
    """A tab as a new visitor has it: nothing stored or allowed, the mouse in the corner."""
    size = tab.viewport_size
    tab.goto(f"{address}/healthz")  # of the page's origin, without its scripts
    tab.evaluate("localStorage.clear(); sessionStorage.clear()")
    tab.mouse.move(0, 0)
    try:
        yield tab
    finally:
        for other in tab.context.pages:
            if other != tab:
                other.close()
        tab.context.clear_permissions()
        tab.emulate_media(media="null")
        tab.set_viewport_size(size)


@pytest.fixture
def tab(tabs, address):
    """A tab of a window, to open the page in."""
    with as_new(tabs["desktop"], address) as tab:
        yield tab


@pytest.fixture
def phone(tabs, address):
    """The page on a phone."""
    with as_new(tabs["phone"], address) as page:
        open_page(page, address)
        yield page


@pytest.fixture
def page(tab, address):
    """The page in a window; at the end it has made no request to another host and no error."""
    tab.requests, tab.errors = [], []
    listeners = {
        "request": lambda request: tab.requests.append(request.url),
        "pageerror": lambda error: tab.errors.append(str(error)),
        "console": lambda m: tab.errors.append(m.text) if m.type == "error" else None,
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    open_page(tab, address)
    yield tab
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    assert all(url.startswith((address, "data:", "blob:")) for url in tab.requests), tab.requests
    assert tab.errors == []


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
        client = streams.enter_context(httpx.Client(base_url=f"{address}/gradio_api", timeout=60))
        for _ in range(count):
            event = client.post("/call/v2/write", json={"length": 1000}).json()["event_id"]
            stream = streams.enter_context(client.stream("GET", f"/call/write/{event}"))
            reading.append(stream.iter_lines())
            next(reading[-1])
        yield count
