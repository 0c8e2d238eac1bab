"""What was read from a script's file, in words: two lines for training, a report for `look`."""

import re
from collections.abc import Iterator

from data.formats.load import Loaded
from data.formats.problems import problem

SHOWN_CAST = 20
SHORT_CAST = 4
SHORT_NOTES = 4
SAMPLES = 3
SAMPLE_WIDTH = 160
FEW = 0.08  # of the lines, with a speaker: the names found may be none
HELP = "docs/scripts.md"


def short_report(loaded: Loaded) -> list[str]:
    """Two lines: format, encoding and cast; what was left out, noted or missing."""
    script, cast = loaded.script, loaded.script.cast()
    shown = ", ".join(f"{name} {count:,}" for name, count in cast.most_common(SHORT_CAST))
    more = ", …" if len(cast) > SHORT_CAST else ""
    first = f"{loaded.path}: {loaded.description}, {loaded.encoding}: {counts(loaded)}"
    first += f" ({shown}{more})" if cast else ""
    if not cast:
        second = (
            "warning: no speaker was found, so scenes will have no names; "
            f"python -m data look {loaded.path} shows what was read"
        )
    elif few := few_speakers(loaded):
        second = f"warning: {few}; python -m data look {loaded.path} shows what was read"
    else:
        left_out = "; ".join(dropped(loaded)) or "nothing"
        shown_notes = script.notes[:SHORT_NOTES]
        if len(script.notes) > SHORT_NOTES:
            shown_notes.append(f"{len(script.notes) - SHORT_NOTES:,} more notes")
        notes = "".join(f"; {note}" for note in shown_notes)
        second = f"left out: {left_out}{notes}; if that is wrong: python -m data look {loaded.path}"
    return [first, second]


def counts(loaded: Loaded) -> str:
    """The number of speeches, speakers and other lines."""
    lines, cast = loaded.script.lines, loaded.script.cast()
    spoken = sum(bool(line.speaker) for line in lines)
    other = len(lines) - spoken
    return (
        f"{spoken:,} speeches of {len(cast):,} speakers"
        f"{f', {other:,} other lines' if other else ''}"
    )


def few_speakers(loaded: Loaded) -> str:
    """What to warn of if hardly any line has a speaker; "" otherwise."""
    lines = loaded.script.lines
    spoken = sum(bool(line.speaker) for line in lines)
    if not spoken or spoken >= FEW * len(lines):
        return ""
    return f"only {spoken:,} of {len(lines):,} lines have a speaker, so that scenes lack names"


def dropped(loaded: Loaded) -> list[str]:
    """What was left out, with the number of lines or rows."""
    return [f"{count:,} {reason}" for reason, count in loaded.script.dropped.most_common() if count]


def report(loaded: Loaded) -> Iterator[str]:
    """The lines of `python -m data look`."""
    script, cast = loaded.script, loaded.script.cast()
    text = script.to_text()
    yield f"file:      {loaded.path}"
    yield f"format:    {script.format}: {loaded.description}"
    yield f"encoding:  {loaded.encoding}"
    yield f"content:   {counts(loaded)}, {len(text.split()):,} words"
    names = [f"{name} {count:,}" for name, count in cast.most_common(SHOWN_CAST)]
    if len(cast) > SHOWN_CAST:
        names.append(f"and {len(cast) - SHOWN_CAST:,} more")
    yield f"cast:      {', '.join(names) or 'no speaker was found'}"
    for number, sample in enumerate(samples(loaded)):
        yield f"{'samples:' if number == 0 else '':<11}{sample}"
    yield f"left out:  {'; '.join(dropped(loaded)) or 'nothing'}"
    for number, note in enumerate(script.notes):
        yield f"{'notes:' if number == 0 else '':<11}{note}"
    if few := few_speakers(loaded):
        yield f"warning:   {few}"
    if found := problem(text):
        yield f"problem:   the text seems to hold {found}: training stops unless --anyway is given"
    yield (
        "if that is wrong: give --format NAME, for a table or JSON also --columns "
        f"character=NAME,dialogue=NAME; {HELP} lists the formats"
    )


def samples(loaded: Loaded) -> list[str]:
    """Three speeches from the beginning, the middle and the end of the script."""
    lines = [line for line in loaded.script.lines if line.speaker] or loaded.script.lines
    places = sorted({len(lines) * part // (2 * SAMPLES) for part in (1, 3, 5)})
    shown = []
    for line in (lines[place] for place in places if place < len(lines)):
        text = f"{line.speaker}: {line.text}" if line.speaker else line.text
        text = re.sub(r"\s+", " ", text)
        shown.append(text if len(text) <= SAMPLE_WIDTH else text[: SAMPLE_WIDTH - 1] + "…")
    return shown
