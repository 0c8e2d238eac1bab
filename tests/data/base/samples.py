"""Small files in the formats of the base's sources, written for the tests, and a manifest."""

import io
import json
import pathlib
import tarfile
from collections.abc import Mapping

COMMIT = "0123456789abcdef0123456789abcdef01234567"

MARKDOWN = """\
# Episode 7

**Ann Lee:** Welcome to [the show](https://example.org/a_(b) "link")! \\[00:01:02.05\\] It is *very*
good.

We talk about lamps today. \\[laughter\\]

**Bob:** \\[00:03\\] Lamps &amp; more lamps — “yes”.

> A quotation of somebody else.

**Break:** \\[00:04:00.00\\]

**ANN LEE:** That lamp is a piece of s\\*\\*t.

**Ann Lee:** See http://example.org for all of it.

**Ann Lee:** Good night.
"""

TURNS = json.dumps(
    {
        "TURNS": [
            {"NAMES": ["MATT"], "UTTERANCES": ["You see a door.", "It is shut. [break]"]},
            {"NAMES": ["LAURA", "SAM"], "UTTERANCES": ["We open it!"]},
            {"NAMES": ["SAM"], "UTTERANCES": ["[sic]"]},
        ]
    }
)

DIALOGUES = """\
"AssignmentId","WorkerId","AssignmentStatus","Answer.sentence1","Answer.sentence2",\
"Answer.sentence3","Answer.sentence4","Answer.sentence5"
"A1","W1","Approved","Do you like trains?","I do, a lot.","Which ones?","The slow ones.","{}"
"A2","W2","Rejected","one","two","three","four","five"
"A3","BAD","Approved","one","two","three","four","five"
"A4","W4","Approved","too","short","","",""
"""

CHAPTER = """\
<?xml version="1.0" encoding="utf-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">
<head><title>The Lamp</title></head>
<body epub:type="bodymatter z3998:fiction">
<section id="chapter-1" epub:type="chapter">
<h2 epub:type="title">The Lamp</h2>
<p>“Wait,” said <abbr>Mr.</abbr>\u00a0Day.<a epub:type="noteref" href="#n">1</a> “I⁠—I can’t.”</p>
<blockquote epub:type="z3998:poem"><p>O lamp,<br/>my lamp</p></blockquote>
<p>It rained;<br/>he stayed.</p>
</section>
</body>
</html>
"""

ACT = """\
<html><body><section epub:type="z3998:scene"><header><h3>Scene I</h3></header>
<table><tbody>
<tr><td/>
<td><i epub:type="z3998:stage-direction"><b epub:type="z3998:persona">Nell</b> enters.</i></td></tr>
<tr><td epub:type="z3998:persona">Nell</td>
<td><p>Is it late? <i epub:type="z3998:stage-direction">She looks up.</i></p><p>It is.</p></td></tr>
<tr><td epub:type="z3998:persona"><abbr>Mr.</abbr> Day</td><td>Yes.</td></tr>
</tbody></table></section></body></html>
"""

BOOK = """\
The Project Gutenberg EBook of The Pier

Language: English

*** START OF THIS PROJECT GUTENBERG EBOOK THE PIER ***

Produced by Some Volunteers

THE PIER

By A. Writer

CONTENTS

  I. The Morning        1
  II. The Evening       9

CHAPTER I. THE MORNING

It was a cold morning, and the man who kept the pier was not in the mood
to talk to anyone. [Illustration: The pier.] He said so to the gulls that
sat on the rail, and it was the truth.[1]

'I am not in the mood,' he said. 'That is all that I have to say to you.'

       *       *       *       *       *

NORA. (_laughing_) You said it to the gulls, and you said it
to me as well.

MRS. DAY. And to me!

[Footnote 1: A note of the editor [A], which is no part of the book.]

Transcriber's Note:

Spelling has been left as it was.

*** END OF THIS PROJECT GUTENBERG EBOOK THE PIER ***

Licence and donations.
"""

FILES: dict[str, dict[str, str]] = {
    "talks": {"podcast/talk-2.md": MARKDOWN, "podcast/README.md": "**No:** not a talk"},
    "game": {"data/clean/C1E001.json": TURNS},
    "chats": {"corpus/trains/a.csv": DIALOGUES, "blocked_workers.txt": "BAD\nWORSE\n"},
    "lamp": {"src/epub/text/chapter-1.xhtml": CHAPTER, "src/epub/text/titlepage.xhtml": CHAPTER},
    "play": {"src/epub/text/act-1.xhtml": ACT},
    "books": {"Writer, A./The Pier.txt": BOOK, "Writer, A./Another.txt": BOOK},
}

SOURCES = [
    {
        "name": "podcast",
        "reader": "markdown transcript",
        "repositories": ["talkers/talks"],
        "paths": ["podcast/*.md"],
        "skipped": ["README.md"],
    },
    {
        "name": "game",
        "reader": "json turns",
        "repositories": ["players/game"],
        "paths": ["data/clean/C*E*.json"],
    },
    {
        "name": "chat",
        "reader": "csv dialogues",
        "repositories": ["chatters/chats"],
        "paths": ["corpus/*/*.csv", "blocked_workers.txt"],
    },
    {
        "name": "ebooks",
        "reader": "xhtml book",
        "repositories": ["press/lamp", "press/play"],
        "paths": ["src/epub/text/*.xhtml"],
        "skipped": ["titlepage.xhtml"],
    },
    {
        "name": "books",
        "reader": "plain book",
        "repositories": ["library/books"],
        "paths": ["Writer, A./The Pier.txt"],
        "one_by_one": True,
    },
]


def write_manifest(path: pathlib.Path, digests: Mapping[str, str]) -> pathlib.Path:
    """A manifest of the samples' sources."""
    about = {"title": "T", "licence": "CC0", "attribution": "A. Writer"}
    plain = {"skipped": [], "one_by_one": False}
    entries = [
        about | plain | source | {"sha256": digests.get(source["name"], "")} for source in SOURCES
    ]
    for entry in entries:
        entry["repositories"] = [f"{name}@{COMMIT}" for name in entry["repositories"]]
    path.write_text(json.dumps({"sources": entries}))
    return path


def tar_of(*repositories: str, mode: str = "w:gz") -> bytes:
    """An archive of repositories as their host packs them."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as tar:
        for name in repositories:
            for path, text in FILES[name].items():
                add_file(tar, f"{name}-{COMMIT}/{path}", text.encode())
    return content.getvalue()


def add_file(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Adds a file to an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
