// The line of facts below a scene.
const note = (() => {
  const { element, find } = dom;

  function render(take) {
    const box = find("#facts");
    if (!box) return;
    const { facts, edited, text } = take;
    const parts = [];
    if (edited) parts.push("Edited by hand");
    if (facts && !edited) parts.push(`Seed ${facts.seed}`);
    if (text) parts.push(`${words(text)} words`);
    if (facts && !edited) {
      if (facts.done && facts.words > 1) {
        parts.push(`${facts.words_per_second.toLocaleString("en")} words per second`);
      }
      const unknown = facts.unknown_words.slice(0, config.maxShownUnknownWords);
      if (unknown.length) parts.push(`not in the show: ${unknown.join(", ")}`);
      if (facts.note) parts.push(facts.note);
    }
    const line = parts.join(" · ");
    if (box.textContent !== line) box.replaceChildren(...(line ? [element("p", "", line)] : []));
  }

  const words = (text) => (text.match(/[\p{L}\p{N}]+(?:['’][\p{L}]+)*/gu) || []).length;

  return { render };
})();
