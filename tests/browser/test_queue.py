"""The page in Chromium while a scene waits in the server's queue."""

import pytest
from playwright.sync_api import expect

from tests.browser.driver import open_page

pytestmark = pytest.mark.browser

# Holds back what the server sends, and adds the messages of a long queue.
BUSY = """(() => {
  const original = window.fetch;
  const released = new Promise((resolve) => { window.release = resolve; });
  const messages = [];
  window.estimate = (rank, size, eta) => messages.push(
    { msg: "estimation", event_id: "other", rank, queue_size: size, rank_eta: eta });
  window.estimate(2, 5, 41.3);
  window.fetch = async (...request) => {
    const response = await original(...request);
    if (!/\\/queue\\/data/.test(response.url)) return response;
    let done = false;
    released.then(() => { done = true; });
    const reader = response.body.getReader();
    const body = new ReadableStream({
      async pull(controller) {
        while (!done) {
          await new Promise((resolve) => setTimeout(resolve, 10));
          const message = messages.shift();
          if (!message) continue;
          const text = `data: ${JSON.stringify(message)}\\n\\n`;
          controller.enqueue(new TextEncoder().encode(text));
          return;
        }
        const part = await reader.read();
        if (part.done) controller.close();
        else controller.enqueue(part.value);
      },
    });
    const made = new Response(body, { status: response.status, headers: response.headers });
    Object.defineProperty(made, "url", { value: response.url });
    made.clone = () => {
      const [one, other] = body.tee();
      Object.defineProperty(made, "body", { value: one });
      return { body: other };
    };
    return made;
  };
})();"""


def test_place_in_the_queue_is_shown_until_the_scene_begins(tab, address):
    page = tab.context.new_page()
    page.add_init_script(BUSY)
    open_page(page, address)
    place = page.locator("#scene .queue-place")
    expect(place).to_have_text("")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(place).to_have_text("Place 3 of 5 in the queue; the scene is ready in about 41 s.")
    expect(place).to_have_attribute("role", "status")
    page.evaluate("window.estimate(0, 1, null)")
    expect(place).to_have_text("Place 1 of 1 in the queue.")
    page.evaluate("window.release()")
    expect(page.locator("#scene .line").first).to_be_visible(timeout=20_000)
    expect(place).to_have_text("")
