"""Encodings of scripts, compressed files, and files that are no text."""

import gzip
import lzma
import pathlib
import random

import pytest

from data.command_line import UserError
from data.formats.encoding import decode, decompress

PATH = pathlib.Path("show.txt")
ENGLISH = "Ann: hello there, Bob, how are you today?\nBob: not now.\n" * 30
FRENCH = ENGLISH + "Amélie: “quoted” – it’s a café…\nZoë: naïve\n"
CZECH = "Zdeněk: Příliš žluťoučký kůň úpěl ďábelské ódy.\nŠtěpán: Nevím, co říkáš.\n" * 10
RUSSIAN = "Анна: Привет, как дела? Я давно тебя не видела.\nИван: Хорошо, спасибо.\n" * 10
JAPANESE = (
    "太郎：こんにちは、元気ですか。今日はとても良い天気ですね。\n花子：はい、元気です。\n" * 10
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "utf-8"),
        (FRENCH, "utf-8-sig"),
        (FRENCH, "utf-16"),
        (FRENCH, "utf-32"),
        (ENGLISH, "utf-16-le"),
        (FRENCH, "cp1252"),
        (ENGLISH + "Bob: it’s late\n", "cp1252"),
        (FRENCH, "mac_roman"),
        (CZECH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (JAPANESE, "shift_jis"),
    ],
)
def test_encoding_is_detected_and_said(text, encoding):
    decoded = decode(text.encode(encoding), PATH)
    assert decoded.text == text
    if encoding not in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert decoded.note.startswith("not UTF-8, read as ")


def test_lines_of_another_encoding_in_utf8_are_read_line_by_line():
    content = FRENCH.encode() * 3 + "Zoë: déjà vu\n".encode("cp1252")
    decoded = decode(content, PATH)
    assert decoded.text == FRENCH * 3 + "Zoë: déjà vu\n"
    assert decoded.note == "1 lines are not UTF-8 and are read as Windows-1252"


def test_binary_is_refused():
    with pytest.raises(UserError, match="not plain text"):
        decode(random.Random(1).randbytes(5000), PATH)
    with pytest.raises(UserError, match="is not the UTF-16 that it begins as"):
        decode(b"\xff\xfea", PATH)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_compressed_files_are_read_and_damaged_ones_refused(compress, monkeypatch):
    content = compress(FRENCH.encode())
    assert decompress(content, PATH).decode() == FRENCH
    with pytest.raises(UserError, match="damaged archive"):
        decompress(content[:-20], PATH)
    monkeypatch.setattr("data.formats.encoding.MAX_BYTES", 100)
    with pytest.raises(UserError, match="larger than"):
        decompress(content, PATH)
