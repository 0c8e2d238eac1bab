"""Zip files and folders of scripts: natural order, each skipped file is named."""

import io
import zipfile

import pytest

from data.command_line import UserError
from data.formats import archives
from data.formats.load import load
from data.formats.script import Line
from tests.data.formats.pdf_file import pdf_of

SCENES = {
    "s1/episode 2.txt": b"Ann: two.\n\nCole: no.\n",
    "s1/episode 10.srt": b"1\n00:00:01,000 --> 00:00:02,000\nANN: ten\n",
    "s1/episode 1.html": b"<html><body><p><b>Ann:</b> one</p><p><b>Cole:</b> oh</p></body></html>",
    "s2/Episode 1.fountain": b"Title: x\n\nANN\nthree\n",
    "s2/episode 2.pdf": pdf_of(
        [["INT. X - DAY", "", "ANN", "four", "", "ANN", "five", "", "ANN", "six"]]
    ),
}
OTHER = {
    "cover.jpg": b"\xff\xd8\xff",
    "s1/broken.pdf": b"%PDF-1.4 nothing",
    "s1/noise.bin": bytes(range(256)) * 9,
    "s1/empty.txt": b" \n",
    "s1/more.zip": b"PK\x03\x04 and so on",
}
HIDDEN = {
    ".DS_Store": b"x",
    "__MACOSX/s1/._episode 1.html": b"x",
    "s1/.git/config": b"x",
    "mimetype": b"application/epub+zip",
    "META-INF/container.xml": b"<container/>",
}


@pytest.fixture(params=["folder", "zip"])
def make(request, tmp_path):
    """Makes a folder, or a zip file, of these files."""

    def made(files):
        if request.param == "zip":
            path = tmp_path / "show.zip"
            with zipfile.ZipFile(path, "w") as file:
                for name, content in files.items():
                    file.writestr(name, content)
            return path
        for name, content in files.items():
            path = tmp_path / "show" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "show"

    return made


def test_all_formats_are_read_in_natural_order(make):
    script = load(make(SCENES | HIDDEN)).script
    words = [line.text for line in script.lines if line.speaker.casefold() == "ann"]
    assert words == ["one", "two.", "ten", "three", "four", "five", "six"]
    assert script.cast().keys() <= {"Ann", "ANN", "Cole"}
    assert script.notes[0].startswith("5 files are read: ")


def test_files_without_a_script_are_skipped_and_named(make):
    script = load(make(SCENES | OTHER)).script
    skipped = [note for note in script.notes if note.startswith("skipped ")]
    assert len(skipped) == len(OTHER)
    assert all(any(f"/{name}" in note for note in skipped) for name in OTHER)
    assert script.lines == load(make(SCENES | OTHER)).script.lines


def test_strict_reading_stops_at_a_file_without_a_script(make):
    path = make(SCENES | {"s1/empty.txt": b""})
    with pytest.raises(UserError, match=r"s1/empty\.txt is empty"):
        archives.read(path, lambda content, name: load(path).script, strict=True)


def test_an_archive_without_scripts_is_refused_with_the_reasons(make):
    with pytest.raises(UserError, match=r"holds no scripts \(skipped .*cover\.jpg"):
        load(make({"cover.jpg": b"\xff"}))


def test_plain_scripts_are_joined_verbatim(make):
    script = load(make({"1.txt": b"Ann: one.\r\n\r\nCole: no.", "2.txt": b"\nAnn: two.\n"})).script
    assert script.to_text() == "Ann: one.\n\nCole: no.\n\nAnn: two.\n"


@pytest.mark.parametrize("damage", ["cut", "checksum"])
def test_a_damaged_zip_file_is_refused_in_one_line(tmp_path, damage):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("1.txt", b"Ann: one.\n" * 50)
    content = buffer.getvalue()
    path = tmp_path / "show.zip"
    cut = content[60:] if damage == "cut" else content.replace(b"one", b"two", 1)
    path.write_bytes(cut)
    with pytest.raises(UserError, match=r"show\.zip") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_zip_file_larger_than_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    path = tmp_path / "show.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("1.txt", b"Ann: one.\n" * 5000)
    with pytest.raises(UserError, match="holds more than"):
        load(path)


def document(paragraphs: list[tuple[str, str]]) -> bytes:
    """A Word document with paragraphs (style, text)."""
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r>'
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
        for style, text in paragraphs
    )
    return zipped({"word/document.xml": f'<w:document xmlns:w="w">{body}</w:document>'.encode()})


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_documents_of_word_processors_are_read(tmp_path):
    word = document([("", "Ann: Hello there."), ("", ""), ("", "Bob: No &amp; yes.")])
    open_document = zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "content.xml": b'<d xmlns:text="t"><text:p>Ann: Hello<text:s/>there.</text:p>'
            b"<text:p>Bob: No &amp; yes.<text:note>1</text:note></text:p></d>",
        }
    )
    for name, content in {"a.docx": word, "a.odt": open_document}.items():
        (tmp_path / name).write_bytes(content)
        script = load(tmp_path / name).script
        assert script.lines == [Line("Ann", "Hello there."), Line("Bob", "No & yes.")]
    assert load(tmp_path).script.cast() == {"Ann": 2, "Bob": 2}


def test_styles_of_a_word_document_tell_directions_from_speeches(tmp_path):
    styles = ("Character", "Dialogue", "Action")
    words = ("ANN", "Hello there.", "She waits.", "BOB", "No.", "He nods.") * 2
    paragraphs = [(styles[place % 3], text) for place, text in enumerate(words)]
    (tmp_path / "a.docx").write_bytes(document([("SceneHeading", "INT. PIER"), *paragraphs]))
    lines = load(tmp_path / "a.docx").script.lines
    assert lines[:3] == [
        *(Line("", "[setting: INT. PIER]"), Line("ANN", "Hello there.")),
        Line("", "(She waits.)"),
    ]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"xl/workbook.xml": b"<x/>"}, "spreadsheet"),
        ({"word/document.xml": b"<w:p>"}, "damaged document"),
        ({"word/document.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}, "document type"),
    ],
)
def test_other_documents_are_refused_in_one_line(tmp_path, members, says):
    (tmp_path / "a.bin").write_bytes(zipped(members))
    with pytest.raises(UserError, match=says):
        load(tmp_path / "a.bin")
