// Saves scenes as files, and opens files by a button or when they are dropped on the page.
const files = (() => {
  const { element, find, showMessage } = dom;
  const MAX_BYTES = 1_000_000;  // far above the longest scene; larger files are not read

  function save(content, extension) {
    if (!content) return;
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "text/plain;charset=utf-8" }));
    link.download = `cold-open.${extension}`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  async function open(file) {
    const problem = await read(file);
    if (problem) showMessage(`${file.name}: ${problem}`);
  }

  // Opens a file; returns what is wrong with it, or nothing.
  async function read(file) {
    const extension = file.name.toLowerCase().split(".").pop();
    if (!["json", "txt"].includes(extension)) return "choose a .json or .txt file.";
    if (file.size > MAX_BYTES) return "this file is too large for a scene.";
    if (scene.isWriting()) return "stop the scene that is being written first.";
    let content;
    try {
      const bytes = await file.arrayBuffer();
      content = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return "this file is not a text in UTF-8.";
    }
    if (!content.trim() || content.includes("\0")) return "this file holds no text.";
    if (extension === "json") {
      events.start("open_scene", { scene: content });
      return "";
    }
    content = content.replace(/\r\n?/g, "\n");
    if (content.length > config.maxText) {
      const limit = config.maxText.toLocaleString("en");
      return `a scene has at most ${limit} characters, this file ${content.length.toLocaleString("en")}.`;
    }
    scene.open({ takes: [{ text: content, facts: null, edited: true }] });
    return "";
  }

  function start() {
    const field = find("#open-file");
    find("#open-button").addEventListener("click", () => field.click());
    field.addEventListener("change", async () => {
      if (field.files.length) await open(field.files[0]);
      field.value = "";  // so that the same file can be chosen again
    });
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (hasFiles(event)) event.preventDefault();
    });
    document.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
    });
  }

  return { save, start };
})();
