// Clicks and keys in the scene's box, and the events that are sent to the server.
const events = (() => {
  const { find } = dom;
  const { closeAlternatives } = probabilities;
  let trigger = () => {};  // sends an event to the server; gr.HTML gives it

  // Starts to write, unless a scene is being written.
  function start(kind, data = {}, focus = "") {
    if (scene.isWriting()) return;
    const content = scene.text();
    if (kind === "continue_scene" && !content.trim()) kind = "write_scene";
    const written = scene.written();
    scene.begin(kind, data.line, focus);
    trigger(kind, { text: content, written, ...data });
  }

  const focusOfLine = (action, line) => `#scene [data-action="${action}"][data-line="${line}"]`;

  function onClick(event) {
    const button = event.target.closest("button");
    if (!button || scene.isWriting()) return;
    const { action, line, word, alternative } = button.dataset;
    if (action) {
      start(action, { line: Number(line) }, focusOfLine(action, line));
    } else if (word) {
      probabilities.select(button);
      trigger("list_alternatives", { text: scene.text(), word: Number(word) });
    } else if (alternative !== undefined) {
      takeWord(alternative);
    }
  }

  function takeWord(alternative) {
    const place = Number(probabilities.selected().dataset.word);
    closeAlternatives();
    start("take_alternative", { word: place, alternative }, `#scene [data-word="${place}"]`);
  }

  // A word that a person has typed.
  function onSubmit(event) {
    event.preventDefault();
    const word = event.target.elements.own.value.trim();
    if (word && !scene.isWriting()) takeWord(word);
  }

  function onKey(event) {
    const container = event.currentTarget;
    if (event.key === "Escape" && find("#alternatives")) {
      closeAlternatives();
      probabilities.selected()?.focus();
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
  }

  function attach(container, fire) {
    trigger = fire;
    container.addEventListener("click", onClick);
    container.addEventListener("submit", onSubmit);
    container.addEventListener("keydown", onKey);
    probabilities.attach(container);
    scene.start(trigger);
  }

  // Once the page is loaded: the form's values, then the scene of the address or the last one.
  function load(defaults) {
    files.start();
    paper.start();
    find("#clear-all").addEventListener("click", clearAll);
    scene.restore();
    window.addEventListener("hashchange", links.open);
    setTimeout(links.open);
    document.body.classList.add("loaded");
    return form.restore(defaults);
  }

  function saveFountain() {
    if (scene.text().trim()) trigger("export_fountain", { text: scene.text() });
  }

  function clearAll() {
    const question = "Delete all scenes and the form's values from this browser?";
    if (!window.confirm(question)) return;
    storage.clear();
    location.replace(location.pathname + location.search);
  }

  return { attach, load, saveFountain, start };
})();
