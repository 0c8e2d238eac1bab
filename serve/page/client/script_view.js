// A script as lines with speakers and directions, and with the buttons of each line.
const scriptView = (() => {
  const { button, element } = dom;
  const SPEAKER = new RegExp(config.speakerPattern, "u");
  const HEADING = /^\[[^\]]*\]?$/;  // a bracket that is not closed is being written
  const FOLLOW_DISTANCE = 160;  // pixels from the end: the reader follows

  function speakerOf(line) {
    const match = SPEAKER.exec(line);
    return match ? match[1] : "";
  }

  // A speech, with its directions in parentheses as elements of their own.
  function speech(content) {
    const parts = document.createDocumentFragment();
    for (const part of content.split(/(\([^()]*\)?)/)) {
      if (part) parts.append(part.startsWith("(") ? element("i", "direction", part) : part);
    }
    return parts;
  }

  // A sign that is not shown, and copied with the text around it.
  const unseen = (sign) => element("span", "unseen", sign);

  function lineButton(label, sign, action, line) {
    const made = button(label, "tool", sign);
    made.dataset.action = action;
    made.dataset.line = line;
    return made;
  }

  function lineElement(line, number, editable) {
    const heading = HEADING.test(line);
    const speaker = heading ? null : SPEAKER.exec(line);
    const made = element(heading ? "h2" : "p", heading ? "heading" : "line");
    if (speaker) made.append(element("b", "speaker", speaker[1]), unseen(": "));
    if (heading) made.append(unseen("["));
    const rest = heading ? line.replace(/^\[|\]$/g, "") : speaker ? line.slice(speaker[0].length) : line;
    made.append(speech(rest.trim()));
    if (heading && line.endsWith("]")) made.append(unseen("]"));
    if (!editable) return made;
    const of = speaker ? ` of ${speaker[1]}` : "";
    const tools = element("span", "line-tools");
    tools.append(
      lineButton(`Rewrite line ${number + 1}${of}`, "↻", "rewrite_line", number),
      lineButton(`Continue after line ${number + 1}${of}`, "▸", "continue_scene", number),
    );
    made.append(tools);
    return made;
  }

  // Replaces the lines from the first changed one on: unchanged lines keep their focus.
  function render(box, content, editable) {
    if (!box) return;
    const lines = content.split("\n").map((line) => line.trim()).filter(Boolean);
    const shown = box.lines || [];
    let same = 0;
    while (same < lines.length && shown[same] === lines[same]) same += 1;
    while (box.childNodes.length > same) box.lastChild.remove();
    for (let number = same; number < lines.length; number += 1) {
      box.append(lineElement(lines[number], number, editable));
    }
    box.lines = lines;
    if (!lines.length) box.append(element("p", "hint", "The scene appears here as it is written."));
  }

  // Whether the reader is at the end, so that the view may scroll along.
  const isAtEnd = (box) =>
    box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_DISTANCE;

  return { HEADING, isAtEnd, render, speakerOf };
})();
