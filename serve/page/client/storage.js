// What the browser keeps of this page: JSON values by key, apart for each show and address.
const storage = (() => {
  const FORMAT = 1;  // of the values; those of another format are ignored
  const PAGE = `cold-open:${location.pathname}:`;
  const PREFIX = `${PAGE}${FORMAT}:${config.show}:`;
  // Read at each use: a browser that blocks storage throws here.
  const areas = { tab: () => window.sessionStorage, browser: () => window.localStorage };

  function read(area, key) {
    try {
      return JSON.parse(areas[area]().getItem(PREFIX + key));
    } catch {
      return null;
    }
  }

  // Returns whether the value was stored: storage can be full or blocked.
  function write(area, key, value) {
    try {
      areas[area]().setItem(PREFIX + key, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  }

  // A value of this tab; the tab's first value is the last one of any tab.
  const readShared = (key) => read("tab", key) ?? read("browser", key);

  function writeShared(key, value) {
    write("tab", key, value);
    return write("browser", key, value);
  }

  // Deletes everything that this page has stored, of any show.
  function clear() {
    for (const area of Object.values(areas)) {
      try {
        const kept = area();
        for (const key of Object.keys(kept)) if (key.startsWith(PAGE)) kept.removeItem(key);
      } catch {
        // Nothing is stored where storage is blocked.
      }
    }
  }

  const isKey = (name, key) => name === PREFIX + key;

  return { clear, isKey, read, readShared, write, writeShared };
})();
