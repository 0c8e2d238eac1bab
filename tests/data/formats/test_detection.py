"""The format is found by the content: each sample in a file of every ending."""

import pytest

from data.formats import registry
from data.formats.script import Line, ReadOptions
from serve.scenes.script import fountain
from tests.conftest import ROOT
from tests.data.formats.samples import JSON, SPEECHES, STYLES, TABLES, lines_of

ENDINGS = (
    *("txt", "md", "csv", "tsv", "json", "jsonl", "srt", "vtt", "ass", "fountain", "html", "xhtml"),
    *("wiki", "rtf", "pdf", "fdx", "trelby", "log", ""),
)


def numbered(write, between: str = "\n") -> str:
    return between.join(write(number, line) for number, line in enumerate(SPEECHES)) + "\n"


def stamp(seconds: int, point: str = ",") -> str:
    return f"00:{seconds // 60:02}:{seconds % 60:02}{point}500"


PLAIN = lines_of(lambda line: f"{line.speaker}: {line.text}", SPEECHES, "\n\n")
SCREENPLAY = "INT. PIER - DAY\n\nRain.\n\n" + numbered(
    lambda n, line: f"{line.speaker.upper()}\n{line.text}\n"
)
PROSE = "The sea was calm, and nobody spoke for an hour, or two.\n\n" * 30
SAMPLES = {
    "plain": [
        PLAIN,
        PLAIN.lower(),
        PLAIN.replace("\n\n", "\n"),
        PROSE,
    ],
    "transcript": [
        *(lines_of(STYLES[style], SPEECHES) for style in STYLES if style != "wiki bold"),
        *(lines_of(STYLES[style], SPEECHES, "\n\n") for style in STYLES if style != "wiki bold"),
    ],
    "table": [*TABLES.values()],
    "json": [*JSON.values()],
    "subtitles": [
        numbered(lambda n, line: f"{n + 1}\n{stamp(3 * n)} --> {stamp(3 * n + 2)}\n{line.text}\n"),
        numbered(
            lambda n, line: (
                f"{n + 1}\n{stamp(3 * n)} --> {stamp(3 * n + 2)}\n"
                f"{line.speaker.upper()}: {line.text}\n"
            )
        ),
        "WEBVTT\n\n"
        + numbered(
            lambda n, line: (
                f"{stamp(3 * n, '.')} --> {stamp(3 * n + 2, '.')}\n"
                f"<v {line.speaker}>{line.text}</v>\n"
            )
        ),
    ],
    "captions": [
        "".join(f"- Is that line {n}?\nNo, {n} is\nshort.\n" for n in range(9)),
        "".join(f"- Line {n}.\n- Another {n}.\n\nIt is {n}\no'clock.\n\n" for n in range(9)),
    ],
    "fountain": [
        fountain("[setting: pier]\n\n" + PLAIN, "Low Tide"),
        "Title: Low Tide\nAuthor: nobody\n\n" + SCREENPLAY,
    ],
    "screenplay": [
        SCREENPLAY,
        "                    LOW TIDE\n\nINT. PIER - DAY\n\n"
        + numbered(
            lambda n, line: (
                f"                         {line.speaker.upper()}\n               {line.text}\n"
            )
        ),
    ],
    "finaldraft": [
        '<?xml version="1.0"?><FinalDraft DocumentType="Script"><Content>'
        + numbered(
            lambda n, line: (
                f'<Paragraph Type="Character"><Text>{line.speaker}</Text></Paragraph>\n'
                f'<Paragraph Type="Dialogue"><Text>{line.text}</Text></Paragraph>'
            )
        )
        + "</Content></FinalDraft>"
    ],
    "trelby": ["#Version 3\n" + numbered(lambda n, line: f"._{line.speaker}\n.:{line.text}")],
    "html": [
        "<!DOCTYPE html><html><body>"
        + numbered(lambda n, line: f"<p><b>{line.speaker}:</b> {line.text}</p>")
        + "</body></html>",
        numbered(lambda n, line: f"<p>{line.speaker}: {line.text}</p>"),
    ],
    "wiki": [
        "==Act one==\n" + lines_of(STYLES["wiki bold"], SPEECHES, "\n\n"),
        numbered(lambda n, line: f"'''[[{line.speaker}]]''': {line.text}\n"),
    ],
    "rtf": [
        r"{\rtf1\ansi\deff0 " + numbered(lambda n, line: rf"{line.speaker}: {line.text}\par ") + "}"
    ],
}
CASES = [(name, number) for name, samples in SAMPLES.items() for number in range(len(samples))]


def test_every_format_has_samples():
    assert {each.name for each in registry.FORMATS} == set(SAMPLES)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_sample_is_detected_as_itself_in_a_file_of_any_ending(name, number):
    found = {
        ending: registry.detect(SAMPLES[name][number], f"show.{ending}".rstrip(".")).name
        for ending in ENDINGS
    }
    expected = dict.fromkeys(ENDINGS, name)
    if name == "screenplay":
        expected["fountain"] = "fountain"  # which reads the same speeches
    if SAMPLES[name][number] == PROSE:
        # A table that is not recognized must not be learned as prose.
        expected |= {"csv": "table", "tsv": "table"}
    assert found == expected


@pytest.mark.parametrize("name", sorted({*SAMPLES} - {"rtf", "plain", "captions"}))
def test_speeches_of_the_sample_are_read(name):
    text = SAMPLES[name][-1]
    lines = registry.read(text, "", ReadOptions(path="show.txt")).lines
    spoken = [Line(line.speaker.casefold(), line.text) for line in lines if line.speaker]
    assert spoken == [Line(line.speaker.casefold(), line.text) for line in SPEECHES]


def test_embedded_show_and_documents_are_plain():
    low_tide = (ROOT / "data/shows/low_tide.txt").read_text(encoding="utf-8")
    assert registry.detect(low_tide, "a.txt").name == "plain"
    for name in ("docs/scenes.md", "docs/choices.md", "README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert registry.detect(text, name).name in ("plain", "transcript")
