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
    r"(?:parts? [ivx\d]+(?:(?: and|,) [ivx\d]+)* )?(?:(?:additional|originally) )?(?:\w+ and )?"
    r"(?:written|directed|produced|created|transcribed|transcribing|"
    r"transcript|teleplay|screenplay|story|edited|adapted|formatted|typed|storyboard|animation|"
    r"music|starring)\d?(?: (?:and|&) \w+)? by"
    r"|(?:original |broadcast |first )?air ?date|broadcast date|originally aired|stardate"
    r"|production code|converted to html|transcribers?|guest stars?|guest starring|starring"
    r"|special guest stars?",
    re.IGNORECASE,
)
EXTENSION = re.compile(
    rf"\s*[(\[]\s*{_EXTENSION}(?:\s*[,/&]?\s*{_EXTENSION})*\s*[)\]]", re.IGNORECASE
)
# Without parentheses only in a spelling that is no name.
BARE_EXTENSION = re.compile(
    r"(?<=\w)[\s,-]+(?:[Cc][Oo][Nn][Tt]['’`][Dd]\.?|[Vv]\.\s?[Oo]\.|[Oo]\.\s?[SsCc]\.)\s*$"
)
TOLD = re.compile(
    r"([^,]{2,30}?)(,?) (?!(?:and|or|of|the|et|ou|de|du|des|la|le|und|der|von|y|e|del|van)\b)"
    r"([a-zà-öø-ÿ].*)"
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
    known = {name for name, _ in split}
    told = {each: _split_told(*each, known) for each in set(split)}
    split = [told[each] for each in split]
    spelling = spellings(name for name, _ in split)
    lines, unnamed, shortened = [], 0, set()
    dropped = script.dropped.copy()
    for line, (name, aside) in zip(script.lines, split, strict=True):
        unnamed += bool(line.speaker.strip()) and not name
        if _is_credit(name):
            dropped["credits of an episode"] += 1
            continue
        name = spelling.get(_key(name), name)
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


def is_no_speaker(name: str) -> bool:
    """Whether a name in front of a colon is no speaker's: "Written by", "Scene"."""
    return _is_credit(name) or name.casefold() in HEADINGS


@functools.lru_cache(maxsize=4096)
def _is_credit(name: str) -> bool:
    return bool(CREDITS.fullmatch(name))


def _split_told(name: str, aside: str, known: set[str]) -> tuple[str, str]:
    """("ANN", "who enters") of "ANN, who enters", or of "ANN who enters" if ANN is `known`."""
    match = TOLD.fullmatch(name)
    if not match or not match[1].isupper() or not (match[2] or match[1] in known):
        return name, aside
    return match[1], "; ".join(filter(None, (match[3], aside)))


@functools.lru_cache(maxsize=4096)
def _key(name: str) -> str:
    """A name without case, and without the space behind "Mr."."""
    return re.sub(r"(?<=\w\.) +(?=\w)", "", name).casefold()


def spellings(names) -> dict[str, str]:
    """The most frequent spelling of each name, by the name without case."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name, count in collections.Counter(names).items():
        counts[_key(name)][name] = count
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
