// The place in the server's queue while a scene waits to be written. Gradio does not give the
// queue's messages to a page, so this reads a copy of the stream in which they arrive.
const queue = (() => {
  const STREAM = /\/queue\/data(\?|$)/;
  const DELAY = 500;  // milliseconds; most scenes wait for less
  const originalFetch = window.fetch;
  let timer = 0;

  window.fetch = async (...request) => {
    const response = await originalFetch(...request);
    if (STREAM.test(response.url) && response.body) follow(response.clone().body);
    return response;
  };

  async function follow(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        for (const line of lines) if (line.startsWith("data:")) receive(JSON.parse(line.slice(5)));
      }
    } catch {
      // The stream was closed, or is none of messages: the page shows what Gradio makes of it.
    }
    show("");
  }

  function receive({ msg, rank, queue_size: size, rank_eta: seconds }) {
    if (msg === "estimation" && isWaiting()) show(sentence(rank, size, seconds));
    else if (msg === "process_starts" || msg === "process_completed") show("");
  }

  const isWaiting = () => scene.isWaiting() || compare.isRunning();

  // `seconds`: until the scene is written, which includes the writing; null if it is not known.
  function sentence(rank, size, seconds) {
    const place = `Place ${rank + 1} of ${Math.max(size, rank + 1)} in the queue`;
    if (typeof seconds !== "number") return `${place}.`;
    return `${place}; the scene is ready in about ${Math.max(1, Math.round(seconds))} s.`;
  }

  function show(text) {
    clearTimeout(timer);
    const places = document.querySelectorAll(".queue-place");
    const put = () => { for (const place of places) place.textContent = text; };
    const isShown = [...places].some((place) => place.textContent);
    if (!text || isShown) put();
    else timer = setTimeout(() => isWaiting() && put(), DELAY);
  }

  return {};
})();
