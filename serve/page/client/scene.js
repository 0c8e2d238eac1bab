// The scene on the screen: its takes, its view, whether it is being written, undo and redo.
const scene = (() => {
  const { find, parse, showMessage } = dom;
  const UNDO_STEPS = 100;
  const SAVE_DELAY = 400;  // milliseconds after the last key in the editor
  const EMPTY = { id: "", takes: [{ text: "", facts: null, edited: false }], place: 0, line: -1 };

  // `line` is the number of the line that the takes differ in; -1 if they are takes of the scene.
  let shown = EMPTY;
  let writing = null;  // what is being written: kind, the scene before, the takes that stay, focus
  let mode = "Script", side = false, beforeEdit = null, saving = 0;
  const undoSteps = [], redoSteps = [];  // scenes, the newest last
  let ask = () => {};  // sends an event to the server; events.js sets it

  const box = () => find("#scene .script");
  const editor = () => find("#editor textarea");
  const take = () => shown.takes[shown.place];
  const text = () => take().text;
  const isWriting = () => writing !== null;
  const isWaiting = () => isWriting() && !writing.received;
  const newId = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;

  // Drawing

  function draw() {
    if (!box()) return;
    const { classList } = document.body;
    classList.toggle("writing", isWriting());
    classList.toggle("editing", mode === "Edit");
    const canCompare = mode === "Script" && shown.line < 0 && shown.takes.length > 1;
    const isSide = side && canCompare;
    classList.toggle("side-by-side", isSide);
    if (mode === "Edit" || !isWriting()) editor().value = text();
    editor().readOnly = isWriting();
    if (mode !== "Surprise" || box().dataset.words !== text()) {
      const switching = document.activeElement.closest("#scene .script .switcher");
      const focused = switching && document.activeElement.title;
      if (box().dataset.words !== undefined) clear();
      scriptView.render(box(), text(), true);
      takes.renderAtLine(box(), shown, choose);
      if (focused) find(`#scene .script .switcher [title="${focused}"]`)?.focus();
    }
    takes.renderSideBySide(find("#side-by-side"), isSide ? shown : { takes: [] }, (place) => {
      side = false;
      choose(place);
      box().focus({ preventScroll: true });
    });
    takes.renderBar(shown, {
      choose,
      more,
      toggleSide,
      side: isSide,
      canCompare,
      canAsk: Boolean(take().facts?.scene),
      writing: isWriting(),
    });
    note.render(find("#facts"), take());
    readAloud.follow(text());
    setDisabled();
  }

  function setDisabled() {
    const disable = (selector, value) => {
      for (const control of document.querySelectorAll(selector)) control.disabled = value;
    };
    disable("#write, #continue, #examples button, #mode input[value='Edit']", isWriting());
    disable("#stop", !isWriting());
    disable("#undo", isWriting() || !(undoSteps.length || wasEdited()));
    disable("#redo", isWriting() || !redoSteps.length);
  }

  function clear() {
    delete box().dataset.words;
    box().classList.remove("probabilities");
    box().replaceChildren();
    box().lines = [];
    probabilities.closeAlternatives();
  }

  // Changing the scene on the screen

  function remember(before) {
    undoSteps.push(before);
    if (undoSteps.length > UNDO_STEPS) undoSteps.shift();
    redoSteps.length = 0;
  }

  // Shows a scene. The address, the message and the words' probabilities belonged to another text.
  function display(next) {
    if (next.takes[next.place].text !== text()) links.forget();
    shown = next;
    showMessage("");
    draw();
    store();
    askForWords();
  }

  function store() {
    clearTimeout(saving);
    library.save(shown);
    storage.writeShared("shown", shown.id);
    library.mark(shown.id);
  }

  // Shows a scene that was not written here, for example of a file; undo brings the former back.
  function open(next) {
    if (isWriting()) return;
    leaveEditor();
    remember(shown);
    display({ ...EMPTY, ...next, id: next.id || newId() });
    box().scrollTop = 0;
    showBox();
  }

  function choose(place) {
    leaveEditor();
    if (isWriting()) {
      shown = { ...shown, place };
      draw();
    } else {
      display({ ...shown, place });
    }
    enterEditor();
  }

  function toggleSide() {
    side = !side;
    draw();
  }

  function undo() {
    if (isWriting()) return;
    leaveEditor();
    if (!undoSteps.length) return;
    redoSteps.push(shown);
    display(undoSteps.pop());
    enterEditor();
  }

  function redo() {
    if (isWriting() || !redoSteps.length) return;
    undoSteps.push(shown);
    display(redoSteps.pop());
    enterEditor();
  }

  // Views

  function setMode(chosen) {
    leaveEditor();
    mode = chosen;
    side = false;
    enterEditor();
    if (box()?.dataset.words !== undefined) clear();
    draw();
    askForWords();
  }

  function enterEditor() {
    if (mode === "Edit") beforeEdit = shown;
  }

  const wasEdited = () => beforeEdit !== null && beforeEdit.takes[beforeEdit.place].text !== text();

  // One step of undo for everything that was typed since the editor was entered.
  function leaveEditor() {
    if (wasEdited()) remember(beforeEdit);
    beforeEdit = null;
    if (saving) store();
    saving = 0;
  }

  function edit(content) {
    if (isWriting()) return;
    const edited = [...shown.takes];
    edited[shown.place] = {
      text: content,
      facts: take().facts,
      edited: true,
      written: written(),
    };
    shown = { ...shown, id: shown.id || newId(), takes: edited };
    links.forget();
    note.render(find("#facts"), take());
    setDisabled();
    showMessage("");
    clearTimeout(saving);
    saving = setTimeout(store, SAVE_DELAY);
  }

  // The lines that the model wrote; the others are a person's.
  function written() {
    const { text: content, facts, written: before } = take();
    if (before !== undefined || !facts?.scene) return before ?? "";
    const { typed, prompt } = JSON.parse(facts.scene);
    const typedLines = (typed ?? prompt).split("\n").map((line) => line.trim()).filter(Boolean);
    const unfinished = typedLines.at(-1);  // the model has continued this line
    const isTyped = (line) =>
      typedLines.includes(line) || (unfinished && line.startsWith(unfinished));
    return content.split("\n").filter((line) => !isTyped(line.trim())).join("\n");
  }

  function askForWords() {
    if (mode === "Surprise" && !isWriting() && text().trim()) ask("list_words", { text: text() });
  }

  function showWords(answer) {
    const found = parse(answer);
    if (mode !== "Surprise" || isWriting() || found.text !== text()) return;
    clear();
    box().dataset.words = text();
    probabilities.render(box(), found.words);
    focusAfterwards();
  }

  function showAlternatives(answer) {
    const found = parse(answer);
    if (box().dataset.words === found.text) probabilities.showAlternatives(found.options);
  }

  // Writing

  // Before a scene is written. `kind` is the event; `focus` is the selector of the button that began it.
  function begin(kind, line, focus) {
    leaveEditor();
    const isNew = kind === "write_scene" || kind === "open_scene";
    writing = {
      kind,
      focus,
      before: shown,
      next: {
        id: isNew || !shown.id ? newId() : shown.id,
        line: kind === "rewrite_line" ? line : kind === "more_takes" ? shown.line : -1,
      },
      kept: kind === "more_takes" ? shown.takes : [],
      received: false,
    };
    if (kind !== "open_scene") links.forget();
    showMessage("");
    probabilities.closeAlternatives();
    const { activeElement } = document;
    if (activeElement === document.body || activeElement?.id === "write" || focus) {
      box().focus({ preventScroll: true });
    }
    draw();
    showBox();
  }

  // Scrolls to the scene where it is below the screen, for example on a phone.
  function showBox() {
    const place = find("#scene");
    if (place.getBoundingClientRect().top > window.innerHeight * 0.7) {
      place.scrollIntoView({ behavior: "smooth", block: "start" });
    }
  }

  // The takes so far.
  function receive(results) {
    if (!writing || !Array.isArray(results) || !results.length) return;
    const received = results.map(({ text, facts }) => {
      return { text, facts: facts.scene ? facts : null, edited: false };
    });
    const place = writing.received ? shown.place : writing.kept.length;
    shown = { ...writing.next, takes: [...writing.kept, ...received], place };
    const isFirst = !writing.received;
    writing.received = true;
    const atEnd = scriptView.isAtEnd(box());
    draw();
    if (isFirst && writing.next.id !== writing.before.id) box().scrollTop = 0;
    else if (writing.kind === "continue_scene" && atEnd) box().scrollTop = box().scrollHeight;
  }

  // After a scene is written, also if it was stopped or failed.
  function finish() {
    if (!writing) return;
    const { before, received, focus } = writing;
    writing = null;
    document.body.classList.remove("writing");
    if (received) {
      remember(before);
      store();
    }
    draw();
    enterEditor();
    lastFocus = focus;
    if (mode === "Surprise" && text().trim()) askForWords();
    else focusAfterwards();
  }

  function done(results) {
    receive(results);
    finish();
  }

  let lastFocus = "";

  // Drawing removes the button that began: its successor gets the focus, unless it has moved on.
  function focusAfterwards() {
    const { activeElement } = document;
    if (lastFocus && (activeElement === document.body || activeElement === box())) {
      (find(lastFocus) ?? box()).focus({ preventScroll: true });
    }
    lastFocus = "";
  }

  // More takes of the scene or line that the last take is of.
  function more() {
    const { scene: recipe } = shown.takes.findLast((one) => one.facts?.scene)?.facts ?? {};
    if (recipe) events.start("more_takes", { scene: recipe });
  }

  function start(sendEvent) {
    ask = sendEvent;
    editor().addEventListener("input", () => edit(editor().value));
    library.start((entry) => open(entry));
    draw();
  }

  // The scene that this tab showed last.
  function restore() {
    const entry = library.entryOf(storage.readShared("shown"));
    if (entry) shown = { ...EMPTY, ...entry };
    library.mark(shown.id);
    draw();
  }

  return {
    begin, done, draw, finish, isWaiting, isWriting, open, receive, redo, restore, setMode,
    showAlternatives, showWords, start, take, text, undo, written,
  };
})();
