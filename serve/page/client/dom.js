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

  // A button with a sign as its text and a label for screen readers and as its tooltip.
  function button(label, className, sign, onClick) {
    const made = element("button", className, sign ?? label);
    made.type = "button";
    if (sign !== undefined) {
      made.setAttribute("aria-label", label);
      made.title = label;
    }
    if (onClick) made.addEventListener("click", onClick);
    return made;
  }

  // Shows a sentence below the scene until the scene changes.
  function showMessage(sentence) {
    const message = find("#message");
    if (message) message.textContent = sentence;
  }

  return { button, element, find, parse, percent, showMessage };
})();
