// Links that hold a scene, and downloads.
const links = (() => {
  const { element, showNote } = dom;

  // The JSON that generates the scene again; of an edited scene, JSON that holds its text.
  function sceneJsonOf(content, sceneJson, model) {
    const { finished } = scene;
    if (sceneJson && sceneJson === finished.sceneJson && content === finished.text) return sceneJson;
    return JSON.stringify({
      format: config.sceneFormat,
      version: config.sceneVersion,
      prompt: content,
      max_new_tokens: 0,
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

  async function copyLink(content, sceneJson, model) {
    const hash = `#scene=${await compress(sceneJsonOf(content, sceneJson, model))}`;
    window.history.replaceState(null, "", hash);
    try {
      await navigator.clipboard.writeText(location.href);
      showNote("The link is copied. It opens this page and writes the same scene.");
    } catch {
      showNote("The link is in the address bar: copy it from there.");
    }
  }

  async function sceneOfAddress() {
    const match = /^#scene=([\w-]+)$/.exec(location.hash);
    if (!match) return "";
    try {
      return await decompress(match[1]);
    } catch {
      return "{}";  // the server answers with what is wrong
    }
  }

  function save(content, extension) {
    if (!content) return;
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "text/plain;charset=utf-8" }));
    link.download = `cold-open.${extension}`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  const saveJson = (content, sceneJson, model) => save(sceneJsonOf(content, sceneJson, model), "json");

  return { copyLink, save, saveJson, sceneOfAddress };
})();
