// The page's behavior in the browser: shows scripts, probabilities and alternatives, and saves.
// Texts become nodes by textContent only, so that no text of a scene is ever run as HTML or script.
// serve/page/app.py sets window.coldOpenConfig and puts this file into the page's head.
window.coldOpen = (() => {
  const config = window.coldOpenConfig;
  const SPEAKER = new RegExp(config.speakerPattern, "u");
  const UNDO_STEPS = 100;
  const SURPRISE_LEVELS = 5;  // backgrounds in page.css; one for each 2 nats
  const FOLLOW_DISTANCE = 160;  // pixels from the end within which the view scrolls along

  const history = [];  // earlier texts for undo, the newest last
  const finished = { sceneJson: "", text: "" };  // the last scene that was generated completely
  let trigger = () => {};  // sends an event to the server
  let text = "", mode = "Script", selectedWord = null;

  const find = (selector) => document.querySelector(selector);
  const scriptBox = () => find("#scene .script");
  const isWriting = () => document.body.classList.contains("writing");
  const parse = (value) => (typeof value === "string" && value ? JSON.parse(value) : value || []);

  function element(tag, className, content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content;
    return made;
  }

  // The script view

  function speakerOf(line) {
    const match = SPEAKER.exec(line);
    return match ? match[1] : "";
  }

  // A speech, with its directions in parentheses as elements of their own.
  function speech(content) {
    const parts = document.createDocumentFragment();
    for (const part of content.split(/(\([^()]*\)?)/)) {
      if (part) parts.append(part.startsWith("(") ? element("i", "direction", part) : part);
    }
    return parts;
  }

  function lineButton(label, sign, action, line) {
    const button = element("button", "tool", sign);
    button.type = "button";
    button.setAttribute("aria-label", label);
    button.title = label;
    button.dataset.action = action;
    button.dataset.line = line;
    return button;
  }

  function lineElement(line, number, editable) {
    const heading = line.startsWith("[");
    const speaker = heading ? null : SPEAKER.exec(line);
    const made = element(heading ? "h2" : "p", heading ? "heading" : "line");
    if (speaker) made.append(element("b", "speaker", speaker[1]), " ");
    const rest = heading ? line.replace(/^\[|\]$/g, "") : speaker ? line.slice(speaker[0].length) : line;
    made.append(speech(rest.trim()));
    if (!editable) return made;
    const of = speaker ? ` of ${speaker[1]}` : "";
    const tools = element("span", "line-tools");
    tools.append(
      lineButton(`Rewrite line ${number + 1}${of}`, "↻", "retry", number),
      lineButton(`Continue after line ${number + 1}${of}`, "▸", "expand", number),
    );
    made.append(tools);
    return made;
  }

  // Replaces the lines from the first changed one on: unchanged lines keep their focus.
  function render(box, content, editable) {
    if (!box) return;
    const lines = content.split("\n").map((line) => line.trim()).filter(Boolean);
    const shown = box.lines || [];
    let same = 0;
    while (same < lines.length && shown[same] === lines[same]) same += 1;
    while (box.childNodes.length > same) box.lastChild.remove();
    for (let number = same; number < lines.length; number += 1) {
      box.append(lineElement(lines[number], number, editable));
    }
    box.lines = lines;
    if (!lines.length) box.append(element("p", "hint", "The scene appears here as it is written."));
  }

  // Keeps the newest line visible, unless the reader has scrolled up.
  function scrollToEnd(box) {
    if (box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_DISTANCE) {
      box.scrollTop = box.scrollHeight;
    }
  }

  function show(content) {
    text = content || "";
    const box = scriptBox();
    if (!box || (mode === "Probabilities" && !isWriting())) return;
    if (box.classList.contains("probabilities")) clear();
    render(box, text, true);
    if (isWriting()) scrollToEnd(box);
  }

  function clear() {
    const box = scriptBox();
    box.classList.remove("probabilities");
    box.replaceChildren();
    box.lines = [];
    closeAlternatives();
  }

  function setMode(chosen) {
    mode = chosen;
    document.body.classList.toggle("editing", mode === "Edit");
    if (mode !== "Probabilities" && scriptBox()) {
      clear();
      render(scriptBox(), text, true);
    }
  }

  // The view of probabilities: each word is a button, darker if it was less likely. The tab key
  // reaches one of them, the arrow keys the others.

  function showProbabilities(answer) {
    const words = parse(answer);
    if (mode !== "Probabilities" || !words.length) return;
    clear();
    const box = scriptBox();
    box.classList.add("probabilities");
    let line = element("p", "line");
    words.forEach((word, place) => {
      if (word.text.trim() === "" && word.text.includes("\n")) {
        if (line.childNodes.length) box.append(line);
        line = element("p", "line");
        return;
      }
      const bare = word.text.trimStart();
      if (bare.length < word.text.length) line.append(" ");
      const button = element("button", "word", bare);
      button.type = "button";
      button.dataset.word = place;
      button.tabIndex = box.querySelector(".word") || line.querySelector(".word") ? -1 : 0;
      const nats = -word.logprob;
      button.dataset.surprise = Math.min(SURPRISE_LEVELS, Math.floor(nats / 2));
      button.title = percent(Math.exp(-nats)) + (word.known ? "" : ", not in the show");
      if (!word.known) button.classList.add("unknown");
      line.append(button);
    });
    if (line.childNodes.length) box.append(line);
  }

  const percent = (probability) => `${(100 * probability).toPrecision(2)} %`;

  function closeAlternatives() {
    find("#alternatives")?.remove();
    for (const word of document.querySelectorAll(".word[aria-expanded]")) {
      word.removeAttribute("aria-expanded");
    }
  }

  function showAlternatives(answer) {
    const alternatives = parse(answer);
    closeAlternatives();
    if (!selectedWord || !alternatives.length) return;
    const box = element("div");
    box.id = "alternatives";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `Alternatives to ${selectedWord.textContent}`);
    box.append(element("p", "", "Most likely words here"));
    for (const { word, probability } of alternatives) {
      const option = element("button", "option");
      option.type = "button";
      option.append(
        element("span", "bar"),
        element("span", "alternative", word === "\n" ? "(new line)" : word),
        element("span", "probability", percent(probability)),
      );
      option.firstChild.style.width = `${100 * probability}%`;
      option.dataset.alternative = word;
      box.append(option);
    }
    selectedWord.setAttribute("aria-expanded", "true");
    selectedWord.closest(".line").after(box);
    box.querySelector("button").focus();
  }

  // Events. "retry", "expand", "select" and "option_select" are events that gr.HTML has.

  function attach(container, fire) {
    trigger = fire;
    render(scriptBox(), text, true);
    container.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button || isWriting()) return;
      const { action, line, word, alternative } = button.dataset;
      if (action) {
        trigger(action, { line: Number(line) });
      } else if (word) {
        selectedWord = button;
        trigger("select", { word: Number(word) });
      } else if (alternative !== undefined) {
        const choice = { word: Number(selectedWord.dataset.word), alternative };
        closeAlternatives();
        trigger("option_select", choice);
      }
    });
    container.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && find("#alternatives")) {
        closeAlternatives();
        selectedWord?.focus();
        return;
      }
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
      const kind = event.target.closest("#alternatives") ? ".option" : ".word";
      const buttons = [...container.querySelectorAll(kind)];
      const place = buttons.indexOf(event.target);
      if (!step || place < 0) return;
      const next = buttons[Math.max(0, Math.min(buttons.length - 1, place + step))];
      if (kind === ".word") {
        event.target.tabIndex = -1;
        next.tabIndex = 0;
      }
      next.focus();
      event.preventDefault();
    });
  }

  // Before a scene is written: called with the values of the event, which it returns.
  function begin(values) {
    if (history[history.length - 1] !== text) history.push(text);
    if (history.length > UNDO_STEPS) history.shift();
    document.body.classList.add("writing");
    closeAlternatives();
    const top = scriptBox()?.getBoundingClientRect().top;
    if (top > window.innerHeight * 0.7) {
      scriptBox().scrollIntoView({ behavior: "smooth", block: "start" });
    }
    return values;
  }

  function stop() {
    document.body.classList.remove("writing");
  }

  // After a scene is written.
  function done(words, sceneJson) {
    finished.sceneJson = sceneJson;
    finished.text = text;
    stop();
    if (mode === "Probabilities") showProbabilities(words);
    else show(text);
  }

  // Links and downloads

  // The JSON that generates the scene again; of an edited scene, JSON that holds its text.
  function sceneJsonOf(content, sceneJson, model) {
    if (sceneJson && sceneJson === finished.sceneJson && content === finished.text) return sceneJson;
    return JSON.stringify({
      format: config.sceneFormat,
      version: config.sceneVersion,
      prompt: content,
      length: 0,
      model: model || "",
    });
  }

  // Text as deflate in URL-safe base64, and back.
  async function compress(value) {
    const stream = new Blob([value]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    let letters = "";
    for (const byte of bytes) letters += String.fromCharCode(byte);
    return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  async function decompress(value) {
    const letters = atob(value.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Response(stream).text();
  }

  async function copyLink(content, sceneJson, model) {
    const hash = `#scene=${await compress(sceneJsonOf(content, sceneJson, model))}`;
    window.history.replaceState(null, "", hash);
    try {
      await navigator.clipboard.writeText(location.href);
      showNote("The link is copied. It opens this page and writes the same scene.");
    } catch {
      showNote("The link is in the address bar: copy it from there.");
    }
  }

  async function sceneOfAddress() {
    const match = /^#scene=([\w-]+)$/.exec(location.hash);
    if (!match) return "";
    try {
      return await decompress(match[1]);
    } catch {
      return "{}";  // the server answers with what is wrong
    }
  }

  function showNote(sentence) {
    const note = find("#note p") || find("#note").appendChild(element("p"));
    note.textContent = sentence;
  }

  function save(content, extension) {
    if (!content) return;
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "text/plain;charset=utf-8" }));
    link.download = `cold-open.${extension}`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  const saveJson = (content, sceneJson, model) => save(sceneJsonOf(content, sceneJson, model), "json");
  const showIn = (id, content) => render(find(`#${id} .script`), content || "", false);
  const undo = () => [history.pop() ?? text, ""];

  return {
    attach, begin, copyLink, done, save, saveJson, sceneOfAddress, setMode, show, showAlternatives,
    showIn, showProbabilities, speakerOf, stop, undo,
  };
})();
