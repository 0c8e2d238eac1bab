// The scene alone on paper, as a page of a screenplay, whichever view is on the screen.
const paper = (() => {
  const { element, find } = dom;

  // The text of the editor, which is hidden in the other views. Other tabs are printed as they are.
  function prepare() {
    clear();
    const text = find("#editor textarea")?.value.trim();
    if (!text || !find("#tools")?.offsetParent) return;
    const sheet = element("div", "script");
    sheet.id = "sheet";
    scriptView.render(sheet, text, false);
    document.body.append(sheet);
    document.body.classList.add("printing");
  }

  function clear() {
    find("#sheet")?.remove();
    document.body.classList.remove("printing");
  }

  window.addEventListener("beforeprint", prepare);
  window.addEventListener("afterprint", clear);
  return { print: () => window.print() };
})();
