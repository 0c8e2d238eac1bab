"""Texts that would make a parser read each character many times: limits, not clocks, prevent it."""

import contextlib

import pytest

from data.command_line import UserError
from data.formats import html_source, problems, registry, wikitext
from data.formats.script import ReadOptions

REPEATS = 40_000


@pytest.mark.parametrize(
    ("unit", "format"),
    [
        *(("<a ", "html"), ("<a>", "html"), ("<div>", "html"), ("((((", "html"), ("<!--", "html")),
        *(("[[a|", "wiki"), ("{{", "wiki"), ("'''", "wiki"), ("<a ", "wiki"), ("*", "wiki")),
        *(("((((", ""), ("[[a|", ""), ("'''", ""), ("<a ", ""), ("\0", ""), ("\ud800", "")),
        *(("\n", ""), ("\n:", ""), ("A\n", ""), (";\n", "wiki"), ("; ", "wiki")),
        *(("1", "json"), ("[", "json"), ('{"a":', "json"), ('"', "table"), ("{\\", "rtf")),
    ],
)
def test_text_of_one_mark_is_read_or_refused(unit, format):
    with contextlib.suppress(UserError):
        script = registry.read(unit * REPEATS, format, ReadOptions(path="a.txt"))
        problems.problem(script.to_text())


def test_wikitext_whose_brackets_are_never_closed_is_refused():
    for unit in ("[[a|", "{{", "{|\n", "<b>", "''a", "<!--"):
        with pytest.raises(UserError, match="no well-formed wikitext"):
            wikitext.read(unit * 500, ReadOptions(path="a.txt"))
    assert wikitext.is_regular("'''Ann:''' [[Bob]]! {{small|a}} <br> [a < b]\n" * 500)


def test_depth_of_a_page_counts_elements_as_the_parser_nests_them():
    assert html_source.depth("<div><font>a</div>" * 500) == 2
    assert html_source.depth("<br><img src=a>" * 500) == 0
    assert html_source.depth("<b>" * 500) == 500
    assert html_source.is_regular("<p>Hello there.</p>" * 20_000)
    assert not html_source.is_regular("<b>" * 500)
    assert not html_source.is_regular("<b></b>" * 20_000)


def test_source_of_a_page_loses_only_what_is_hidden():
    page = "a<!-- <b> -->b<script>if (a<b) {}</script>c<STYLE>x</style >d"
    assert html_source.without_hidden(page) == "abcd"
    assert html_source.parsable("5 < 6 <b>x</b>") == "5 < 6 <b>x</b>"
    assert "<" not in html_source.parsable("<a " * 500)
    assert html_source.flat_text("<div>Ann:&nbsp;<b>hi</b><br>there") == "\n\nAnn:\xa0hi\nthere"
