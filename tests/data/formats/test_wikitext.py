"""Wikitext: names in bold, no templates, links or tables."""

import html

import pytest
from hypothesis import given, settings

from data.formats import names, registry, wikitext
from data.formats.script import Line, ReadOptions
from tests.data.formats.scripts import folded, speeches

PAGE = """\
{{Transcript|season=1|previous=The tide}}
[[File:Ann.png|thumb|Ann at the [[pier]]]]
__NOTOC__
== Act one ==
''(It rains on [[the pier|the old pier]].)''
:'''Ann''': Is it ''you''? It&nbsp;is 10:30.
:'''[[Cole]]:''' Of course!<ref>He says: this a lot.</ref>
*'''Ann''' ''(whispering)'': [gasps] No.
;Ice King
:Where are you: going?
{{Dialog|Dr. Weiss|Home.|picture=3}}
{{Quote|Not here.|Cole}}
----
{|
! Speaker !! Line
|-
|
| ''The light's out.''
|-
! Ann
| Will you stay?
|-
| '''Cole''' || I [https://example.org will], Ann.
|}
<!-- a comment -->
{{Navigation}}
[[Category:Transcripts]]
"""


def read(text):
    return names.tidy(wikitext.read(text, ReadOptions()))


LINES = [
    Line("", "[Act one]"),
    Line("", "(It rains on the old pier.)"),
    Line("Ann", "Is it you? It is 10:30."),
    Line("Cole", "Of course!"),
    Line("Ann", "(whispering) (gasps) No."),
    Line("Ice King", "Where are you: going?"),
    Line("Dr. Weiss", "Home."),
    Line("Cole", "Not here."),
    Line("", "(The light's out.)"),
    Line("Ann", "Will you stay?"),
    Line("Cole", "I will, Ann."),
]


def test_a_page_keeps_names_in_bold_and_drops_templates_and_links():
    script = read(PAGE)
    assert script.lines == LINES
    assert script.dropped["templates, pictures, notes and comments"] == 6


def test_the_pages_of_an_export_are_read_in_order():
    pages = "".join(
        f'<page><title>{title}</title><text xml:space="preserve">{html.escape(text)}</text></page>'
        for title, text in (("A", PAGE), ("B", "'''Ann''': Good night."))
    )
    script = read(f"<mediawiki version='0.11'>{pages}</mediawiki>")
    assert script.lines == [*LINES, Line("Ann", "Good night.")]


@pytest.mark.parametrize("text", [PAGE, "'''Ann''': Yes.\n\n'''Cole''': No.\n\n" * 9])
def test_wikitext_is_detected_by_its_marks(text):
    assert registry.detect(text, "show.txt").name == "wiki"


def test_markdown_and_plain_transcripts_are_no_wikitext():
    for text in (
        "**Ann:** Yes.\n\n**Cole:** No.\n\n" * 9,
        "Ann: Yes.\n\nCole: [[no]].\n\nAnn: So.\n\nCole: Oh.\n\n" * 9,
    ):
        assert registry.detect(text, "show.txt").name != "wiki"


@settings(deadline=None, max_examples=8)
@given(speeches())
@pytest.mark.parametrize(
    "style",
    [
        *("'''{0}''': {1}\n", ":'''{0}:''' {1}\n", "* '''[[{0}]]''': {1}\n", ";{0}\n:{1}\n"),
        *("{{{{Dialogue|{0}|{1}}}}}\n", "'''{0}:''' {1}\n\n"),
    ],
)
def test_a_script_written_in_wikitext_is_read_back(style, lines):
    text = "".join(style.format(each.speaker, each.text.replace("*", "&#42;")) for each in lines)
    assert folded(read(text).lines) == folded(lines)
