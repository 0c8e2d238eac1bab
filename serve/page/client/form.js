// The form's values, kept in the browser.
const form = (() => {
  let restored = false;

  function save(values) {
    if (restored) storage.writeShared("form", values);
  }

  // The stored values, where their types are those of the given default values.
  function restore(defaults) {
    const values = storage.readShared("form");
    restored = true;
    if (!Array.isArray(values) || values.length !== defaults.length) return defaults;
    const kind = (value) => (Array.isArray(value) ? "array" : typeof value);
    return defaults.map((value, place) => {
      const isSame = value === null || kind(values[place]) === kind(value);
      return isSame || values[place] === null ? values[place] : value;
    });
  }

  return { restore, save };
})();
