// The Compare tab: two scenes, which are written at the same time, and a button that takes one of
// them into the Write tab.
const compare = (() => {
  const { find } = dom;
  const SIDES = ["left", "right"];
  let results = [];  // {text, facts} of the left and of the right scene
  let running = false;

  function draw() {
    SIDES.forEach((side, place) => {
      const box = find(`#scene-${side}`);
      if (!box?.querySelector(".use")) return;  // the tab was not opened yet
      const { text = "", facts = null } = results[place] ?? {};
      scriptView.render(box.querySelector(".script"), text, false);
      note.render(box.querySelector(".facts"), { text, facts: facts?.scene ? facts : null });
      box.querySelector(".use").hidden = running || !text;
    });
    for (const [selector, value] of [["#write-both", running], ["#stop-both", !running]]) {
      const button = find(selector);
      if (button) button.disabled = value;
    }
  }

  function begin(values) {
    running = true;
    results = [];
    draw();
    return values;
  }

  function receive(found) {
    if (!running || !Array.isArray(found) || !found.length) return;
    results = found;
    draw();
  }

  function finish() {
    running = false;
    draw();
  }

  // Once a side's box is on the page.
  function attach(container, place, trigger) {
    note.attach(container, trigger);
    container.querySelector(".use").addEventListener("click", () => use(place));
    draw();
  }

  // Shows a scene in the Write tab; undo brings the former one back.
  function use(place) {
    if (!results[place]?.text || scene.isWriting()) return;
    const { text, facts } = results[place];
    scene.open({ takes: [{ text, facts: facts?.scene ? facts : null, edited: false }] });
    find("[role='tab']").click();
    setTimeout(() => find("#scene .script").focus());  // once the tab is visible
  }

  const isRunning = () => running;

  return { attach, begin, finish, isRunning, receive };
})();
