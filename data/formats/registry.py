"""All formats of scripts, and the choice of one by the content of a file."""

from data.command_line import UserError
from data.formats import (
    final_draft,
    fountain,
    html_page,
    json_script,
    names,
    plain,
    rtf,
    screenplay,
    subtitle_text,
    subtitles,
    tables,
    transcript,
    trelby,
    wikitext,
)
from data.formats.script import Format, ReadOptions, Script

SAMPLE = 200_000  # characters at the beginning of a file from which the sample is taken
HEAD, LATER = 20_000, 6_000  # characters of the sample: of the beginning, of the middle and end

# Of two formats with the same score, the earlier one is chosen.
FORMATS: tuple[Format, ...] = (
    plain.FORMAT,
    transcript.FORMAT,
    tables.FORMAT,
    json_script.FORMAT,
    screenplay.FORMAT,
    fountain.FORMAT,
    subtitles.FORMAT,
    subtitle_text.FORMAT,
    final_draft.FORMAT,
    trelby.FORMAT,
    html_page.FORMAT,
    wikitext.FORMAT,
    rtf.FORMAT,
)


def detect(text: str, name: str) -> Format:
    """The format with the highest score for a text in a file of this name."""
    text = sample(text)
    return max(FORMATS, key=lambda each: each.score(text, name))


def sample(text: str) -> str:
    """The lines of a text that decide its format: of a long one, head, middle and end of a part."""
    text = text[:SAMPLE]
    if len(text) <= HEAD + 2 * LATER:
        return text
    starts = (len(text) // 2, len(text) - LATER)
    later = [text[text.find("\n", start) + 1 : start + LATER] for start in starts]
    return "\n".join([text[:HEAD], *later])


def by_name(name: str) -> Format:
    """The format with this name.

    Raises:
        UserError: if there is none.
    """
    for each in FORMATS:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in FORMATS)
    raise UserError(f"there is no format {name!r}: choose from {known}")


def read(text: str, name: str, options: ReadOptions) -> Script:
    """The script in a text, read in the format with this name or, for "", in the detected one."""
    chosen = by_name(name) if name else detect(text, options.path)
    return names.tidy(chosen.read(text, options))
