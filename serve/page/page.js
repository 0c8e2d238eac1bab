// What the page does in the browser: shows a script, and knows which line or word is meant.
// Texts become nodes by textContent alone: whatever a scene holds is shown, never run.
window.coldOpen = (() => {
  const SPEAKER = /^([^:()[\]"]{1,40}?):(?=\s|$)/;
  const past = [];  // texts to go back to, the newest last
  let trigger = () => {};
  let text = "", shownAs = "Script", chosen = null;

  const $ = (selector) => document.querySelector(selector);
  const sheet = () => $("#scene .script");

  function node(tag, name, content) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (content !== undefined) made.textContent = content;
    return made;
  }

  // A speech with its directions in brackets set apart.
  function said(text) {
    const parts = document.createDocumentFragment();
    for (const part of text.split(/(\([^()]*\)?)/)) {
      if (part) parts.append(part.startsWith("(") ? node("i", "direction", part) : part);
    }
    return parts;
  }

  function button(label, sign, action, line) {
    const made = node("button", "tool", sign);
    made.type = "button";
    made.setAttribute("aria-label", label);
    made.title = label;
    made.dataset.action = action;
    made.dataset.line = line;
    return made;
  }

  function lineNode(line, number, tools) {
    const heading = line.startsWith("[");
    const speaker = heading ? null : SPEAKER.exec(line);
    const made = node(heading ? "h2" : "p", heading ? "heading" : "line");
    if (speaker) made.append(node("b", "speaker", speaker[1]), " ");
    const rest = heading ? line.replace(/^\[|\]$/g, "") : speaker ? line.slice(speaker[0].length) : line;
    made.append(said(rest.trim()));
    if (!tools) return made;
    const who = speaker ? ` of ${speaker[1]}` : "";
    const row = node("span", "line-tools");
    row.append(
      button(`Rewrite line ${number + 1}${who}`, "↻", "retry", number),
      button(`Continue after line ${number + 1}${who}`, "▸", "expand", number),
    );
    made.append(row);
    return made;
  }

  // Only the lines that changed are made anew: the rest keep their place and focus.
  function render(target, text, tools) {
    if (!target) return;
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    const before = target.lines || [];
    let same = 0;
    while (same < lines.length && before[same] === lines[same]) same += 1;
    while (target.childNodes.length > same) target.lastChild.remove();
    for (let number = same; number < lines.length; number += 1) {
      target.append(lineNode(lines[number], number, tools));
    }
    target.lines = lines;
    if (!lines.length) {
      target.append(node("p", "hint", "The scene appears here as it is written."));
      target.lines = [];
    }
  }

  function follow(target) {  // keeps the newest line in sight, unless the reader scrolled away
    if (target.scrollHeight - target.scrollTop - target.clientHeight < 160) {
      target.scrollTop = target.scrollHeight;
    }
  }

  function show(now) {
    text = now || "";
    if (!sheet()) return;
    if (shownAs !== "Inside" || busy()) {
      if (sheet().classList.contains("inside")) clear();
      render(sheet(), text, true);
      if (busy()) follow(sheet());
    }
  }

  function clear() {
    sheet().classList.remove("inside");
    sheet().replaceChildren();
    sheet().lines = [];
    closeOffer();
  }

  const busy = () => document.body.classList.contains("writing");
  const parse = (value) => (typeof value === "string" && value ? JSON.parse(value) : value || []);

  // Each word on a ground as dark as it was unlikely; one stop of the tab key, arrows inside.
  function inside(found) {
    const words = parse(found);
    if (shownAs !== "Inside" || !words.length) return;
    clear();
    sheet().classList.add("inside");
    let line = node("p", "line");
    words.forEach((word, place) => {
      if (word.text.trim() === "" && word.text.includes("\n")) {
        if (line.childNodes.length) sheet().append(line);
        line = node("p", "line");
        return;
      }
      const bare = word.text.trimStart();
      if (bare.length < word.text.length) line.append(" ");
      const made = node("button", "word", bare);
      made.type = "button";
      made.dataset.word = place;
      made.tabIndex = sheet().querySelector(".word") || line.querySelector(".word") ? -1 : 0;
      const nats = -word.logprob;
      made.dataset.surprise = Math.min(5, Math.floor(nats / 2));
      made.title = `${(100 * Math.exp(-nats)).toPrecision(2)} %` + (word.known ? "" : ", never heard before");
      if (!word.known) made.classList.add("unknown");
      line.append(made);
    });
    if (line.childNodes.length) sheet().append(line);
  }

  function closeOffer() {
    document.querySelector("#offer")?.remove();
    document.querySelectorAll(".word[aria-expanded]").forEach((w) => w.removeAttribute("aria-expanded"));
  }

  function offer(found) {
    const options = parse(found);
    closeOffer();
    if (!chosen || !options.length) return;
    const box = node("div");
    box.id = "offer";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `Instead of ${chosen.textContent}`);
    box.append(node("p", "", "The model would have said"));
    for (const option of options) {
      const made = node("button", "option");
      made.type = "button";
      const share = 100 * option.probability;
      const word = option.word === "\n" ? "(new line)" : option.word;
      made.append(node("span", "bar"), node("span", "what", word), node("span", "share", `${share.toPrecision(2)} %`));
      made.firstChild.style.width = `${share}%`;
      made.dataset.alternative = option.word;
      box.append(made);
    }
    chosen.setAttribute("aria-expanded", "true");
    chosen.closest(".line").after(box);
    box.querySelector("button").focus();
  }

  function attach(element, fire) {
    trigger = fire;
    render(sheet(), text, true);
    element.addEventListener("click", (event) => {
      const pressed = event.target.closest("button");
      if (!pressed || busy()) return;
      if (pressed.dataset.action) {
        trigger(pressed.dataset.action, { line: Number(pressed.dataset.line) });
      } else if (pressed.dataset.word) {
        chosen = pressed;
        trigger("select", { word: Number(pressed.dataset.word) });
      } else if (pressed.dataset.alternative !== undefined) {
        const taken = { word: Number(chosen.dataset.word), alternative: pressed.dataset.alternative };
        closeOffer();
        trigger("option_select", taken);
      }
    });
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && $("#offer")) {
        closeOffer();
        chosen?.focus();
        return;
      }
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
      const list = [...element.querySelectorAll(event.target.closest("#offer") ? ".option" : ".word")];
      const place = list.indexOf(event.target);
      if (!step || place < 0) return;
      const next = list[Math.max(0, Math.min(list.length - 1, place + step))];
      if (next.classList.contains("word")) {
        event.target.tabIndex = -1;
        next.tabIndex = 0;
      }
      next.focus();
      event.preventDefault();
    });
  }

  function begin(values) {
    if (past[past.length - 1] !== text) past.push(text);
    if (past.length > 100) past.shift();
    document.body.classList.add("writing");
    closeOffer();
    const top = sheet()?.getBoundingClientRect().top;
    if (top > window.innerHeight * 0.7) sheet().scrollIntoView({ behavior: "smooth", block: "start" });
    return values;
  }

  function done(found) {
    document.body.classList.remove("writing");
    if (shownAs === "Inside") inside(found);
    else show(text);
  }

  // The JSON that writes the scene again; of a scene that a person changed, the text itself.
  function recipe(now, saved, model) {
    const scene = saved ? JSON.parse(saved) : null;
    if (scene && saved === last.saved && now === last.text) return saved;
    return JSON.stringify({
      format: "cold-open-scene", version: 1, prompt: now, max_new_tokens: 0, model: model || "",
    });
  }

  const last = { saved: "", text: "" };

  async function packed(value) {
    const stream = new Blob([value]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    let letters = "";
    for (const byte of bytes) letters += String.fromCharCode(byte);
    return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  async function unpacked(value) {
    const letters = atob(value.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Response(stream).text();
  }

  async function link(now, saved, model) {
    const hash = `#scene=${await packed(recipe(now, saved, model))}`;
    history.replaceState(null, "", hash);
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied: whoever opens it sees this scene written again.");
    } catch {
      say("The link stands in the address bar: copy it from there.");
    }
  }

  async function fromAddress() {
    const found = /^#scene=([\w-]+)$/.exec(location.hash);
    if (!found) return "";
    try {
      return await unpacked(found[1]);
    } catch {
      return "{}";  // the server says what is wrong with it
    }
  }

  function say(sentence) {
    const place = $("#note p") || $("#note").appendChild(node("p"));
    place.textContent = sentence;
  }

  function save(content, kind) {
    if (!content) return;
    const made = node("a");
    made.href = URL.createObjectURL(new Blob([content], { type: "text/plain;charset=utf-8" }));
    made.download = `cold-open.${kind}`;
    made.click();
    URL.revokeObjectURL(made.href);
  }

  return {
    attach, begin, fromAddress, inside, link, offer, save, show,
    done(found, saved) {
      last.saved = saved;
      last.text = text;
      done(found);
    },
    json: (now, saved, model) => save(recipe(now, saved, model), "json"),
    look(mode) {
      shownAs = mode;
      document.body.classList.toggle("editing", mode === "Edit");
      if (mode !== "Inside" && sheet()) {
        clear();
        render(sheet(), text, true);
      }
    },
    showAt: (id, now) => render($(`#${id} .script`), now || "", false),
    stop: () => document.body.classList.remove("writing"),
    undo: () => [past.pop() ?? text, ""],
  };
})();
