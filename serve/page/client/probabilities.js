// The words of a scene, each a button that is darker the less likely it was, and the alternatives
// to a word. The tab key reaches one of the words, the arrow keys the others.
const probabilities = (() => {
  const { element, find, parse, percent } = dom;
  const SURPRISE_LEVELS = 5;  // backgrounds in style/probabilities.css; one for each 2 nats
  let selectedWord = null;

  // Puts the words into an empty box.
  function render(box, words) {
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

  function select(button) {
    selectedWord = button;
  }

  const selected = () => selectedWord;

  return { closeAlternatives, render, select, selected, showAlternatives };
})();
