// The scene as a PNG image, drawn in the browser.
const image = (() => {
  const { element, showMessage } = dom;
  const FAMILY = '"Courier Prime", "Courier New", Courier, monospace';
  const WIDTH = 1200, MARGIN = 90, SIZE = 27, ROW = 40, GAP = 18, FOOTER = 110;
  const MAX_HEIGHT = 8000;  // pixels; some phones draw nothing on a larger canvas
  const INK = "#22201a", FAINT = "#5f5a4c", ACCENT = "#8a3b12", SHEET = "#fffdf6";
  const font = (style) => `${style} ${SIZE}px ${FAMILY}`;

  // The parts of a line with their styles: {text, font, color}.
  function parts(line) {
    if (scriptView.HEADING.test(line)) {
      const heading = line.replace(/^\[|\]$/g, "").toUpperCase();
      return [{ text: heading, font: font("bold"), color: INK }];
    }
    const speaker = scriptView.speakerOf(line);
    const found = [];
    if (speaker) found.push({ text: `${speaker.toUpperCase()} `, font: font("bold"), color: ACCENT });
    const speech = speaker ? line.slice(line.indexOf(":") + 1).trim() : line;
    for (const text of speech.split(/(\([^()]*\)?)/)) {
      const direction = text.startsWith("(");
      if (text) found.push({ text, font: font(direction ? "italic" : ""), color: direction ? FAINT : INK });
    }
    return found;
  }

  // Breaks a line into rows of words with their places: [{x, text, font, color}].
  function rows(context, line) {
    const found = [[]];
    let x = 0;
    for (const part of parts(line)) {
      context.font = part.font;
      for (const word of part.text.split(/(?<=\s)/)) {
        let rest = word;
        while (rest) {
          const room = WIDTH - 2 * MARGIN - x;
          const width = context.measureText(rest.trimEnd()).width;
          let text = rest;
          if (width > room && x > 0) {
            found.push([]);
            x = 0;
            continue;
          }
          while (context.measureText(text.trimEnd()).width > room && text.length > 1) text = text.slice(0, -1);
          found[found.length - 1].push({ ...part, x, text });
          x += context.measureText(text).width;
          rest = rest.slice(text.length);
        }
      }
    }
    return found;
  }

  // A canvas with the scene; a scene that is too long for one ends with "...".
  function draw(text, show) {
    const canvas = element("canvas");
    const context = canvas.getContext("2d");
    const words = [];
    let y = MARGIN + SIZE;
    for (const line of text.split("\n").map((line) => line.trim()).filter(Boolean)) {
      const found = rows(context, line);
      if (y + found.length * ROW > MAX_HEIGHT - FOOTER - 2 * ROW) {
        words.push({ x: 0, y, text: "...", font: font("bold"), color: FAINT });
        y += ROW;
        break;
      }
      for (const row of found) {
        for (const word of row) words.push({ ...word, y });
        y += ROW;
      }
      y += GAP;
    }
    canvas.width = WIDTH;
    canvas.height = y + FOOTER;
    context.fillStyle = SHEET;
    context.fillRect(0, 0, canvas.width, canvas.height);
    for (const word of words) {
      context.font = word.font;
      context.fillStyle = word.color;
      context.fillText(word.text, MARGIN + word.x, word.y);
    }
    context.font = `22px ${FAMILY}`;
    context.fillStyle = FAINT;
    const credit = `Cold Open: written by a neural network after the scripts of ${show}`;
    context.fillText(credit, MARGIN, canvas.height - 50, WIDTH - 2 * MARGIN);
    return canvas;
  }

  // Saves the image; on a phone it offers to send it to another app.
  async function save(show) {
    const text = scene.text();
    if (!text.trim()) return showMessage("Write a scene first.");
    const canvas = draw(text, show);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    const file = new File([blob], "cold-open.png", { type: "image/png" });
    if (matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files: [file] })) {
      try {
        return await navigator.share({ files: [file] });
      } catch (error) {
        if (error.name === "AbortError") return undefined;  // the person has changed their mind
      }
    }
    const link = element("a");
    link.href = URL.createObjectURL(blob);
    link.download = file.name;
    link.click();
    URL.revokeObjectURL(link.href);
    return undefined;
  }

  return { save };
})();
