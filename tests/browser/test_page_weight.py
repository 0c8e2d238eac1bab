"""How much the page loads, and what is compressed on the way."""

import httpx
import pytest

from tests.browser.driver import open_page

pytestmark = pytest.mark.browser


def test_page_is_light(browser, address):
    page = browser.new_page()
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    sizes = []
    client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    open_page(page, address)
    page.wait_for_timeout(500)
    assert len(sizes) < 80
    assert sum(sizes) < 350_000
    page.close()


def test_page_is_compressed_and_streams_are_not(address):
    page = httpx.get(address)
    assert page.headers["content-encoding"] == "gzip"
    assert int(page.headers["content-length"]) < len(page.content) / 4
    assert "content-encoding" not in httpx.get(address, headers={"accept-encoding": ""}).headers
    event = httpx.post(f"{address}/gradio_api/call/v2/write", json={"length": 20}).json()
    url = f"{address}/gradio_api/call/write/{event['event_id']}"
    with httpx.stream("GET", url, timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in stream.headers
        assert "event: complete" in stream.read().decode()
