// The line of facts below a scene; its seed is a button that fills the form's field.
const note = (() => {
  const { button, element } = dom;
  const SEED = "Use this seed again: the same seed and options give the same scene";
  let chosenSeed = "";

  // Puts the facts about a take into a box.
  function render(box, take) {
    if (!box) return;
    const { facts, edited, text } = take;
    const parts = [];
    if (edited) parts.push("Edited by hand");
    if (text) parts.push(`${words(text)} words`);
    if (facts && !edited) {
      if (facts.done && facts.words > 1) {
        parts.push(`${facts.words_per_second.toLocaleString("en")} words per second`);
      }
      const unknown = facts.unknown_words.slice(0, config.maxShownUnknownWords);
      if (unknown.length) parts.push(`not in the show: ${unknown.join(", ")}`);
      if (facts.note) parts.push(facts.note);
    }
    const seed = facts && !edited ? `Seed ${facts.seed}` : "";
    const line = [seed, ...parts].filter(Boolean).join(" · ");
    if (box.textContent === line) return;
    const paragraph = element("p", "", seed ? line.slice(seed.length) : line);
    if (seed) {
      const made = button(seed, "seed");
      made.title = SEED;
      made.dataset.seed = facts.seed;
      paragraph.prepend(made);
    }
    box.replaceChildren(...(line ? [paragraph] : []));
  }

  const words = (text) => (text.match(/[\p{L}\p{N}]+(?:['’][\p{L}]+)*/gu) || []).length;

  // Sends the event `use_seed` for a click on a seed; Python puts `seed()` into the form's field.
  function attach(container, trigger) {
    container.addEventListener("click", (event) => {
      const seed = event.target.closest(".seed");
      if (!seed) return;
      chosenSeed = seed.dataset.seed;
      trigger("use_seed");
      dom.showMessage(`Seed ${chosenSeed} is in the form: the same options write this scene again.`);
    });
  }

  const seed = () => chosenSeed;

  return { attach, render, seed };
})();
