// The words of a scene, each a button that is darker the less likely it was, and the alternatives
// to a word. The tab key reaches one of the words, the arrow keys the others.
const probabilities = (() => {
  const { element, find, parse, percent } = dom;
  const SURPRISE_LEVELS = 5;  // backgrounds in style/probabilities.css; one for each 2 nats
  const MAX_OWN_WORD = 100;  // characters
  const TIP_DISTANCE = 6;  // pixels between a word and its probability
  let selectedWord = null;

  const isLineBreak = (word) => word.text.trim() === "" && word.text.includes("\n");
  const described = (word) => percent(Math.exp(word.logprob)) + (word.known ? "" : ", not in the show");

  // Puts the words into an empty box.
  function render(box, words) {
    box.classList.add("probabilities");
    let line = element("p", "line");
    words.forEach((word, place) => {
      if (isLineBreak(word)) {
        if (line.childNodes.length) box.append(line);
        line = element("p", "line");
        return;
      }
      const bare = word.text.trimStart();
      if (bare.length < word.text.length) line.append(" ");
      const button = element("button", "word", bare);
      button.type = "button";
      button.dataset.word = place;
      button.dataset.tip = described(word);
      button.tabIndex = box.querySelector(".word") || line.querySelector(".word") ? -1 : 0;
      button.dataset.surprise = Math.min(SURPRISE_LEVELS, Math.floor(-word.logprob / 2));
      if (!word.known) button.classList.add("unknown");
      line.append(button);
    });
    if (line.childNodes.length) box.append(line);
    box.append(table(words));
  }

  // The words as a table, which is made when it is opened.
  function table(words) {
    const details = element("details", "words");
    details.append(element("summary", "", "The words as a table"));
    details.addEventListener("toggle", () => {
      if (details.querySelector("table")) return;
      const made = element("table");
      made.append(element("caption", "", "The probability that the model gave to each word"));
      const head = made.createTHead().insertRow();
      for (const name of ["Word", "Probability"]) {
        head.append(element("th", "", name));
        head.lastChild.scope = "col";
      }
      const body = made.createTBody();
      for (const word of words) {
        const row = body.insertRow();
        row.append(element("th", "", isLineBreak(word) ? "(new line)" : word.text.trim()));
        row.append(element("td", "", described(word)));
        row.firstChild.scope = "row";
      }
      details.append(made);
    });
    return details;
  }

  // Shows a word's probability below it while the pointer or the focus is on it.
  function showTip(word) {
    const tip = find("#word-tip") ?? find("#scene").appendChild(element("div"));
    tip.id = "word-tip";
    tip.setAttribute("role", "tooltip");
    tip.hidden = !word;
    for (const other of document.querySelectorAll("[aria-describedby='word-tip']")) {
      other.removeAttribute("aria-describedby");
    }
    if (!word) return;
    tip.textContent = word.dataset.tip;
    word.setAttribute("aria-describedby", "word-tip");
    const place = word.getBoundingClientRect();
    const end = document.documentElement.clientWidth - tip.offsetWidth - TIP_DISTANCE;
    tip.style.left = `${Math.max(TIP_DISTANCE, Math.min(place.left, end))}px`;
    tip.style.top = `${place.bottom + TIP_DISTANCE}px`;
  }

  // Words at the pointer or with the focus; the tip disappears when the box scrolls below it.
  function attach(container) {
    const show = (event) => showTip(event.target.closest(".word[data-tip]"));
    for (const name of ["pointerover", "focusin"]) container.addEventListener(name, show);
    for (const name of ["pointerleave", "focusout"]) {
      container.addEventListener(name, () => showTip(null));
    }
    container.addEventListener("scroll", () => showTip(null), true);
  }

  function closeAlternatives() {
    find("#alternatives")?.remove();
    for (const word of document.querySelectorAll(".word[aria-expanded]")) {
      word.removeAttribute("aria-expanded");
    }
    if (find("#word-tip")) showTip(null);
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
    box.append(ownWord());
    selectedWord.setAttribute("aria-expanded", "true");
    selectedWord.closest(".line").after(box);
    box.querySelector("button").focus();
  }

  // A field for a word that is not among the alternatives; events.js sends it.
  function ownWord() {
    const form = element("form");
    const label = element("label", "", "Your own word");
    const field = element("input");
    field.name = "own";
    field.maxLength = MAX_OWN_WORD;
    field.autocomplete = "off";
    field.required = true;
    field.pattern = ".*\\S.*";
    label.append(field);
    form.append(label, element("button", "text-button", "Use it"));
    return form;
  }

  function select(button) {
    selectedWord = button;
  }

  const selected = () => selectedWord;

  return { attach, closeAlternatives, render, select, selected, showAlternatives };
})();
