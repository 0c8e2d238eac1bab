// Links that hold a scene, and the scene's JSON.
const links = (() => {
  const { showMessage } = dom;
  const HASH = "#scene=";

  // The JSON that generates the scene again; of another text, JSON that holds the text.
  function sceneJson(model) {
    const { text, facts, edited } = scene.take();
    if (facts?.done && !edited) return facts.scene;
    return JSON.stringify({
      format: config.sceneFormat,
      version: config.sceneVersion,
      prompt: text,
      length: 0,
      model: model || "",
    });
  }

  // Text as deflate in URL-safe base64, and back.
  async function compress(value) {
    const stream = new Blob([value]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    let letters = "";
    for (const byte of bytes) letters += String.fromCharCode(byte);
    return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  async function decompress(value) {
    const letters = atob(value.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Response(stream).text();
  }

  async function copyLink(model) {
    if (!scene.text().trim()) {
      showMessage("There is no scene yet: choose Write.");
      return;
    }
    setHash(HASH + (await compress(sceneJson(model))));
    try {
      await navigator.clipboard.writeText(location.href);
      showMessage("The link is copied. It opens this page and writes the same scene.");
    } catch {
      showMessage("The link is in the address bar: copy it from there.");
    }
  }

  const setHash = (hash) =>
    window.history.replaceState(window.history.state, "", location.pathname + location.search + hash);

  // Removes the scene from the address, once another scene is on the screen.
  function forget() {
    if (location.hash.startsWith(HASH)) setHash("");
  }

  // Opens the scene of the address, if it has one.
  async function open() {
    if (!location.hash.startsWith(HASH)) return;
    let json = "";
    try {
      json = await decompress(location.hash.slice(HASH.length));
    } catch {
      showMessage("The link is damaged or not complete: copy all of it again.");
      return;
    }
    if (scene.isWriting()) {
      forget();
      showMessage("A scene is being written: open the link again when it is done.");
      return;
    }
    events.start("open_scene", { scene: json });
  }

  return { copyLink, forget, open, sceneJson };
})();
