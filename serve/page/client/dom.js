// Nodes of the page, and small conversions. Texts become nodes by textContent only, so that no text
// of a scene is ever run as HTML or script.
const dom = (() => {
  const find = (selector) => document.querySelector(selector);
  const parse = (value) => (typeof value === "string" && value ? JSON.parse(value) : value || []);
  const percent = (probability) => `${(100 * probability).toPrecision(2)} %`;

  function element(tag, className, content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content;
    return made;
  }

  // Shows a sentence below the scene.
  function showNote(sentence) {
    const note = find("#note p") || find("#note").appendChild(element("p"));
    note.textContent = sentence;
  }

  return { element, find, parse, percent, showNote };
})();
