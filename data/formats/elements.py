"""The elements of a screenplay that a program names, such as Final Draft: headings, cues, speeches.

Programs for screenwriters store each paragraph with its kind. No kind has to be guessed from the
layout, so that these scripts are read exactly.
"""

import collections
import re
from collections.abc import Iterable

from data.formats import layout
from data.formats.inline import with_directions
from data.formats.script import Line, Script

# Kinds as programs name them, without case, spaces and signs.
HEADINGS = frozenset(("sceneheading", "scene", "slugline", "slug", "heading", "secondaryheading"))
CUES = frozenset(("character", "charactername", "cue", "speaker", "name"))
SPEECHES = frozenset(("dialogue", "dialog", "speech", "lyrics", "lyric", "singing"))
ASIDES = frozenset(("parenthetical", "paren", "parentheses", "wryly"))
ACTIONS = frozenset(("action", "actions", "description", "general", "stagedirection", "direction"))
# Left out, by the reason that is shown.
LEFT_OUT = {
    **dict.fromkeys(("transition", "transitions"), "transitions"),
    **dict.fromkeys(("shot", "camera"), "camera directions"),
    **dict.fromkeys(("note", "notes", "comment", "synopsis", "synopses", "outline"), "notes"),
    **dict.fromkeys(("castlist", "titlepage", "title", "author"), "lines of the title page"),
    "normaltext": "lines of the title page",  # Fade In has no other text in this style
    **dict.fromkeys(("pagebreak", "pagenumber", "empty", "blank"), "page breaks"),
}
KNOWN = HEADINGS | CUES | SPEECHES | ASIDES | ACTIONS | frozenset(LEFT_OUT)


def kind_of(name: str) -> str:
    """The name of a kind of paragraph without case, spaces and signs."""
    return re.sub(r"[\W_]+", "", name).casefold()


def is_screenplay(kinds: Iterable[str]) -> bool:
    """Whether kinds of paragraphs, as `kind_of` gives them, are those of a screenplay."""
    found = collections.Counter(kinds)
    known = sum(count for kind, count in found.items() if kind in KNOWN)
    has_both = bool(CUES & found.keys()) and bool(SPEECHES & found.keys())
    return has_both and known >= 0.8 * found.total()


def add_elements(script: Script, elements: Iterable[tuple[str, str]]) -> None:
    """Adds the paragraphs of a screenplay to a script.

    Args:
        script: the lines are added to it, and what is left out is counted.
        elements: (kind as `kind_of` gives it, text) of each paragraph. A kind that is not known is
            an action.
    """
    name, speech, again = "", [], False
    for kind, raw in [*elements, ("end", "")]:
        text = " ".join(raw.split())
        if not text and kind != "end":
            continue
        if kind in SPEECHES or (kind in ASIDES and name):
            if not layout.is_voice(text) or kind in SPEECHES:
                speech.append(layout.direction(text) if kind in ASIDES else text)
            continue
        _add_speech(script, name, speech, again)
        name, speech, again = "", [], False
        if kind in CUES:
            # Programs show names and headings in capitals, however they are stored.
            name, aside = layout.split_cue(text.upper())
            again = bool(re.search(r"\(\s*cont", text, re.IGNORECASE))
            speech = [f"({aside})"] if aside else []
        elif kind in HEADINGS:
            script.lines.append(Line("", layout.heading(text.upper())))
        elif kind in LEFT_OUT:
            script.dropped[LEFT_OUT[kind]] += 1
        elif kind != "end" and (words := layout.direction(text)):
            script.lines.append(Line("", words))


def _add_speech(script: Script, name: str, speech: list[str], again: bool) -> None:
    """Adds a speech; one that goes on behind a page break (`again`) is joined to the one before."""
    words = with_directions(" ".join(filter(None, speech)))
    if not any(map(str.isalnum, words)):
        script.dropped["names without a speech"] += bool(name)
    elif again and script.lines and name and script.lines[-1].speaker == name:
        script.lines[-1] = Line(name, f"{script.lines[-1].text} {words}")
    else:
        script.lines.append(Line(name, words))
    script.dropped += collections.Counter()  # without reasons that were counted 0 times
