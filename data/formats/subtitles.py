"""The reader of subtitles: SubRip (.srt), WebVTT (.vtt), SubStation Alpha (.ass), MicroDVD (.sub).

A speaker is named by a voice tag (`<v Ann>`), by the actor of an .ass line, or in the text ("ANN:",
"[Ann]", ">> ANN:"). Where no name is given, dialogue dashes, ends of sentences and pauses separate
the speeches, which stay without a name.
"""

import collections
import dataclasses
import html
import itertools
import re
from collections.abc import Iterator

from data.command_line import UserError
from data.formats import layout
from data.formats.script import Format, Line, ReadOptions, Script

TIMES = re.compile(
    r"^[ \t]*+(?:(?:\d{1,3}:)?\d{1,2}:\d{2}[.,:]\d{1,3}\s*--?>\s*(?:\d{1,3}:)?\d{1,2}:\d{2}"
    r"|\{\d{1,7}\}\{\d{1,7}\}|\[\d{1,7}\]\[\d{1,7}\])",  # MicroDVD, MPL2
    re.MULTILINE,
)
STYLES = re.compile(r"^\[(?:Script Info|V4\+? Styles|Events)\]", re.MULTILINE | re.IGNORECASE)
WORD_TIME = re.compile(
    r"<(?:\d+:)?\d{2}:\d{2}\.\d{3}>"
)  # automatic captions have one for each word
BLOCK = re.compile(r"^(?:NOTE|STYLE|REGION)\b.*(?:\n(?!\s*\n).*)*", re.MULTILINE)
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
TAG = re.compile(r"</?[a-zA-Z][^>]*>|\{\\?[^{}]*\}")
ITALIC = re.compile(r"(?:\{[^{}]*\})?<i>.*</i>", re.DOTALL | re.IGNORECASE)
NOT_SPOKEN = re.compile(
    r"(?:\b|_)(?:signs?|songs?|op|ed|opening|ending|kara(?:oke)?|lyrics?|credits?|titles?|staff|"
    r"type ?set|ts|romaji|kanji|insert)(?:\b|_|\d)",
    re.IGNORECASE,
)
CREDITS = re.compile(
    r"\b(?:subtitles?|subtitled|subbed|captions?|captioned|captioning|sync|synced|synchronized|"
    r"translated|translation|transcript|transcribed|corrected|corrections|timing|encoded|ripped|"
    r"resync)(?:(?: ?[,&] ?| and )\w+)*(?: by\b|:| ©| sponsored\b| made possible\b)"
    r"|opensubtitles|addic7ed|subscene|podnapisi|\byts\.|\bwww\.|https?:|\.(?:com|org|net)\b"
    r"|advertise your product|VIP member|please rate this subtitle",
    re.IGNORECASE,
)
NEXT_DASH = re.compile(r"(?<=[.!?…]) (?=[-–—] ?[^\s\d-])")  # "- Hi. - Hello." in one row
DASH = re.compile(r"^[-‐-―−]+\s*(?=[^\s\d-])")
CHANGE = re.compile(r"^(?:>>+|»)\s*")
NAMED = re.compile(
    r"([^\W\d_a-z][\w .,'’&#/-]{0,30}?)\s*(?:[(\[]([^()\[\]]{1,60})[)\]])?\s*:(?!\d)(?:\s+|$)"
)
BRACKETED = re.compile(r"[\[(]([^()\[\]:]{1,40})[\])]\s*(:?)\s*")
SOUND = re.compile(
    r".*(?:ing|ed|s|music|laughter|applause|silence|noise|chatter|song|indistinct|inaudible|cough|sigh|"
    r"scream|gasp|crosstalk|speech|language|voice|cheer)\b.*|(?:in|on|over|to|from|with|and) .*",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*$")
PAUSE = 2000  # milliseconds between two speeches, although the sentence goes on
MIN_NAMED = 2  # speeches of a name that is not in capitals: "Question:" is none


@dataclasses.dataclass
class Caption:
    """What is shown at once."""

    start: int  # milliseconds
    end: int
    rows: list[str]
    speaker: str = ""  # by a voice tag or an actor
    italic: bool = False  # as voices from elsewhere are


def score(text: str, name: str) -> float:
    """How sure it is that a text is subtitles: by its time stamps."""
    head = text.lstrip("\ufeff \n")
    stamps = len(TIMES.findall(text))
    if head.startswith("WEBVTT") and stamps:
        return 1.0
    if STYLES.match(head) and re.search(r"^Dialogue:", text, re.MULTILINE):
        return 1.0
    lines = sum(bool(line.strip()) for line in text.splitlines())
    return 0.98 if stamps > 0.1 * lines else 0.0


def read(text: str, options: ReadOptions) -> Script:
    """The speeches of subtitles, without time stamps, tags, song texts and the makers' credits.

    Raises:
        UserError: if the subtitles cannot be read.
    """
    dropped: collections.Counter[str] = collections.Counter()
    captions = _without_rolling(list(_captions(text, options, dropped)), dropped)
    return script_of(captions, dropped, FORMAT.name)


def script_of(captions: list[Caption], dropped: collections.Counter[str], format: str) -> Script:
    """The speeches of captions, as a script of a format.

    Args:
        captions: in the order in which they are shown.
        dropped: what was left out so far; more is counted here.
        format: the name of the format.
    """
    repeated = _repeated_names(captions)
    turns = []
    for before, each in itertools.pairwise([None, *captions]):
        found = list(_turns(each, repeated, dropped))
        if found and before and each.italic != before.italic:
            found[0] = (*found[0][:4], True)  # another voice
        turns += found
    named = sum(bool(speaker) for _, _, speaker, _, _ in turns)
    always = named > 0.6 * len(turns)  # else a name is given only where the speaker is not seen
    lines: list[Line] = []
    end = last_start = -PAUSE
    for start, stop, speaker, words, changes in turns:
        before = lines[-1] if lines else None
        unfinished = before is not None and not SENTENCE_END.search(before.text)
        same = not speaker or (before is not None and speaker == before.speaker)
        near = start - end < PAUSE
        if same and before and not changes and near and (unfinished or (always and before.speaker)):
            lines[-1] = Line(before.speaker, f"{before.text} {words}")
        else:
            lines.append(Line(speaker, words))
        end, last_start = max(stop, last_start), start
    lines = [line if line.speaker else Line("", unnamed(line.text)) for line in lines]
    notes = []
    if not named:
        notes = ["no speakers are named: dashes, sentences and pauses separate the speeches"]
    elif not always:
        notes = [f"speakers are named in {named:,} of {len(turns):,} speeches"]
    return Script(lines, format, dropped, notes)


def unnamed(text: str) -> str:
    """A speech without a name, whose first colon must not make its beginning a name."""
    return re.sub(r"^([^:()\[\]\"\n]{1,40}?)\s*:(?=\s)", r"\1 --", text)


def _captions(
    text: str, options: ReadOptions, dropped: collections.Counter[str]
) -> Iterator[Caption]:
    # Imported here because other formats do not need it.
    import pysubs2

    text = layout.unix_lines(text).lstrip()
    is_vtt = text.startswith("WEBVTT")
    if is_vtt:
        text = BLOCK.sub("", WORD_TIME.sub("", text))
    try:
        file = pysubs2.SSAFile.from_string(text, keep_html_tags=True)
    except (pysubs2.Pysubs2Error, ValueError, KeyError, IndexError) as error:
        raise UserError(f"{options.path} cannot be read as subtitles: {error}") from None
    for event in file.events:
        content = event.text
        if event.is_comment or event.is_drawing:
            dropped["comments and drawings"] += 1
        elif event.style and event.style != "Default" and NOT_SPOKEN.search(event.style):
            dropped["signs and songs"] += 1
        else:
            content = re.sub(r"\\N", "\n", content) if file.format != "ass" else event.plaintext
            if is_vtt:  # an empty line ends a caption; behind it may be the next one's identifier
                content = re.split(r"\n\s*\n", content)[0]
            italic = bool(ITALIC.fullmatch(content.strip()))
            for speaker, words in _voices(content):
                rows = [_words(row) for row in words.split("\n")]
                speaker = speaker or event.name.strip()
                yield Caption(event.start, event.end, [row for row in rows if row], speaker, italic)


def _voices(content: str) -> Iterator[tuple[str, str]]:
    """(speaker, text) of each voice tag in a caption; ("", text) of what is before the first."""
    before, *parts = VOICE.split(content)
    if before.strip() or not parts:
        yield "", before
    for speaker, words in zip(parts[::2], parts[1::2], strict=True):
        yield html.unescape(speaker).strip(), words


def _words(row: str) -> str:
    return " ".join(html.unescape(TAG.sub("", row)).replace("\\h", " ").split())


def _without_rolling(captions: list[Caption], dropped: collections.Counter[str]) -> list[Caption]:
    """The captions, without the row that automatic captions repeat of the caption before."""
    captions = [each for each in captions if each.rows]
    pairs = list(itertools.pairwise(captions))
    rolling = [
        after.rows[0] == before.rows[-1]
        and not DASH.match(after.rows[0])
        and after.start - before.end < 100
        for before, after in pairs
    ]
    both = sum(
        each and len(after.rows) > 1 for each, (_, after) in zip(rolling, pairs, strict=True)
    )
    if sum(rolling) < 0.3 * len(pairs) or both < max(1, 0.15 * len(pairs)):
        return captions
    kept = captions[:1]
    for caption, repeats in zip(captions[1:], rolling, strict=True):
        rows = caption.rows[1:] if repeats else caption.rows
        dropped["repeated rows"] += repeats
        if rows:
            kept.append(dataclasses.replace(caption, rows=rows))
    return kept


def _repeated_names(captions: list[Caption]) -> set[str]:
    """The names before several speeches as "[Ann] Hello." or "Ann: Hello."."""
    counts: collections.Counter[str] = collections.Counter()
    for caption in captions:
        for row in caption.rows:
            row = DASH.sub("", CHANGE.sub("", row))
            if (match := BRACKETED.match(row)) and match.end() < len(row):
                if not SOUND.fullmatch(match[1]) and len(match[1].split()) <= 3:
                    counts[match[1]] += 1
            elif (match := NAMED.match(row)) and all(map(_may_be_in_name, match[1].split())):
                counts[match[1]] += 1
    return {name for name, count in counts.items() if count >= MIN_NAMED and name[0].isupper()}


def _may_be_in_name(word: str) -> bool:
    return not word[0].islower() or word in ("of", "the", "and", "de", "van", "von")


def _turns(
    caption: Caption, repeated: set[str], dropped: collections.Counter[str]
) -> Iterator[tuple[int, int, str, str, bool]]:
    """(start, end, speaker, words, whether another speaks than before) of a caption's speeches."""
    if CREDITS.search(" ".join(caption.rows)):
        dropped["credits of the subtitles"] += 1
        return
    found: list[tuple[str, list[str], bool]] = []
    rows = [
        part
        for row in caption.rows
        for part in (NEXT_DASH.split(row) if DASH.match(row) else [row])
    ]
    dashes = sum(bool(DASH.match(row)) for row in rows)
    for number, row in enumerate(rows):
        changes = bool(CHANGE.match(row)) or (bool(DASH.match(row)) and dashes > 0)
        row = DASH.sub("", CHANGE.sub("", row)).strip()
        if "♪" in row or "♫" in row or re.fullmatch(r"#.*#", row):
            dropped["song texts"] += 1
            continue
        speaker, row = _speaker(row, repeated)
        if number == 0 and not speaker:
            speaker = caption.speaker
        if speaker or changes or not found:
            found.append((speaker, [row], changes))
        else:
            found[-1][1].append(row)
    for speaker, spoken, changes in found:
        words = re.sub(r"\[([^\[\]]*)\]", r"(\1)", " ".join(filter(None, spoken)))
        if any(map(str.isalnum, words)):
            yield caption.start, caption.end, speaker, words, changes or bool(speaker)


def _speaker(row: str, repeated: set[str]) -> tuple[str, str]:
    """(name, the rest) of a row; ("", the row) if it names nobody."""
    if match := BRACKETED.match(row):
        known = match[1] in repeated or (match[2] and match[1].upper() == match[1])
        return (match[1].strip(), row[match.end() :]) if known else ("", row)
    match = NAMED.match(row)
    if not match or not (match[1] in repeated or match[1].upper() == match[1]):
        return "", row
    name, aside = layout.split_cue(f"{match[1]} ({match[2] or ''})")
    return name, f"({aside}) {row[match.end() :]}" if aside else row[match.end() :]


FORMAT = Format("subtitles", "subtitles (.srt, .vtt, .ass, .sub)", score, read)
