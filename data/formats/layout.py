"""The parts of a screenplay: headings, transitions, camera directions and the cues of characters.

Screenplays set a character's name on a line of its own in capitals. So are camera directions and
transitions; the patterns here tell them apart.
"""

import re
from collections.abc import Iterable

MAX_NAME = 40  # characters; `data.speakers` accepts no longer names
MAX_NAME_WORDS = 6

SCENE_NUMBER = r"(?:[A-Z]?\d{1,4}[A-Z]{0,2}\.?\s+)?"
# A longer line is none of the following; without this, the search in very long lines is slow.
SHORT = r"(?!.{250})"
HEADING = re.compile(
    rf"{SHORT}(?:{SCENE_NUMBER}(?:(?:INT|EXT|EST|I)\b\.?\s*/\s*(?:INT|EXT|E)\b|(?:INT|EXT|EST)\b|"
    r"(?:Int|Ext|int|ext)\.)[.:\s/-]\s*.*\w.*"
    r"|[^a-z]*[^\Wa-z][^a-z]*[-–—.] *(?:(?:INTERIOR|EXTERIOR)\b[ -]*)?"
    r"(?:DAY|NIGHT|MORNING|EVENING|AFTERNOON|DAWN|DUSK|SUNSET|SUNRISE|CONTINUOUS|LATER|"
    r"MOMENTS LATER|SAME TIME|INTERIOR|EXTERIOR)\b[^a-z]*)"
)
LABEL = re.compile(r"(?:setting|scene|location|episode)\s*:", re.IGNORECASE)
TRANSITION = re.compile(
    SHORT + r"(?:[A-Z' -]*\b(?:CUTS?|DISSOLVES?|FADES?|WIPES?|CROSS ?FADES?|INTERCUT)\b"
    r"(?: (?:TO|IN|OUT|UP|BACK|FROM|INTO|ON|WITH|BETWEEN|THROUGH|AWAY|DOWN|BLACK|WHITE)\b.*)?"
    r"|.* TO|IRIS (?:IN|OUT)|(?:BLACK|WHITE) ?OUT|(?:BACK|RETURN) TO .*)[.:]*"
)
MIXED_CASE_TRANSITION = (
    r"(?:(?:Smash|Match|Jump|Hard) )?(?:[Cc]ut|Dissolve|Fade) (?:to|in|out)\b.{0,20}"
)
CAMERA = re.compile(
    SHORT
    + r"(?:.*\b(?:POV|P\.O\.V|ANGLE|SHOT|CLOSE[ -]?UPS?|C\.U|MONTAGE|FLASH(?:BACK| ?FORWARD|CUT)S?|"
    r"SPLIT SCREEN|FREEZE FRAME|STOCK FOOTAGE|ESTABLISHING|SERIES OF)\b.*"
    r"|(?:ANGLE|INSERT|CLOSER?|ON|OVER|FROM|INTO|THROUGH|ACROSS|BEHIND|OUTSIDE|INSIDE|ABOVE|BELOW|"
    r"WE|WITH|AT|IN|AS|BY|BACK)\b(?!\.).*"
    r"|(?:WIDER?|TIGHT(?:ER)?|MEDIUM|MED\.?|FULL|EXTREME|REVERSE|TRACKING|MOVING|CRANE|AERIAL|PAN|"
    r"PUSH|PULL|DOLLY|ZOOM|TILT|CAMERA) (?:ON|IN|OUT|UP|DOWN|BACK|TO|WITH|VIEW|PANS?|MOVES?)\b.*"
    r"|(?:SUPER|SUPERIMPOSE|(?:MAIN )?TITLES?|CAPTION|CHYRON|LEGEND|SIGN|CREDITS?|OPENING|CLOSING|"
    r"(?:THE )?END|FINIS|OMIT(?:TED)?|CONTINUED|CONT'D|MORE|CAMERA|SOUND|MUSIC|SFX|NOTE)"
    r"(?: (?:CARD|CREDITS?|TITLES?|SEQUENCE|OF|OVER|UP|CUE|ENDS?)\b.*)?(?:[:.].*)?"
    r"|(?:[A-Z0-9' -]* )?(?:LATER|EARLIER|AGO|AFTERWARDS?)[.:]?|(?:THE )?(?:SAME|NEXT) .*"
    r"|(?:DAY|NIGHT|MORNING|EVENING|AFTERNOON|DAWN|DUSK|SUNSET|MEANWHILE|PRESENT DAY|CONTINUOUS|"
    r"BEAT|SILENCE|PAUSE)[.:]?)"
)
DIVISION = re.compile(
    r"(?:ACT|SCENE|PART|EPISODE|CHAPTER)\b(?: [A-Z0-9]+)?[.:]?(?: .*)?|TEASER|COLD OPEN|TAG|"
    r"PROLOGUE|EPILOGUE|INTERMISSION|CURTAIN"
)
BRACKETED = re.compile(r"\[([^\[\]]*)\]")
# The whole of a cue: nothing is behind the extensions.
CUE = re.compile(r"[^()]*(?:\([^()]*\)?\s*)*:?")
EXTENSION = re.compile(r"\s*\(([^()]*)\)?\s*")
NAME = re.compile(
    r"(?=.*[^\W\d_])(?:[^\W_a-z]|(?<=\bM)a?c(?=[A-Z])|(?<=\bD)e(?=[A-Z])|[ .'’\"“”&/,#-])+"
)
SMALL = re.compile(r"[bdf-z]")  # letters that `NAME` does not match
ENDING = re.compile(r"(?:[!?,;]|\.\.\.|…|--|—)[\"”')]*$")
INITIAL = re.compile(r"(?:\b(?:[A-Z]|MR|MRS|MS|DR|ST|JR|SR|LT|SGT|CAPT|COL|GEN|PROF|REV)\.)$")
OF_VOICE = re.compile(r"['’]S? VOICE$")
# Extensions of a name that say where the voice is from. Others ("on phone") are directions.
VOICE = re.compile(
    r"(?:v\.?\s*[/.]?\s*[o0]\.?|[o0]\.?\s*[/.]?\s*[sc]\.?|cont(?:'|’|in)?u?e?d?\.?|cont'?g|continu\w*|"
    r"voice[ -]?over|off[ -]?(?:screen|camera|stage)|pre-?lap|more|contd)(?:[\s,;/.-]+|$)",
    re.IGNORECASE,
)


def unix_lines(text: str) -> str:
    """A text with "\n" as its only line end, and without a byte order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def joined(rows: Iterable[str]) -> str:
    """Lines of a paragraph as one; a word that is divided at a hyphen is whole again."""
    return re.sub(r"(?<=[^\W\d_]-)\n(?=[a-z])", "", "\n".join(rows)).replace("\n", " ")


def heading(text: str) -> str:
    """A scene heading as scripts have it: `[setting: the pier]`."""
    text = " ".join(text.split())
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    text = text.strip("[] ") if text.count("[") != text.count("]") else text.strip()
    text = BRACKETED.sub(r"(\1)", text)  # else the heading would end there
    return f"[{text}]" if LABEL.match(text) else f"[setting: {text}]"


def direction(text: str) -> str:
    """A stage direction in one pair of parentheses; "" for a text without words."""
    text = BRACKETED.sub(r"\1", " ".join(text.split()))
    if text.startswith("(") and text.endswith(")") and closes_at_end(text):
        text = text[1:-1].strip()
    return f"({text})" if any(map(str.isalnum, text)) else ""


def closes_at_end(text: str) -> bool:
    """Whether the parenthesis that opens a text closes at its end."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place == len(text) - 1
    return False


def is_transition(line: str) -> bool:
    """Whether a line says how one scene turns into the next: "DISSOLVE TO:", "Cut to:"."""
    if line.upper() == line:
        return bool(TRANSITION.fullmatch(line))
    return line.endswith((":", ".")) and bool(re.fullmatch(MIXED_CASE_TRANSITION, line))


def split_cue(line: str) -> tuple[str, str]:
    """(name, direction) of a cue: ("P.A. SYSTEM", "female") of "P.A. SYSTEM (female v.o.)".

    The extensions "(V.O.)", "(O.S.)" and "(CONT'D)" are left out; "ALVY'S VOICE" is "ALVY".
    """
    name, bracket, rest = line.strip().removesuffix(":").partition("(")
    name = OF_VOICE.sub("", name.strip())
    parts = [
        " ".join(_without_voice(part.strip(" .,;/-")))
        for extension in EXTENSION.findall(bracket + rest)
        for part in re.split(r"[,;](?!\w\b)", extension)
    ]
    return name, ", ".join(filter(None, parts)).lower()


def is_voice(text: str) -> bool:
    """Whether a parenthetical says only where the voice is from: "(V.O.)", "(continuing)"."""
    return not any(_without_voice(text.strip("()[] ")))


def _without_voice(text: str) -> Iterable[str]:
    while text:
        text = VOICE.sub("", text, count=1) if VOICE.match(text) else text
        word, _, text = text.partition(" ")
        if word:
            yield word
        text = text.strip()


def cue_of(line: str) -> str:
    """The line without spaces if it may be a character's cue in capitals, else ""."""
    if not line or SMALL.search(line.partition("(")[0]):  # most lines
        return ""
    line = " ".join(line.split()).removesuffix("^").strip()
    name, _ = split_cue(line)
    name = name.removesuffix(":").strip()
    if not CUE.fullmatch(line):
        return ""
    if not name or len(name) > MAX_NAME or len(name.split()) > MAX_NAME_WORDS:
        return ""
    if not NAME.fullmatch(name) or ENDING.search(name) or name[0] in "&/,-":
        return ""
    if name.endswith(".") and not INITIAL.search(name):
        return ""
    if HEADING.match(line) or is_transition(line) or is_transition(name):
        return ""
    if CAMERA.fullmatch(name) or CAMERA.fullmatch(line) or DIVISION.fullmatch(name):
        return ""
    return line
