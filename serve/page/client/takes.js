// The takes of a scene or of one of its lines: versions from several seeds, one of which is shown.
const takes = (() => {
  const { button, element, find } = dom;

  // The buttons ‹ and › with the number between them.
  function switcher(shown, choose, short) {
    const count = shown.takes.length;
    const box = element("span", "switcher");
    const step = (by) => () => choose((shown.place + by + count) % count);
    const number = short
      ? `${shown.place + 1}/${count}`
      : `Take ${shown.place + 1} of ${count}`;
    box.append(
      button("Previous take", "tool", "‹", step(-1)),
      element("span", "place", number),
      button("Next take", "tool", "›", step(1)),
    );
    return box;
  }

  // The bar above the scene. Buttons keep their focus, because only the changed bar is replaced.
  function renderBar(shown, actions) {
    const bar = find("#takes");
    const state = JSON.stringify([shown.place, shown.takes.length, shown.line, actions]);
    if (!bar || bar.dataset.state === state) return;
    bar.dataset.state = state;
    const focused = bar.contains(document.activeElement) ? document.activeElement.title : "";
    const parts = [];
    if (shown.line >= 0) parts.push(element("span", "", `Line ${shown.line + 1}:`));
    if (shown.takes.length > 1) parts.push(switcher(shown, actions.choose));
    if (actions.canAsk) {
      const more = button("More takes", "text-button", undefined, actions.more);
      more.disabled = actions.writing;
      more.title = "More takes";
      parts.push(more);
    }
    if (actions.canCompare) {
      const label = actions.side ? "One at a time" : "Side by side";
      const side = button(label, "text-button side-button", undefined, actions.toggleSide);
      side.title = label;
      parts.push(side);
    }
    if (actions.side && actions.writing) {  // the form with its button is hidden
      parts.push(button("Stop", "text-button", undefined, () => find("#stop").click()));
    }
    bar.replaceChildren(...parts);
    bar.hidden = !parts.length;
    if (focused) [...bar.querySelectorAll("button")].find((b) => b.title === focused)?.focus();
  }

  // The switch at the line whose takes are shown.
  function renderAtLine(box, shown, choose) {
    box.querySelector(".switcher")?.remove();
    const line = box.children[shown.line];
    if (line && shown.takes.length > 1) line.append(switcher(shown, choose, true));
  }

  // All takes beside each other, each with a button that chooses it.
  function renderSideBySide(box, shown, choose) {
    while (box.children.length > shown.takes.length) box.lastChild.remove();
    shown.takes.forEach((take, place) => {
      let column = box.children[place];
      if (!column) {
        column = element("section", "take");
        column.setAttribute("aria-label", `Take ${place + 1}`);
        const script = element("div", "script");
        script.tabIndex = 0;
        script.setAttribute("role", "region");
        script.setAttribute("aria-label", `Text of take ${place + 1}`);
        column.append(button(`Choose take ${place + 1}`, "text-button"), script);
        column.firstChild.dataset.take = place;
        box.append(column);
      }
      column.firstChild.onclick = () => choose(place);
      column.classList.toggle("chosen", place === shown.place);
      scriptView.render(column.lastChild, take.text, false);
    });
  }

  return { renderAtLine, renderBar, renderSideBySide };
})();
