"""The page's scripts and styles: which files, in which order, and what they get from Python."""

import pathlib
from typing import Any

from data import speakers, strict_json, versions
from serve.limits import MAX_SHOWN_UNKNOWN_WORDS, MAX_TEXT
from serve.scenes.scene import FORMAT

FOLDER = pathlib.Path(__file__).parent
# Each file defines one constant. While it is read it uses only those of the files above it.
SCRIPTS = [
    FOLDER / "client" / name
    for name in (
        "dom.js",
        "storage.js",
        "script_view.js",
        "probabilities.js",
        "note.js",
        "takes.js",
        "library.js",
        "links.js",
        "scene.js",
        "form.js",
        "files.js",
        "events.js",
        "print.js",
        "read_aloud.js",
        "image.js",
        "compare.js",
        "queue.js",
        "main.js",
    )
]
STYLES = [
    FOLDER / "style" / name
    for name in (
        "base.css",
        "script.css",
        "probabilities.css",
        "takes.css",
        "history.css",
        "form.css",
        "compare.css",
        "about.css",
    )
]
# Not among `STYLES`: Gradio applies their media rules only to what is inside of the app's element.
PRINT_STYLE = FOLDER / "style" / "print.css"
# The constant `config` of the scripts, so that each value has one source.
CLIENT_CONFIG: dict[str, Any] = {
    "speakerPattern": speakers.PATTERN,
    "sceneFormat": FORMAT,
    "sceneVersion": versions.SCENE,
    "maxText": MAX_TEXT,
    "maxShownUnknownWords": MAX_SHOWN_UNKNOWN_WORDS,
}


def client_script(show: str) -> str:
    """The scripts as one, which sets `window.coldOpen` and no other global name.

    Args:
        show: what the browser stores is kept apart for each show.
    """
    settings = strict_json.dumps(CLIENT_CONFIG | {"show": show}).replace("<", "\\u003c")
    parts = [f"const config = {settings};", *(path.read_text("utf-8") for path in SCRIPTS)]
    return "(() => {\n" + "\n".join(parts) + "})();"


def head_html(show: str) -> str:
    """The scripts, and the style of paper, for the head of the document."""
    style = PRINT_STYLE.read_text("utf-8")
    return f"<script>{client_script(show)}</script><style>{style}</style>"
