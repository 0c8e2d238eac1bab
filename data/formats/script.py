"""What every reader of a script format returns, and how a format is described."""

import collections
import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Line:
    """One speech, direction or heading; the text has no line break."""

    speaker: str  # "" for narration, a direction in parentheses or a heading in brackets
    text: str


@dataclasses.dataclass
class Script:
    """A script as it was read from a file.

    A reader gives the names as they stand in the file; `data.formats.names` cleans them afterwards.
    """

    lines: list[Line]
    format: str  # name of the format
    dropped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    # ^ number of lines or rows left out, by reason in plain words
    notes: list[str] = dataclasses.field(default_factory=list)  # one-line remarks on what was read
    text: str | None = None  # verbatim, of the plain format only

    def to_text(self) -> str:
        """The script as `Name: speech` text with an empty line after each speech."""
        if self.text is not None:
            return self.text
        return "".join(
            f"{line.speaker}: {line.text}\n\n" if line.speaker else f"{line.text}\n\n"
            for line in self.lines
        )

    def cast(self) -> collections.Counter[str]:
        """The number of speeches of each speaker."""
        return collections.Counter(line.speaker for line in self.lines if line.speaker)


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """What a reader may need besides the text."""

    columns: dict[str, str] = dataclasses.field(default_factory=dict)  # {"character": "Name", ...}
    path: str = ""  # the file, for messages


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of scripts: how it is recognized and read."""

    name: str  # what --format takes
    description: str  # one phrase, for --help and `python -m data look`
    # score(text, file name): how sure, from 0 to 1; by content, the name only breaks ties. Gets the
    # `registry.sample` of the text.
    score: Callable[[str, str], float]
    # read(text, options): raises `UserError` if the text is not readable in this format.
    read: Callable[[str, ReadOptions], Script]
