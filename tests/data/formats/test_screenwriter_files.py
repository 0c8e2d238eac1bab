"""Files of programs for screenwriters, which name the kind of each paragraph."""

import json

import pytest

from data.command_line import UserError
from data.formats import registry
from data.formats.script import Line, ReadOptions

EXPECTED = [
    Line("", "[setting: INT. PIER - DAY (LATER)]"),
    Line("", "(Rain & wind.)"),
    Line("ANN", "(calling) Where have you been?"),
    Line("BOB", "Down here, at the boat. (a beat) It leaks."),
    Line("", "(He bails.)"),
    Line("ANN", "Come up."),
]


def read(text: str, name: str):
    return registry.read(text, "", ReadOptions(path=name))


def paragraph(kind: str, *texts: str) -> str:
    runs = "".join(f'<Text Style="Bold">{text}</Text>' for text in texts)
    return f'<Paragraph Type="{kind}">\n{runs}</Paragraph>\n'


DRAFT = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n'
    '<FinalDraft DocumentType="Script" Template="No" Version="5"><Content>\n'
    '<Paragraph Number="1" Type="Scene Heading"><SceneProperties Title=""><Summary>'
    "<Paragraph><Text>A summary.</Text></Paragraph></Summary></SceneProperties>"
    "<ScriptNote><Paragraph><Text>A note.</Text></Paragraph></ScriptNote>"
    "<Text>int. pier - day [later]</Text></Paragraph>"
    + paragraph("Action", "Rain &amp; ", "wind.")
    + paragraph("Character", "Ann")
    + paragraph("Parenthetical", "(calling)")
    + paragraph("Dialogue", "Where have", " you been?")
    + '<Paragraph Type="General"><DualDialogue>'
    + paragraph("Character", "BOB (O.S.)")
    + paragraph("Dialogue", "Down here, at the boat.")
    + "</DualDialogue></Paragraph>"
    + paragraph("Character", "BOB (CONT'D)")
    + paragraph("Parenthetical", "a beat")
    + paragraph("Dialogue", "It leaks.")
    + paragraph("Action", "He bails.")
    + paragraph("Action", "")
    + paragraph("Transition", "CUT TO:")
    + paragraph("Character", "ANN")
    + paragraph("Dialogue", "Come up.")
    + "</Content><TitlePage><Content>"
    + paragraph("", "Low Tide")
    + "</Content></TitlePage></FinalDraft>"
)


def test_final_draft_is_read_without_notes_and_title_page():
    script = read(DRAFT, "a.fdx")
    assert script.format == "finaldraft"
    assert script.lines == EXPECTED
    assert script.dropped == {"transitions": 1}


def test_fade_in_is_read():
    def para(kind: str, text: str) -> str:
        return f'<para><style basestylename="{kind}"/><text>{text}</text></para>'

    text = (
        '<?xml version="1.0"?><document type="Open Screenplay Format document" version="12">'
        '<info title="Low Tide"/><styles><style name="Action"/></styles><paragraphs>'
        + para("Normal Text", "LOW TIDE")
        + para("Scene Heading", "int. pier")
        + para("Character", "ann")
        + para("Dialogue", "Hello there.")
        + '</paragraphs><lists><characters><character name="BOB"/></characters></lists></document>'
    )
    script = read(text, "a.osf")
    assert script.lines == [Line("", "[setting: INT. PIER]"), Line("ANN", "Hello there.")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DRAFT[:-20], "damaged Final Draft document"),
        (DRAFT.replace('"Character"', '"Action"'), "no dialogue"),
        ('<?xml version="1.0"?><!--a--><FinalDraft/>', "no dialogue"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_in_one_line(text, says):
    with pytest.raises(UserError, match=says) as error:
        read(text, "a.fdx")
    assert "\n" not in str(error.value)


def test_entities_are_refused_before_they_grow():
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    text = DRAFT.replace("<FinalDraft", entities + "<FinalDraft", 1).replace("Rain", "&b;")
    with pytest.raises(UserError, match="declares XML entities"):
        registry.read(text, "finaldraft", ReadOptions(path="a.fdx"))


def test_trelby_is_read():
    rows = [
        *("\ufeff#Version 3", "#Begin-Config", "Element/Action/Indent:0", "#End-Config"),
        *("#Title-String 0,80,32,cb,Times,,LOW TIDE", ".\\int. pier - day [later]"),
        *(">.Rain &", "..wind.", "._ann", ".((calling)", ">:Where have", "&:you be", ".:en?"),
        *("._BOB (O.S.)", ".:Down here, at the boat.", "._BOB (cont'd)", ".((a beat)"),
        *(".:It leaks.", "..He bails.", "..", "./CUT TO:", "._ANN", "|:Come", ".:up."),
    ]
    script = read("\n".join(rows), "a.trelby")
    assert script.format == "trelby"
    assert script.lines == EXPECTED


@pytest.mark.parametrize("nested", [False, True])
def test_paragraphs_of_a_screenplay_in_json_are_read_by_their_kind(nested):
    kinds = [
        *(("scene_heading", "INT. PIER - DAY [LATER]"), ("action", "Rain & wind.")),
        *(("character", "ANN"), ("parenthetical", "calling"), ("dialog", "Where have you been?")),
        *(("character", "BOB"), ("dialog", "Down here, at the boat. (a beat) It leaks.")),
        *(("action", "He bails."), ("transition", "CUT TO:"), ("character", "ANN")),
        ("dialog", "Come up."),
    ]
    paragraphs = [
        {"type": kind, "children": [{"text": text[:4]}, {"text": text[4:]}]}
        if nested
        else {"type": kind, "text": text}
        for kind, text in kinds
    ]
    script = read(json.dumps({"title": "Low Tide", "elements": paragraphs}), "a.json")
    assert script.lines == EXPECTED
