"""A range of bytes of a script, read in blocks of whole lines."""

import dataclasses
import pathlib
from collections.abc import Iterator

from data.command_line import UserError
from data.corpus.settings import BLOCK_BYTES
from data.formats import encoding

MAX_LINE_BYTES = 64 << 20  # a line has to fit into memory


@dataclasses.dataclass(frozen=True)
class ByteRange:
    """A range of bytes of one show's script."""

    show: int  # index of the show
    path: str
    start: int
    end: int
    add_line_end: bool = False  # after the last line, if it has none

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        """The text in blocks of whole lines of about `size` bytes; the last may lack a line end."""
        rest, left = b"", self.end - self.start
        path = pathlib.Path(self.path)
        with encoding.readable(path), path.open("rb") as file:
            file.seek(self.start)
            while data := file.read(min(size, left)):
                left -= len(data)
                data = rest + data
                cut = data.rfind(b"\n") + 1
                if cut:
                    yield data[:cut]
                rest = data[cut:]
                if len(rest) > MAX_LINE_BYTES:
                    raise UserError(
                        f"{self.path} has a line of more than {MAX_LINE_BYTES >> 20} MB: break its "
                        "lines, one speech per line"
                    )
        if rest:
            yield rest + b"\n" if self.add_line_end else rest
