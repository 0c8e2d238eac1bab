"""The text in a file's bytes: decompression, and detection of the encoding."""

import codecs
import contextlib
import gzip
import io
import lzma
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from data.command_line import UserError

MAX_BYTES = 512 << 20  # of a decompressed file
DETECTED_BYTES = 64 << 10  # that the detector sees
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# Encodings that scripts are found in. All code pages of the detector would give rare ones for
# texts with few letters outside ASCII.
SINGLE_BYTE = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "mac_roman", "koi8_r"),
)
MULTI_BYTE = ("utf_16_le", "utf_16_be", "shift_jis", "euc_jp", "gb18030", "big5", "cp949")
MULTI_BYTE_SHARE = 0.2  # of bytes outside ASCII, in lines with any; fewer are accents
WESTERN = "cp1252"
PREFERENCE = 0.02  # of noise by which another encoding has to be better than `WESTERN`
CONTROLS = bytes({*range(32), 127} - set(b"\t\n\r\f\v\x1a\x1b"))
MAX_CONTROLS = 0.002  # of the bytes of a text


class Decoded(NamedTuple):
    """A decoded file."""

    text: str
    encoding: str  # as to be shown
    note: str = ""  # one line if something has to be said


@contextlib.contextmanager
def readable(path: pathlib.Path) -> Iterator[None]:
    """Context manager around reading a file: an `OSError` becomes a `UserError`."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: name one text file in it") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def decompress(content: bytes, path: pathlib.Path) -> bytes:
    """The content of a .gz or .xz file; other content as it is.

    Raises:
        UserError: if it is damaged, or larger than `MAX_BYTES` when decompressed.
    """
    openers = ((b"\x1f\x8b", gzip.open), (b"\xfd7zXZ\0", lzma.open))
    for magic, opener in openers:
        if content.startswith(magic):
            try:
                with opener(io.BytesIO(content)) as file:
                    content = file.read(MAX_BYTES + 1)
            except (OSError, EOFError, lzma.LZMAError) as error:
                raise UserError(f"{path} is a damaged archive: {error}") from None
            if len(content) > MAX_BYTES:
                raise UserError(f"{path} is larger than {MAX_BYTES >> 20} MB when decompressed")
    return content


def is_binary(content: bytes) -> bool:
    """Whether content that is not UTF-8 is no text in another encoding of single bytes."""
    if b"\0" in content:
        return True
    sample = content[: 1 << 20]
    controls = len(sample) - len(sample.translate(None, CONTROLS))
    return controls > MAX_CONTROLS * len(sample)


def decode(content: bytes, path: pathlib.Path) -> Decoded:
    """The text of a file in UTF-8, or in the encoding that is detected.

    Raises:
        UserError: if the content is binary, or in no encoding that is known.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            try:
                text = content.decode("utf-8-sig" if encoding == "UTF-8" else encoding)
                return Decoded(text, encoding)
            except UnicodeDecodeError:
                if encoding != "UTF-8":
                    raise UserError(f"{path} is not the {encoding} that it begins as") from None
                content = content.removeprefix(mark)
    if b"\0" not in content:
        with contextlib.suppress(UnicodeDecodeError):
            return Decoded(content.decode(), "UTF-8")
    if not is_binary(content):
        if mixed := _decode_lines(content):
            return mixed
    elif not _may_be_utf16(content):
        raise UserError(f"{path} is not plain text: save the script as UTF-8 text (.txt)")
    return _detect(content, path)


def _may_be_utf16(content: bytes) -> bool:
    """Whether every second byte is often 0, as in UTF-16 of a language with Latin letters."""
    sample = content[:DETECTED_BYTES]
    letters, zeros = sorted((sample[0::2], sample[1::2]), key=lambda half: half.count(0))
    if zeros.count(0) < 0.3 * len(zeros) or letters.count(0) > 0.02 * len(letters):
        return False
    controls = len(letters) - len(letters.translate(None, CONTROLS))
    return controls <= MAX_CONTROLS * len(letters)


def _decode_lines(content: bytes) -> Decoded | None:
    """UTF-8 with some lines in `WESTERN`, as in files put together; None if it is not that."""
    lines, wrong, right = [], 0, 0
    for line in content.split(b"\n"):
        try:
            lines.append(line.decode())
            right += not line.isascii()
        except UnicodeDecodeError:
            lines.append(line.decode(WESTERN, errors="replace"))
            wrong += 1
    if right <= wrong:
        return None
    note = f"{wrong:,} lines are not UTF-8 and are read as Windows-1252"
    return Decoded("\n".join(lines), "UTF-8", note)


def _detect(content: bytes, path: pathlib.Path) -> Decoded:
    import charset_normalizer  # imported here because most files are UTF-8

    sample = content[:DETECTED_BYTES]
    if not is_binary(content):  # lines with letters outside ASCII, wherever they are
        other = [line for line in content.split(b"\n") if not line.isascii()]
        sample = b"\n".join(other)[:DETECTED_BYTES]
    high = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    is_western = not is_binary(content) and high < MULTI_BYTE_SHARE * len(sample)
    candidates = SINGLE_BYTE if is_western else (*SINGLE_BYTE, *MULTI_BYTE)
    matches = charset_normalizer.from_bytes(sample, cp_isolation=list(candidates))
    best = matches.best()
    # A match stands for all encodings that give the same text.
    western = next((match for match in matches if WESTERN in match.could_be_from_charset), None)
    if best is not None:
        name = best.encoding
        if western is not None and western.chaos <= best.chaos + PREFERENCE:
            name = WESTERN
        with contextlib.suppress(UnicodeDecodeError):
            shown = name.upper().replace("CP125", "Windows-125").replace("_", "-")
            note = f"not UTF-8, read as {shown}"
            return Decoded(content.decode(name), shown, note)
    raise UserError(
        f"{path} is in no encoding that is recognized: save it as UTF-8, for example with "
        f"iconv -f WINDOWS-1252 -t UTF-8 {path}"
    )
