// The form's values, kept in the browser.
const form = (() => {
  let last = "";  // the values as JSON: those that are restored are not stored again

  function save(values) {
    if (!last || last === JSON.stringify(values)) return;
    last = JSON.stringify(values);
    storage.writeShared("form", values);
  }

  const UNCHANGED = { __type__: "update" };  // Gradio then leaves a component as it is

  // The stored values, where their types are those of the given default values. Components whose
  // value is not stored stay as they are: a person may have typed since the page asked for them.
  function restore(defaults) {
    const values = storage.readShared("form");
    const isStored = Array.isArray(values) && values.length === defaults.length;
    const kind = (value) => (Array.isArray(value) ? "array" : typeof value);
    const isUsable = (value, place) =>
      value === null || defaults[place] === null || kind(value) === kind(defaults[place]);
    const restored = defaults.map((value, place) =>
      isStored && isUsable(values[place], place) ? values[place] : value);
    last = JSON.stringify(restored);
    const text = (value) => JSON.stringify(value ?? "");  // an empty field is null until it is used
    return restored.map((value, place) =>
      text(value) === text(defaults[place]) ? UNCHANGED : value);
  }

  return { restore, save };
})();
