// Reads the scene with the browser's own voices, one for each speaker. Voices that send the text to
// another host are not used.
const readAloud = (() => {
  const { find, showMessage } = dom;
  const synthesis = window.speechSynthesis;
  const PITCHES = [1, 0.75, 1.3, 0.88, 1.15];  // tell speakers with the same voice apart
  const VOICES_TIMEOUT = 1000;  // milliseconds; some browsers load their voices late
  let reading = "";  // the text that is read; empty if none
  let utterances = [];  // kept, because some browsers drop utterances that nothing refers to

  // [speaker or "", words, number of the line] of each line that has something to read.
  function speeches(text) {
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    return lines.map((line, number) => {
      const speaker = line.startsWith("[") ? "" : scriptView.speakerOf(line);
      const words = speaker ? line.slice(line.indexOf(":") + 1).replace(/\([^()]*\)/g, " ") : line;
      return [speaker, words.replace(/[[\]()]/g, " ").trim(), number];
    }).filter(([, words]) => /[\p{L}\p{N}]/u.test(words));
  }

  async function voices() {
    if (!synthesis.getVoices().length) {
      await new Promise((resolve) => {
        synthesis.addEventListener("voiceschanged", resolve, { once: true });
        setTimeout(resolve, VOICES_TIMEOUT);
      });
    }
    const local = synthesis.getVoices().filter((voice) => voice.localService);
    const language = document.documentElement.lang.slice(0, 2) || "en";
    const fitting = local.filter((voice) => voice.lang.startsWith(language));
    return fitting.length ? fitting : local;
  }

  async function start() {
    stop();
    const text = scene.text();
    const parts = speeches(text);
    const found = synthesis && parts.length ? await voices() : [];
    if (!found.length || !parts.length) {
      showMessage(parts.length ? "This browser has no voice of its own." : "Write a scene first.");
      return;
    }
    reading = text;
    document.body.classList.add("reading");
    window.addEventListener("pagehide", stop, { once: true });  // some browsers read on
    find("#stop-reading")?.focus();
    const speakers = [...new Set(["", ...parts.map(([speaker]) => speaker)])];  // "" is the narrator
    utterances = parts.map(([speaker, words, number]) => {
      const place = speakers.indexOf(speaker);
      const utterance = new SpeechSynthesisUtterance(words);
      utterance.voice = found[place % found.length];
      utterance.lang = utterance.voice.lang;
      utterance.pitch = PITCHES[Math.floor(place / found.length) % PITCHES.length];
      utterance.onstart = () => mark(number);
      return utterance;
    });
    const last = utterances[utterances.length - 1];
    last.onend = () => utterances.includes(last) && stop();
    for (const utterance of utterances) synthesis.speak(utterance);
  }

  // Marks the line that is read, and keeps it in view.
  function mark(number) {
    find(".spoken")?.classList.remove("spoken");
    const box = find("#scene .script"), line = number < 0 ? null : box?.children[number];
    if (!line || box.classList.contains("probabilities")) return;
    line.classList.add("spoken");
    const above = line.offsetTop - box.offsetTop - box.clientHeight / 3;
    if (document.body.classList.contains("reading")) box.scrollTop = above;
  }

  function stop() {
    if (!reading) return;
    reading = "";
    utterances = [];
    synthesis.cancel();
    mark(-1);
    const focused = document.activeElement?.id === "stop-reading";
    document.body.classList.remove("reading");
    if (focused) find("#read-aloud")?.focus();
  }

  // Stops when the scene changes.
  function follow(text) {
    if (reading && text !== reading) stop();
  }

  return { follow, start, stop };
})();
