"""Transcripts that mark speakers otherwise than by `Name: speech`: see `data.formats.prefixes`."""

import collections
import dataclasses
import re

from data.formats.inline import HEADING, unspoken, with_directions, without_marks
from data.formats.names import is_no_speaker
from data.formats.prefixes import CERTAIN, STYLES, Prefix, prefixes_of
from data.formats.script import Format, Line, ReadOptions, Script

MIN_STYLED = 0.1  # of all speeches; with fewer in another style, `Name: speech` is left as it is
MIN_UNSPOKEN = 0.01  # of all speeches; so many credits and headings are not learned as speeches
MIN_COVERAGE = 0.3  # of the lines or paragraphs, with a speaker
WHOLE = 120  # characters of a line; a file with longer ones does not wrap lines
MOST = 0.5  # of the lines or paragraphs
MAX_RARE_WORDS = 4  # of a name that occurs once
SURE = 0.8  # of the lines or paragraphs in one style: all its names are meant
SENTENCE_END = re.compile(r"[.!?…)\]][\"'”’»]*$")
GUTENBERG = re.compile(
    r"\A.*?^\*{3} ?START OF TH.*?\*{3}\s*$|^\*{3} ?END OF TH.*\Z", re.DOTALL | re.MULTILINE
)


@dataclasses.dataclass(frozen=True)
class Place:
    """A line that may begin a speech, with the lines that belong to its first sentence."""

    block: int
    first: bool  # of its block
    size: int  # number of lines that were joined, because they share a parenthesis
    text: str
    prefixes: tuple[Prefix, ...]
    plain: bool  # `Name: speech` without anything before
    after_end: bool  # of a sentence, in the line before


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a file writes who speaks."""

    styles: list[str]  # most frequent first
    names: dict[str, set[str] | None]  # accepted names of a style; None: all
    separated: bool  # an empty line stands between speeches
    whole: bool  # each line is a paragraph
    opening_names: set[str]  # of speeches that begin a block
    hits: int
    styled: int  # hits in another style than `Name: speech`
    unspoken: int  # hits that are credits or headings
    coverage: float

    def speaker(self, place: Place) -> Prefix | None:
        """Who speaks at a place, None for a line that begins no speech."""
        for style in self.styles:
            for prefix in place.prefixes:
                if prefix.style == style and self._accepts(prefix, place):
                    return prefix
        return None

    def _accepts(self, prefix: Prefix, place: Place) -> bool:
        accepted = self.names[prefix.style]
        if accepted is not None and prefix.name not in accepted:
            return False
        # The last words before a colon inside a paragraph are rarely a name.
        is_name = prefix.name in self.opening_names or prefix.name.isupper()
        is_name |= self.whole and place.after_end and prefix.name.count(" ") < 3
        return not self.separated or place.first or is_name or is_no_speaker(prefix.name)


def score(text: str, _name: str) -> float:
    """How sure it is that speakers are marked by one of the styles; 0 for `Name: speech`."""
    reading = survey(places_of(blocks_of(text)[0]))
    styled = reading.styled >= max(2, MIN_STYLED * reading.hits)
    # `Name: speech` beside "Written by: A" and "Scene: the pier", which are no speeches.
    other = reading.unspoken >= max(2, MIN_UNSPOKEN * reading.hits)
    if not (styled or other) or reading.coverage < MIN_COVERAGE:
        return 0.0
    return 0.6 + 0.35 * min(1.0, reading.coverage)


def read(text: str, _options: ReadOptions) -> Script:
    """The speeches of a transcript.

    A line without a name continues the speech before it if it belongs to the same paragraph, and
    in Markdown and wiki text also if it is the next paragraph; else it is narration.
    """
    script = Script([], FORMAT.name)
    blocks, boilerplate = blocks_of(text)
    if boilerplate:
        script.dropped["lines of a book's header and license"] = boilerplate
    places = places_of(blocks)
    reading = survey(places)
    speeches: list[list[str]] = []  # [speaker, text] or ["", narration]
    used: collections.Counter[str] = collections.Counter()
    block = -1
    for place in places:
        is_new, block = place.block != block, place.block
        prefix = reading.speaker(place)
        if prefix:
            used[prefix.style] += 1
            aside = without_marks(prefix.aside)
            speeches.append([without_marks(prefix.name) + aside, prefix.speech])
        elif not re.search(r"[^\W_]", place.text):
            script.dropped["lines without words"] += 1
        elif speeches and _continues(place.text, is_new, speeches[-1], reading):
            speeches[-1][1] += " " + place.text
        else:
            speeches.append(["", place.text])
    for speaker, speech in speeches:
        line = (
            Line(speaker, with_directions(without_marks(speech))) if speaker else unspoken(speech)
        )
        if re.search(r"\w", line.text) or (speaker and line.text):
            script.lines.append(line)
        else:
            script.dropped["names without a speech" if speaker else "lines without words"] += 1
    often = [style for style, count in used.most_common(3) if count > 0.02 * used.total()]
    shown = " and ".join(map(example, often))
    script.notes.append(f"speakers are marked as {shown}" if shown else "no speakers are marked")
    return script


def example(style: str) -> str:
    """An example of a style."""
    return {
        "colon": "`Name: speech`",
        "marked": "`**Name:** speech`",
        "aside": "`Name (aside): speech`",
        "spaced": "`Name : speech`",
        "wide": "`Name：speech`",
        "tight": "`Name:speech`",
        "bare mark": "`**Name** speech`",
        "bracket": "`[Name] speech`",
        "angle": "`<Name> speech`",
        "dash": "`Name - speech`",
        "dot": "`NAME. speech`",
        "gap": "`NAME   speech`",
        "alone": "`Name 0:01` on a line of its own",
    }[style]


def _continues(text: str, is_new: bool, last: list[str], reading: Reading) -> bool:
    """Whether a line without a name goes on with what is before it."""
    in_brackets = text.startswith(("(", "[", "\\[", "#", "="))
    if last[0] and not last[1]:
        return True  # the name has a line of its own
    if HEADING.fullmatch(text):
        return False
    if not last[0] and (HEADING.fullmatch(last[1]) or (in_brackets and last[1][-1:] in ")]")):
        return False
    if not is_new:
        return reading.separated or text[:1].islower()
    return bool(last[0]) and not in_brackets and bool({"marked", "alone"} & set(reading.styles[:1]))


def blocks_of(text: str) -> tuple[list[list[str]], int]:
    """(the lines of each paragraph, the number of lines of a book's header and license)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    boilerplate = 0
    for match in reversed(list(GUTENBERG.finditer(text)) if "GUTENBERG" in text else []):
        boilerplate += match[0].count("\n")
        text = text[: match.start()] + "\n\n" + text[match.end() :]
    blocks, block = [], []
    for line in text.split("\n"):
        if line := line.strip():
            block.append(line)
        elif block:
            blocks.append(block)
            block = []
    return [*blocks, block] if block else blocks, boilerplate


def places_of(blocks: list[list[str]]) -> list[Place]:
    """All lines with the speakers that may begin them."""
    places = []
    for number, block in enumerate(blocks):
        index = 0
        while index < len(block):
            text, size = block[index], 1
            # A parenthesis after the name may end on a later line.
            while (
                "(" in text[:60]
                and text.count("(") > text.count(")")
                and size < 4
                and index + size < len(block)
            ):
                text += " " + block[index + size]
                size += 1
            prefixes = tuple(prefixes_of(text))
            plain = any(
                each.style == "colon" and each.speech and text.startswith(each.name)
                for each in prefixes
            )
            if size > 1 and not any(each.aside for each in prefixes):
                text, size = block[index], 1
                prefixes = tuple(prefixes_of(text))
            ended = index == 0 or bool(SENTENCE_END.search(block[index - 1]))
            places.append(Place(number, index == 0, size, text, prefixes, plain, ended))
            index += size
    return places


def survey(places: list[Place]) -> Reading:
    """How a file writes who speaks, judged by all its lines."""
    total, starts = len(places), sum(place.first for place in places)
    by_style: dict[str, list[tuple[Prefix, Place]]] = collections.defaultdict(list)
    for place in places:
        for prefix in place.prefixes:
            by_style[prefix.style].append((prefix, place))
    separated = starts > 1 and _separated(by_style)
    names: dict[str, set[str] | None] = {}
    counts = {}
    for style, found in by_style.items():
        placed = [prefix for prefix, place in found if place.first or not separated]
        accepted = _accepted(style, [each.name for each in placed], starts if separated else total)
        if accepted is None or accepted:
            names[style] = accepted
            counts[style] = sum(accepted is None or each.name in accepted for each in placed)
    order = list(STYLES)
    styles = sorted(names, key=lambda style: (-counts[style], order.index(style)))
    if styles and styles[0] not in CERTAIN:
        # Beside "ANN. Hello" a rare "he says this: hello" is no speech.
        cast = {prefix.name.casefold() for prefix, _ in by_style[styles[0]]}
        for style in styles[1:]:
            if names[style] is None and counts[style] < MIN_STYLED * counts[styles[0]]:
                found = {prefix.name for prefix, _ in by_style[style]}
                names[style] = {name for name in found if name.casefold() in cast}
    opening = {
        prefix.name
        for style in styles
        for prefix, place in by_style[style]
        if place.first and (names[style] is None or prefix.name in names[style])
    }
    whole = max((len(place.text) for place in places), default=0) > WHOLE
    reading = Reading(styles, names, separated, whole, opening, 0, 0, 0, 0.0)
    spoken = [(place, found) for place in places if (found := reading.speaker(place))]
    styled = sum(not place.plain or found.style != "colon" for place, found in spoken)
    unspoken = sum(is_no_speaker(found.name) for _, found in spoken)
    # A paragraph, or a line, that begins no speech counts against the format.
    size = starts if separated else total
    return dataclasses.replace(
        reading,
        hits=len(spoken),
        styled=styled,
        unspoken=unspoken,
        coverage=len(spoken) / max(1, size),
    )


def _separated(by_style: dict[str, list[tuple[Prefix, Place]]]) -> bool:
    """Whether empty lines stand between speeches: names that recur mostly begin paragraphs."""
    first, recurring = 0, 0
    for found in by_style.values():
        counts = collections.Counter(prefix.name for prefix, _ in found)
        least = min(3, max(counts.values()))
        firsts = [place.first for prefix, place in found if counts[prefix.name] >= least]
        if len(firsts) > recurring:
            first, recurring = sum(firsts), len(firsts)
    return first >= 0.7 * recurring


def _accepted(style: str, found: list[str], size: int) -> set[str] | None:
    """The names that a style is believed to mark; None for all, an empty set for none."""
    counts = collections.Counter(found)
    if style in CERTAIN:
        return None
    if len(found) < 2 or not size:
        return set()
    coverage = len(found) / size
    if coverage < 0.15 or len(found) < 2 * len(counts):  # names recur, the words of prose do not
        return set()
    if coverage >= SURE and style != "dot":
        return None
    capitals = sum(count for name, count in counts.items() if name.isupper())
    if capitals >= SURE * len(found):
        return {name for name in counts if name.isupper()}
    # Where most lines are speeches, minor parts speak once.
    rare = style == "dash" and coverage >= MOST
    return {
        name
        for name, count in counts.items()
        if not name[0].islower() and (count > 1 or (rare and len(name.split()) <= MAX_RARE_WORDS))
    }


FORMAT = Format("transcript", "transcript, speakers marked in another way", score, read)
