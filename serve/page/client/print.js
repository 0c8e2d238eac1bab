// The scene alone on paper, as a page of a screenplay, whichever view is on the screen.
const paper = (() => {
  const { element, find } = dom;

  // Other tabs, and a page without a scene, are printed as they are.
  function prepare() {
    clear();
    const text = scene.text();
    if (!text.trim() || !find("#tools")?.offsetParent) return;
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

  function start() {
    window.addEventListener("beforeprint", prepare);
    window.addEventListener("afterprint", clear);
  }

  return { start };
})();
