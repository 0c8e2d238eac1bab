// Clicks and keys in the scene's box. They trigger "retry", "expand", "select" and "option_select",
// which are events that gr.HTML has.
const events = (() => {
  const { find } = dom;
  const { closeAlternatives } = probabilities;

  function attach(container, trigger) {
    scene.redraw();
    container.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button || scene.isWriting()) return;
      const { action, line, word, alternative } = button.dataset;
      if (action) {
        trigger(action, { line: Number(line) });
      } else if (word) {
        probabilities.select(button);
        trigger("select", { word: Number(word) });
      } else if (alternative !== undefined) {
        const choice = { word: Number(probabilities.selected().dataset.word), alternative };
        closeAlternatives();
        trigger("option_select", choice);
      }
    });
    container.addEventListener("keydown", (event) => {
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
    });
  }

  return { attach };
})();
