// The scene in its box: its text, its view, whether it is being written, and the texts before it.
const scene = (() => {
  const { find, parse } = dom;
  const UNDO_STEPS = 100;

  const history = [];  // earlier texts for undo, the newest last
  const finished = { sceneJson: "", text: "" };  // the last scene that was generated completely
  let text = "", mode = "Script";

  const box = () => find("#scene .script");
  const isWriting = () => document.body.classList.contains("writing");

  function show(content) {
    text = content || "";
    if (!box() || (mode === "Probabilities" && !isWriting())) return;
    if (box().classList.contains("probabilities")) clear();
    redraw();
    if (isWriting()) scriptView.scrollToEnd(box());
  }

  function clear() {
    box().classList.remove("probabilities");
    box().replaceChildren();
    box().lines = [];
    probabilities.closeAlternatives();
  }

  function setMode(chosen) {
    mode = chosen;
    document.body.classList.toggle("editing", mode === "Edit");
    if (mode !== "Probabilities" && box()) {
      clear();
      redraw();
    }
  }

  function showProbabilities(answer) {
    const words = parse(answer);
    if (mode !== "Probabilities" || !words.length) return;
    clear();
    probabilities.render(box(), words);
  }

  // Before a scene is written: called with the values of the event, which it returns.
  function begin(values) {
    if (history[history.length - 1] !== text) history.push(text);
    if (history.length > UNDO_STEPS) history.shift();
    document.body.classList.add("writing");
    probabilities.closeAlternatives();
    const top = box()?.getBoundingClientRect().top;
    if (top > window.innerHeight * 0.7) {
      box().scrollIntoView({ behavior: "smooth", block: "start" });
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

  const undo = () => [history.pop() ?? text, ""];
  const redraw = () => scriptView.render(box(), text, true);

  return {
    begin, done, finished, isWriting, redraw, setMode, show, showProbabilities, stop, undo,
  };
})();
