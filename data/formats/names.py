"""Names of speakers: extensions such as "(V.O.)" are removed, spellings in other case merged."""

import collections
import functools
import re

from data.formats.script import Line, Script
from data.speakers import speaker_of

MAX_NAME = 40  # characters that `data.speakers` reads as a name
NO_NAME = {"nan", "NaN", "NA", "null", "NULL", "None", "N/A", "n/a", "<NA>"}  # as tables write it
# What a screenplay adds to a name: where the voice comes from, and that the speech continues.
_EXTENSION = (
    r"(?:v\.?\s?o\.?|o\.?\s?s\.?|o\.?\s?c\.?|v/o|o/s|o/c|cont['’`]?d?\.?|continu(?:ed|ing)|more|"
    r"off[- ]?(?:screen|camera)|voice[- ]?over)"
)
# What tables give as the speaker of a heading.
HEADINGS = {"setting", "scene", "location", "scene heading"}
# What tables give as the speaker of a direction.
DIRECTIONS = {
    *("scene description", "scene direction", "scene directions", "stage direction"),
    *("stage directions",),
}
# What transcripts write in front of the names of their makers, and other facts of an episode.
CREDITS = re.compile(
    r"(?:(?:additional|originally) )?(?:written|directed|produced|created|transcribed|transcribing|"
    r"transcript|teleplay|screenplay|story|edited|adapted|formatted|typed)(?: (?:and|&) \w+)? by"
    r"|(?:original )?air ?date|originally aired|stardate|production code|converted to html",
    re.IGNORECASE,
)
EXTENSION = re.compile(
    rf"\s*[(\[]\s*{_EXTENSION}(?:\s*[,/&]?\s*{_EXTENSION})*\s*[)\]]", re.IGNORECASE
)
# Without parentheses only in a spelling that is no name.
BARE_EXTENSION = re.compile(
    r"(?<=\w)[\s,-]+(?:[Cc][Oo][Nn][Tt]['’`][Dd]\.?|[Vv]\.\s?[Oo]\.|[Oo]\.\s?[SsCc]\.)\s*$"
)
ASIDE = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
NOT_IN_NAME = re.compile(r'[:：()\[\]{}"“”<>*|\x00-\x1f]+')


def tidy(script: Script) -> Script:
    """A script with clean names of speakers, one spelling each.

    An aside in a name, as in "ANN (smiling)", becomes a direction in the speech. Names that are
    empty or "nan" become narration. A script with a verbatim text is returned as it is.
    """
    if script.text is not None:
        return script
    split = [split_name(line.speaker) for line in script.lines]
    spelling = spellings(name for name, _ in split)
    lines, unnamed, shortened = [], 0, set()
    dropped = script.dropped.copy()
    for line, (name, aside) in zip(script.lines, split, strict=True):
        unnamed += bool(line.speaker.strip()) and not name
        if CREDITS.fullmatch(name):
            dropped["credits of an episode"] += 1
            continue
        name = spelling.get(name.casefold(), name)
        if name.casefold() in HEADINGS:
            lines.append(Line("", f"[{name.lower()}: {line.text.strip('[] ')}]"))
            continue
        if name.casefold() in DIRECTIONS:
            is_bracketed = line.text.startswith(("[", "("))
            lines.append(Line("", line.text if is_bracketed else f"({line.text})"))
            continue
        if _is_cut_direction(line):
            lines.append(Line("", f"{line.speaker}, {line.text}"))
            continue
        if name and not fits(name):
            shortened.add(name)
            name = shorten(name)
        text = " ".join(f"({aside}) {line.text}".split()) if aside else line.text
        if text and not name and speaker_of(text):
            text = f"({text})"  # else its first words would be read as a name
        lines.append(Line(name, text))
    notes = list(script.notes)
    if unnamed:
        notes.append(f'{unnamed:,} speeches with a name such as "nan" are read as narration')
    if shortened:
        notes.append(
            f"{len(shortened):,} names longer than {MAX_NAME} characters are shortened, "
            f'such as "{min(shortened)[:80]}"'
        )
    return Script(lines, script.format, dropped, notes)


def _is_cut_direction(line: Line) -> bool:
    """Whether a direction in parentheses was cut in two, as some tables do at a comma."""
    opened = line.speaker.startswith("(") and ")" not in line.speaker
    return opened and ")" in line.text.partition("(")[0]


@functools.lru_cache(maxsize=4096)  # names recur
def split_name(raw: str) -> tuple[str, str]:
    """(name, aside) of a name as a file gives it: ("ANN", "smiling") of "ANN (V.O.) (smiling):"."""
    name = " ".join(raw.split())
    if name in NO_NAME:
        return "", ""
    name = EXTENSION.sub("", name)
    asides = [aside.strip() for aside in ASIDE.findall(name) if re.search(r"\w", aside)]
    outside = ASIDE.sub(" ", name)
    if not re.search(r"\w", outside):  # all of it in brackets: "[ANN]"
        outside, asides = name, []
    name = " ".join(NOT_IN_NAME.sub(" ", outside).split())
    while (shorter := BARE_EXTENSION.sub("", name)) != name:
        name = shorter
    name = name.strip(" ,;-–—_'’‘`~#=")
    if name.endswith(".") and len(name.split()[-1]) > 4:  # "ANN SMITH.", but not "Mr."
        name = name.rstrip(". ")
    if not re.search(r"\w", name) or name in NO_NAME:
        return "", "; ".join(asides)
    return name, "; ".join(asides)


def spellings(names) -> dict[str, str]:
    """The most frequent spelling of each name, by the name without case."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name in names:
        counts[name.casefold()][name] += 1
    # Of equally frequent spellings, the first that is not all in capitals.
    return {
        folded: min(found, key=lambda name: (-found[name], name.isupper(), name))
        for folded, found in counts.items()
    }


@functools.lru_cache(maxsize=4096)
def fits(name: str) -> bool:
    """Whether `data.speakers` reads this name in front of a colon."""
    return speaker_of(f"{name}: x") == name


def shorten(name: str) -> str:
    """The beginning of a name that is too long, cut between words if possible."""
    while name and not fits(name):
        name = name.rpartition(" ")[0] or name[:MAX_NAME]
        name = name.rstrip(" ,;-&")
        if name.endswith((" and", " or")):
            name = name.rpartition(" ")[0]
    return name
