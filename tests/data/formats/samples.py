"""A small script of our own in each layout that fans' scripts have."""

import csv
import io
import json
from collections.abc import Callable, Iterable

from data.formats.script import Line

SPEECHES = [
    Line(name, text)
    for _ in range(3)
    for name, text in (
        ("Odette", "Is that umbrella yours, or did it follow you in?"),
        ("Amélie", "It followed me. I have asked it to stop."),
        ("Man Two", "Nobody asked me, but I would keep it."),
        ("Odette", "That is three of us, then."),
        ("Amélie", "Well, we could vote - quietly."),
    )
]


def lines_of(write: Callable[[Line], str], speeches: Iterable[Line], between: str = "\n") -> str:
    return between.join(map(write, speeches)) + "\n"


# The styles of transcripts: how a speech is written.
STYLES: dict[str, Callable[[Line], str]] = {
    "dash": lambda line: f"{line.speaker} - {line.text}",
    "long dash": lambda line: f"{line.speaker} — {line.text}",
    "bracket": lambda line: f"[{line.speaker.upper()}] {line.text}",
    "full stop": lambda line: f"{line.speaker.upper()}. {line.text}",
    "stamp": lambda line: f"[00:01] {line.speaker}: {line.text}",
    "long stamp": lambda line: f"(01:02:03) {line.speaker}: {line.text}",
    "bold": lambda line: f"**{line.speaker}:** {line.text}",
    "bold without colon": lambda line: f"**{line.speaker}**: {line.text}",
    "wiki bold": lambda line: f"'''{line.speaker}''': {line.text}",
    "aside": lambda line: f"{line.speaker} (smiling): {line.text}",
    "space before colon": lambda line: f"{line.speaker} : {line.text}",
    "full-width colon": lambda line: f"{line.speaker}：{line.text}",
    "no space": lambda line: f"{line.speaker}:{line.text}",
    "angle": lambda line: f"<{line.speaker}> {line.text}",
    "stamp above": lambda line: f"{line.speaker}  0:03\n{line.text}",
    "stamp after": lambda line: f"{line.speaker}: (00:03)\n{line.text}",
    "gap": lambda line: f"{line.speaker.upper()}   {line.text}",
    "number": lambda line: f"12. {line.speaker}: {line.text}",
    "date": lambda line: f"[12/05/20, 10:31:22] {line.speaker}: {line.text}",
    "quotation": lambda line: f"> {line.speaker}: {line.text}",
}


def table(
    header: list[str], row: Callable[[int, Line], list], delimiter: str = ",", speeches=SPEECHES
) -> str:
    """A table of speeches; `row` gives the cells of a speech and its number."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerows([header, *(row(number, line) for number, line in enumerate(speeches))])
    return out.getvalue()


# The layouts of well-known data sets, with their column names.
TABLES: dict[str, str] = {
    "Seinfeld": table(
        ["", "Character", "Dialogue", "EpisodeNo", "SEID", "Season"],
        lambda n, line: [n, line.speaker, line.text, 1.0, "S01E01", 1.0],
    ),
    "Friends": table(
        ["text", "speaker", "season", "episode", "scene", "utterance"],
        lambda n, line: [line.text, line.speaker, 1, 1, 1, n],
    ),
    "Friends quotes": table(
        ["author", "episode_number", "episode_title", "quote", "quote_order", "season"],
        lambda n, line: [line.speaker, 1.0, "The Umbrella", line.text, n, 1.0],
    ),
    "The Office": table(
        ["id", "season", "episode", "scene", "line_text", "speaker", "deleted"],
        lambda n, line: [n, 1, 1, n // 5, line.text, line.speaker, False],
    ),
    "schrute": table(
        [
            *("index", "season", "episode", "episode_name", "director", "writer", "character"),
            *("text", "text_w_direction", "imdb_rating", "total_votes", "air_date"),
        ],
        lambda n, line: [
            *(n, 1, 1, "Umbrella", "A. Writer", "B. Writer;C. Other", line.speaker, line.text),
            *(f"[sighs] {line.text}", 7.6, 3706, "2005-03-24"),
        ],
    ),
    "South Park": table(
        ["Season", "Episode", "Character", "Line"],
        lambda n, line: [10, 1, line.speaker, line.text + "\n"],
    ),
    "The Simpsons": table(
        [
            *("id", "episode_id", "number", "raw_text", "timestamp_in_ms", "speaking_line"),
            *("character_id", "location_id", "raw_character_text", "raw_location_text"),
            *("spoken_words", "normalized_text", "word_count"),
        ],
        lambda n, line: [
            *(9549 + n, 32, 209 + n, f"{line.speaker}: {line.text}", 848000, "true", 464, 3.0),
            *(line.speaker, "Pier", line.text, line.text.lower(), 9),
        ],
    ),
    "Game of Thrones": table(
        ["Release Date", "Season", "Episode", "Episode Title", "Name", "Sentence"],
        lambda n, line: ["2011-04-17", "Season 1", "Episode 1", "Rain", line.speaker, line.text],
    ),
    "MELD": table(
        [
            *("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID"),
            *("Utterance_ID", "Season", "Episode", "StartTime", "EndTime"),
        ],
        lambda n, line: [
            *(n, line.text, line.speaker, "neutral", "neutral", 0, n, 8, 21),
            *("00:16:16,059", "00:16:21,731"),
        ],
    ),
    "semicolons": table(
        ["Figur", "Satz"], lambda n, line: [line.speaker, line.text], delimiter=";"
    ),
    "tabs": table(["who", "what was said"], lambda n, line: [line.speaker, line.text], "\t"),
    "Excel": "sep=;\n"
    + table(["character", "line"], lambda n, line: [line.speaker, line.text], delimiter=";"),
    "Cornell": "".join(
        f"L{99 - n} +++$+++ u{ord(line.speaker[0])} +++$+++ m0 +++$+++ {line.speaker} +++$+++ "
        f"{line.text}\n"
        for n, line in enumerate(SPEECHES)
    ),
    "no header": table(
        [SPEECHES[0].speaker, SPEECHES[0].text],
        lambda n, line: [line.speaker, line.text],
        speeches=SPEECHES[1:],
    ),
}
JSON: dict[str, str] = {
    "records": json.dumps([{"name": each.speaker, "line": each.text} for each in SPEECHES]),
    "nested": json.dumps(
        {
            "show": "Low Tide",
            "episodes": [
                {
                    "title": "Umbrella",
                    "scenes": [
                        {"utterances": [{"speakers": [e.speaker], "transcript": e.text, "n": 1}]}
                        for e in SPEECHES
                    ],
                }
            ],
        },
        indent=2,
    ),
    "turns": json.dumps(
        {"TURNS": [{"NAMES": [e.speaker], "UTTERANCES": e.text.split(". ")} for e in SPEECHES]}
    ).replace('"It followed me"', '"It followed me."'),
    "lines": "".join(
        json.dumps({"speaker": each.speaker, "text": each.text}, ensure_ascii=False) + "\n"
        for each in SPEECHES
    ),
    "columns": json.dumps(
        {
            "Character": {str(n): each.speaker for n, each in enumerate(SPEECHES)},
            "Dialogue": {str(n): each.text for n, each in enumerate(SPEECHES)},
        }
    ),
    "pairs": json.dumps([[each.speaker, each.text] for each in SPEECHES]),
    "strings": json.dumps([f"{each.speaker}: {each.text}" for each in SPEECHES]),
}
