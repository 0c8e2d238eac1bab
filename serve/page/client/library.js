// The history: the scenes that this browser keeps, and the list that shows them.
const library = (() => {
  const { button, element, find, showMessage } = dom;
  const MAX_SCENES = 200;  // without a star; the oldest are dropped
  const MAX_TITLE = 80;

  let open = () => {};  // shows an entry; scene.js sets it
  let deleted = null;  // the entry that can be restored
  let shownId = "";

  const entries = () => storage.read("browser", "scenes") ?? [];
  const entryOf = (id) => entries().find((entry) => entry.id === id);

  // Stores the list; drops the oldest scenes without a star until it fits.
  function store(list) {
    const kept = [...list].sort((one, other) => other.date - one.date);
    const plain = kept.filter((entry) => !entry.starred);
    const drop = (entry) => kept.splice(kept.indexOf(entry), 1);
    for (const entry of plain.splice(MAX_SCENES)) drop(entry);
    while (!storage.write("browser", "scenes", kept)) {
      if (plain.length < 2) {
        showMessage("This browser cannot keep the scene: download it.");
        return;
      }
      drop(plain.pop());
    }
    render();
  }

  // Adds or updates the entry of a scene.
  function save(shown) {
    const list = entries();
    const before = list.find((entry) => entry.id === shown.id);
    const text = shown.takes[shown.place].text;
    if (!text.trim()) return;
    const same = before && before.takes[before.place]?.text === text;
    const entry = {
      title: "",
      starred: false,
      ...before,
      ...shown,
      date: same ? before.date : Date.now(),
    };
    store([entry, ...list.filter((other) => other.id !== shown.id)]);
  }

  function update(id, change) {
    store(entries().map((entry) => (entry.id === id ? { ...entry, ...change } : entry)));
  }

  function remove(entry) {
    deleted = entry;
    store(entries().filter((other) => other.id !== entry.id));
    find("#history .restore")?.focus();
  }

  function restore() {
    const entry = deleted;
    deleted = null;
    store([entry, ...entries()]);
  }

  function describe(entry) {
    const lines = entry.takes[entry.place].text.split("\n").map((line) => line.trim());
    const [first = "", second = ""] = lines.filter(Boolean);
    const heading = first.startsWith("[") ? first.replace(/^\[(?:setting: *)?|\]$/gi, "") : "";
    const title = entry.title || heading || first;
    return { title: shorten(title), line: shorten(title === first || heading ? second : first) };
  }

  const shorten = (line) => (line.length > MAX_TITLE ? `${line.slice(0, MAX_TITLE - 1)}…` : line);

  // The list

  function row(entry) {
    const { title, line } = describe(entry);
    const made = element("li", "entry");
    made.dataset.id = entry.id;
    const name = button(title, "entry-title", undefined, () => open(entryOf(entry.id) ?? entry));
    if (entry.id === shownId) name.setAttribute("aria-current", "true");
    const date = new Date(entry.date);
    const time = element("time", "", date.toLocaleString(undefined, {
      dateStyle: "medium",
      timeStyle: "short",
    }));
    time.dateTime = date.toISOString();
    const about = element("span", "entry-about");
    about.append(time, line ? ` · ${line}` : "");
    const star = button(`Star: ${title}`, "tool", entry.starred ? "★" : "☆", () => {
      update(entry.id, { starred: !entry.starred });
      find(`[data-id="${entry.id}"] [aria-pressed]`)?.focus();
    });
    star.setAttribute("aria-pressed", entry.starred);
    made.append(
      name,
      star,
      button(`Rename: ${title}`, "tool", "✎", () => rename(made, entry.id, title)),
      button(`Delete: ${title}`, "tool", "✕", () => remove(entry)),
      about,
    );
    return made;
  }

  function rename(made, id, title) {
    const field = element("input", "entry-title");
    field.value = title;
    field.maxLength = MAX_TITLE;
    field.setAttribute("aria-label", "Title");
    const finish = (keep) => {
      field.onblur = null;  // rendering removes the field, which blurs it
      if (keep && field.value.trim()) update(id, { title: field.value.trim() });
      else render();
    };
    field.onblur = () => finish(true);
    field.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();  // the key would also press the button that gets the focus
      finish(event.key === "Enter");
      find(`[data-id="${id}"] .entry-title`)?.focus();
    };
    made.firstChild.replaceWith(field);
    field.select();
  }

  function render() {
    const list = find("#history ul");
    if (!list) return;
    const all = entries();
    const starredFirst = [...all].sort((one, other) => other.starred - one.starred);
    find("#history .count").textContent = all.length ? `(${all.length})` : "";
    list.replaceChildren(...starredFirst.map(row));
    if (deleted) {
      const notice = element("li", "entry", "Deleted. ");
      notice.append(button("Restore it", "text-button restore", undefined, restore));
      list.prepend(notice);
    } else if (!all.length) {
      list.append(element("li", "hint", "The scenes that you write are kept in this browser."));
    }
  }

  // Marks the entry of the scene on the screen.
  function mark(id) {
    if (id === shownId) return;
    shownId = id;
    render();
  }

  function start(openEntry) {
    open = openEntry;
    window.addEventListener("storage", (event) => {
      if (event.key === null || storage.isKey(event.key, "scenes")) render();
    });
    render();
  }

  return { entryOf, mark, save, start };
})();
