"""Tables as R, spreadsheets and collectors of episodes write them."""

from data.formats import registry
from data.formats.script import Line, ReadOptions

EXPECTED = [
    *(Line("ANN", "Hello, Bob; you are late."), Line("BOB", 'No, I "am" not.')),
    *(Line("ANN", "Oh."), Line("BOB", "Well, well, Ann.")),
]


def read(text: str, name: str = "a.csv"):
    return registry.read(text, "", ReadOptions(path=name))


def test_cells_between_spaces_are_read():
    rows = [
        *('"character" "dialogue"', '"1" "ANN" "Hello, Bob; you are late."'),
        *('"2" "BOB" "No, I \\"am\\" not."', '"3" "ANN" "Oh."', '"4" "BOB" "Well, well, Ann."'),
    ]
    for name in ("a.txt", "a.csv"):
        script = read("\n".join(rows) + "\n", name)
        assert script.format == "table"
        assert script.lines == EXPECTED


def test_prose_with_quotations_is_no_table_between_spaces():
    text = '"Hello there" said Ann.\n"Oh" said Bob "you are late"\n' * 5
    assert read(text, "a.txt").format == "plain"


def test_numbers_of_rows_need_no_name_of_their_column():
    rows = ["speaker\ttext"]
    rows += [f"{n}\t{line.speaker}\t{line.text}" for n, line in enumerate(EXPECTED)]
    assert read("\n".join(rows), "a.tsv").lines == EXPECTED


def test_commas_that_fill_a_table_with_semicolons_are_no_part_of_the_speeches():
    rows = [
        *("Character;Sentence,,,,", 'ANN;"Hello, Bob; you are late.",,,'),
        *('BOB;"No, I ""am"" not.",,,', "ANN;Oh.,,,,", "BOB;Well, well, Ann.,,"),
    ]
    assert read("\r\n".join(rows) + "\r\n").lines == EXPECTED


def test_several_speeches_in_a_cell_are_one_line_each():
    text = 'id,text\n1,"ANN: Hello,\n  Bob; you are late.\nBOB: No, I ""am"" not."\n'
    text += '2,"ANN: Oh."\n3,"BOB: Well,\n well, Ann."\n'
    assert read(text).lines == EXPECTED


def test_a_direction_before_the_speeches_of_a_cell_is_a_line():
    cell = '"[A bell rings.]\n\nAnn: Hi.\n\nBob: No.\n\n"'
    script = read(f"no,quote\n1,{cell}\n2,Ann: Oh.\n3,{cell}\n")
    assert script.lines[:3] == [
        *(Line("", "[A bell rings.]"), Line("Ann", "Hi."), Line("Bob", "No."))
    ]
    assert script.cast() == {"Ann": 3, "Bob": 2}


def test_a_column_of_whole_episodes_is_read_as_scripts():
    speeches = "\n".join(f"{line.speaker.title()}: {line.text}" for line in EXPECTED).replace(
        '"', ""
    )
    episode = f"Pilot\n\nWritten by: A. Smith\n[Scene: The pier.]\n{speeches}\n(They laugh.)\n"
    script = read(f'season,title,transcript\n1,Pilot,"{episode}"\n1,The Clock,"{episode}"\n')
    assert script.cast() == {"Ann": 4, "Bob": 4}
    assert script.format == "table"
    assert script.dropped["credits of an episode"] == 2
