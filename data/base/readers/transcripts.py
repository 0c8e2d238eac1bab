"""Readers of transcripts and dialogues: Markdown, JSON and CSV."""

import csv
import io
import re
import zlib
from collections.abc import Iterator

from data import strict_json

# Two people talk in each of the self-dialogues, which name nobody.
FIRST_NAMES = (
    *("Alex", "Anna", "Ben", "Carla", "Claire", "Dan", "David", "Ella", "Emma", "Frank", "Grace"),
    *("Hannah", "Henry", "Jack", "James", "Jane", "Joe", "John", "Julia", "Kate", "Laura", "Leo"),
    *("Linda", "Lucy", "Maria", "Mark", "Mary", "Max", "Mike", "Nick", "Nina", "Oscar", "Paul"),
    *("Peter", "Rachel", "Robert", "Rosa", "Ruth", "Sam", "Sarah", "Simon", "Sophie", "Susan"),
    *("Tom", "Victor", "Wendy", "Will"),
)
MIN_TURNS = 4  # a shorter dialogue was given up
SPEAKER = re.compile(r"\*\*([^*\n]{1,60}?):?\*\*:?\s*")
LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()]*\))*(?:\s\"[^\"]*\")?\)")
TIME_STAMP = re.compile(
    r"\\?[\[(]\\?(?:unintelligible |inaudible |crosstalk )?\\?"
    r"\d{1,2}:\d\d(?::\d\d)?(?:[.:]\d+)?\\?[\])]"
)
BLEEPED = re.compile(r"\w(?:\\\*)+")  # s\*\*t
NOT_SPEECH = ("#", ">", "|", "---", "```", "- [", "* [", "<")
CUE = re.compile(r"\[(?:break|end of (?:transcript|episode)|sic)\]", re.IGNORECASE)


def read_markdown_transcript(text: str) -> Iterator[list[str]]:
    """A podcast's transcript: **Name:** before each speech, of which the first name is kept.

    A paragraph without a name continues the speech before it.
    """
    speeches: list[str] = []
    speaker, continues = "", False
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        block = " ".join(block.split())
        if not block or block.startswith(NOT_SPEECH):
            continues = False
            continue
        block = TIME_STAMP.sub("", LINK.sub(r"\1", block)).strip()
        if match := SPEAKER.match(block):
            speaker, block, continues = first_name(match.group(1)), block[match.end() :], False
        if BLEEPED.search(block):
            continue
        block = re.sub(r"\\(.)", r"\1", re.sub(r"\*+|`|(?<!\w)_|_(?!\w)", "", block)).strip()
        block = re.sub(r"\[(laughs?|laughter|unintelligible)\[", r"[\1]", block)
        if not re.search(r"\w", block):
            continue
        if continues:
            speeches[-1] += " " + block
        else:
            speeches.append(f"{speaker}: {block}" if speaker else block)
        continues = bool(speaker)
    yield speeches


def read_json_turns(text: str) -> Iterator[list[str]]:
    """A game's transcript: TURNS, each with NAMES and UTTERANCES."""
    speeches = []
    for turn in strict_json.loads(text)["TURNS"]:
        speech = " ".join(CUE.sub("", " ".join(turn["UTTERANCES"])).split())
        name = first_name(turn["NAMES"][0]) if len(turn["NAMES"]) == 1 else "All"
        if re.search(r"\w", speech):
            speeches.append(f"{name}: {speech}")
    yield speeches


def read_csv_dialogues(text: str, excluded: frozenset[str] = frozenset()) -> Iterator[list[str]]:
    """Dialogues of crowd workers: columns Answer.sentence1 and so on, a dialogue a row.

    Args:
        excluded: ids of the workers whose dialogues are left out.
    """
    csv.field_size_limit(1 << 24)
    for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")):
        if row.get("AssignmentStatus") == "Rejected" or row.get("WorkerId") in excluded:
            continue
        turns: list[str] = []
        while turn := " ".join((row.get(f"Answer.sentence{len(turns) + 1}") or "").split()):
            if not re.search(r"\w", turn):  # {}
                break
            turns.append(turn)
        if len(turns) < MIN_TURNS:
            continue
        # The names depend on the row alone, so that they stay whatever else is read.
        number = zlib.crc32((row.get("AssignmentId") or turns[0]).encode())
        first, second = number % len(FIRST_NAMES), number // 64 % (len(FIRST_NAMES) - 1)
        second += second >= first
        names = FIRST_NAMES[first], FIRST_NAMES[second]
        yield [f"{names[place % 2]}: {turn}" for place, turn in enumerate(turns)]


def first_name(name: str) -> str:
    """The first word of a name, capitalised: a speaker as most scripts write one."""
    words = name.replace("_", " ").split()
    word = words[0].strip(".,:;") if words else ""
    return word.title() if word.isupper() else word
