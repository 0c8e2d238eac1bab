"""The page's scripts and styles: which files, in which order, and what they get from Python."""

import json
import pathlib

from data import speakers, versions
from serve.scenes.scene import FORMAT

FOLDER = pathlib.Path(__file__).parent
# Each file defines one constant and uses those of the files above it.
SCRIPTS = [
    FOLDER / "client" / name
    for name in (
        "dom.js",
        "script_view.js",
        "probabilities.js",
        "scene.js",
        "links.js",
        "events.js",
        "print.js",
        "read_aloud.js",
        "image.js",
        "main.js",
    )
]
STYLES = [
    FOLDER / "style" / name
    for name in (
        "base.css",
        "script.css",
        "probabilities.css",
        "form.css",
        "about.css",
    )
]
# Not among `STYLES`: Gradio applies their media rules only to what is inside of the app's element.
PRINT_STYLE = FOLDER / "style" / "print.css"
# The constant `config` of the scripts, so that each value has one source.
CLIENT_CONFIG = {
    "speakerPattern": speakers.PATTERN,
    "sceneFormat": FORMAT,
    "sceneVersion": versions.SCENE,
}


def client_script() -> str:
    """The scripts as one, which sets `window.coldOpen` and no other global name."""
    settings = json.dumps(CLIENT_CONFIG).replace("<", "\\u003c")
    parts = [f"const config = {settings};", *(path.read_text("utf-8") for path in SCRIPTS)]
    return "(() => {\n" + "\n".join(parts) + "})();"


def head_html() -> str:
    """The scripts, and the style of paper, for the head of the document."""
    style = PRINT_STYLE.read_text("utf-8")
    return f"<script>{client_script()}</script><style>{style}</style>"
