"""Web pages and electronic books: no markup, no menus, the speakers that the page marks."""

import html

import pytest
from hypothesis import given, settings

from data.formats import html_page, names, registry
from data.formats.script import Line, ReadOptions
from tests.data.formats.scripts import folded, scenes, speeches

PAGE = """\
<!DOCTYPE html>
<html><head><title>The pier</title><style>p { color: red }</style>
<script>var page = "Ann: no";</script></head>
<body class="login-page">
<div id="nav"><ul><li><a href="/">Home</a><li><a href="/all">Scripts</a></ul></div>
<h1>The pier</h1>
<p>[Scene: the pier, evening.]</p>
<p><b>Ann:</b> There&#8217;s <i>nothing</i>
to tell! <!-- Cole: no --></p>
<p><strong>Cole</strong>: All right,
 be nice.</p>
<p><b>Ann (smiling):</b> Who<br>
is it? <a href="#">It&nbsp;is</a> late.</p>
<p><i>(They all stare.)</i></p>
<p>Cole: Good night.</p>
<p><a href="/next">The next episode</a></p>
<div class="footer">Copyright &copy; nobody</div>
</body></html>
"""
PARTS = """\
<div class="transcript">
<div class="speech"><span class="transcript-speaker">Ann:</span>
<span class="content"> Hello there.</span></div>
<div class="speech"><span class="transcript-speaker">Cole</span>
<span class="content"> Who is it?<br>Go!<br></span></div>
<table><tr><th>Ann</th><td>It is <i>me</i>.</td></tr><tr><td>Cole</td><td>Oh.</td></tr></table>
<dl><dt>Ann</dt><dd>Me again.</dd><dt>Cole:</dt><dd>Yes.</dd></dl>
<ul><li><b>Ann:</b> Ready?</li><li><b>Cole</b>: No.</li></ul>
</div>
"""
BOOK = """\
<?xml version="1.0" encoding="utf-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">
<head><title>Act I</title></head>
<body epub:type="bodymatter z3998:fiction">
<section id="act-1" epub:type="chapter z3998:scene">
<h2>Act <span epub:type="z3998:roman">I</span></h2>
<table>
<tr><td/><td><i epub:type="z3998:stage-direction">It rains.</i></td></tr>
<tr><td epub:type="z3998:persona">Ann</td>
<td><i epub:type="z3998:stage-direction">Looking up.</i> Is it you<a
epub:type="noteref">1</a>?</td></tr>
<tr><td epub:type="z3998:persona">Cole.</td><td><p>It is.</p><p>Good night.</p></td></tr>
<tr><td epub:type="z3998:persona">Ann</td><td>Well.</td></tr>
</table></section></body></html>
"""
SCREENPLAY = """\
<html><body><table><tr><td><a href="/">Home</a><td>Search<tr><td class="scrtext">
<pre>
<b>1   INT. HOUSE - DAY                                1
</b>
    Ann waits &amp; listens.

<b>                        ANN
</b>              Is it you, or
              the rain?
<b>                                                         2.
</b>
<b>                        COLE (O.S.)
</b>              The rain.

<b>                                     CUT TO:
</b>
<b>                        ANN
</b>              Oh.
</pre></table></body></html>
"""


def read(text):
    script = html_page.read(text, ReadOptions())
    return names.tidy(script)


def test_a_page_of_paragraphs_keeps_names_in_bold_as_speakers():
    assert read(PAGE).lines == [
        Line("", "[The pier]"),
        Line("", "[Scene: the pier, evening.]"),
        Line("Ann", "There’s nothing to tell!"),
        Line("Cole", "All right, be nice."),
        Line("Ann", "(smiling) Who is it? It is late."),
        Line("", "(They all stare.)"),
        Line("Cole", "Good night."),
    ]


def test_speakers_are_found_in_spans_tables_definitions_and_lists():
    assert read(PARTS).lines == [
        *(Line("Ann", "Hello there."), Line("Cole", "Who is it? Go!")),
        *(Line("Ann", "It is me."), Line("Cole", "Oh.")),
        *(Line("Ann", "Me again."), Line("Cole", "Yes.")),
        *(Line("Ann", "Ready?"), Line("Cole", "No.")),
    ]


def test_a_play_of_an_electronic_book_keeps_personas_and_directions():
    assert read(BOOK).lines == [
        Line("", "[Act I]"),
        Line("", "(It rains.)"),
        Line("Ann", "(Looking up.) Is it you?"),
        Line("Cole", "It is. Good night."),
        Line("Ann", "Well."),
    ]


def test_a_screenplay_in_a_page_is_read_by_its_layout():
    script = read(SCREENPLAY)
    assert script.format == "html"
    assert script.lines == [
        Line("", "[setting: INT. HOUSE - DAY]"),
        Line("", "(Ann waits & listens.)"),
        Line("ANN", "Is it you, or the rain?"),
        Line("COLE", "The rain."),
        Line("ANN", "Oh."),
    ]


@pytest.mark.parametrize("text", [PAGE, PARTS, BOOK, SCREENPLAY])
def test_pages_are_detected_by_their_tags(text):
    assert registry.detect(text, "show.txt").name == "html"
    shown = registry.read(text, "", ReadOptions()).to_text()
    assert not set("<>&") & set(shown.replace("waits & listens", ""))
    assert "href" not in shown


def test_a_transcript_with_a_few_tags_is_no_page():
    text = "Ann: I <i>said</i> no.\n\nCole: 1 < 2 and 3 > 2, <br> a <b>.\n\n" * 9
    assert (
        registry.detect(text + "Ann: so it is, and it rains.\n\n" * 200, "show.txt").name != "html"
    )


@settings(deadline=None, max_examples=6)
@given(speeches())
@pytest.mark.parametrize(
    "style",
    [
        *("<p><b>{0}:</b> {1}</p>", "<p><strong>{0}</strong>: {1}</p>", "<b>{0}</b>: {1}<br>"),
        *("<tr><td>{0}</td><td>{1}</td></tr>", "<dt>{0}</dt><dd>{1}</dd>", "<p>{0}: {1}</p>"),
        "<p class=line><span class='character-name'>{0}</span> {1}</p>",
        "<p class=Character>{0}</p><p class=Dialogue>{1}</p>",
        "<dl><dd><b>{0}</b>: {1}</dd></dl>",
        "<P><FONT SIZE=2>{0}: {1}</FONT>",
        "<p>{0}: {1}<br />",
    ],
)
def test_a_script_written_in_html_is_read_back(style, lines):
    body = "\n".join(
        style.format(html.escape(each.speaker), html.escape(each.text)) for each in lines
    )
    page = f"<html><body><h1>Show</h1>{body}</body></html>"
    assert folded(read(page).lines[1:]) == folded(lines)


@settings(deadline=None, max_examples=6)
@given(scenes())
def test_directions_and_headings_in_html_are_read_back(lines):
    body = "".join(
        f"<p><b>{html.escape(each.speaker)}:</b> {html.escape(each.text)}</p>"
        if each.speaker
        else f"<p><em>{html.escape(each.text)}</em></p>"
        for each in lines
    )
    assert folded(read(f"<html><body>{body}</body></html>").lines) == folded(lines)


@pytest.mark.parametrize(
    "style", ["<P>{0}: {1}", "<P><FONT>{0}: {1}</P>", "<div><i><font>{0}: {1}<br>"]
)
def test_pages_with_many_elements_that_are_not_closed_are_read(style):
    page = "<html><body>" + style.format("Ann", "Yes.") * 600
    assert read(page).cast() == {"Ann": 600}


def test_a_speech_of_a_direction_only_is_not_joined_with_the_next():
    page = "<p><b>Ann:</b> (something else)</p><p><b>Ann:</b> (nods) <i>Hello</i>.</p>"
    script = read(f"<html><body>{page}<p><b>Bob:</b></p><p>No.</p></body></html>")
    assert script.lines == [
        *(Line("Ann", "(something else)"), Line("Ann", "(nods) Hello."), Line("Bob", "No."))
    ]
