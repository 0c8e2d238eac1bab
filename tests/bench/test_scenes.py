"""The bench of scenes: its figures on hand-made scenes, and the whole command on a small model."""

import json
import math
import shutil

import pytest
import torch

from data.command_line import UserError
from data.tokens import split_words
from job.checkpoint import load_network
from job.evaluate import token_losses
from job.report.structure import SYMBOLS
from tests.bench import scene_tables, scenes
from tests.bench.scene_metrics import (
    Scene,
    copied_ngrams,
    is_cut,
    measure,
    opening,
    perplexity,
    repeated_lines,
)

NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
TRAINING = [*NUMBERS, "ann:", "bob:", "waves", "hello"]


def words_of(text):
    return split_words(text, SYMBOLS)


def scene_of(text, prompt=""):
    return Scene(words_of(prompt + text), len(words_of(prompt)))


def figures_of(*texts, prompt="ann:", vocabulary=("hello", "ann:", "bob:")):
    return measure([scene_of(text, prompt) for text in texts], vocabulary, TRAINING)


def test_invented_words_are_in_neither_vocabulary_nor_prompt():
    figures = figures_of(" zork hello zork!\n\nbob: blip hello", prompt="(zork)\n\nann:")
    assert figures["invented_words"] == 1 / 6
    assert figures_of(" hello", vocabulary=())["invented_words"] == 1
    assert figures_of("")["invented_words"] is None


def test_words_outside_the_show_are_counted_per_scene_without_the_prompt():
    figures = figures_of(" hello zork, zork blip", " one", prompt="blip ann:")
    assert figures["words_outside_show"] == 1


def test_heading_that_goes_on_and_name_within_a_line_are_counted():
    lines = ["ann: one", "[setting: the pier]", "[setting: the pier] where", "[x", "ann: two"]
    lines += ["ann: in the fog, with a bob: there", "the very old man: hello", "ann: end"]
    figures = figures_of("\n\n".join(lines), prompt="")
    assert (figures["headings"], figures["heading_goes_on"]) == (2, 1 / 2)
    assert figures["name_within_line"] == 1 / 6
    assert figures_of("")["heading_goes_on"] is None


def test_unbalanced_lines_are_shares_of_lines_without_the_first_and_the_last():
    lines = ["ann: (", "bob: (waves", "bob: (waves) hello", 'ann: "hello', "bob: one", "ann: ("]
    figures = figures_of("\n\n".join(lines), prompt="")
    assert figures["lines"] == 4
    assert figures["unbalanced_brackets"] == 1 / 4
    assert figures["unbalanced_of_bracketed"] == 1 / 2
    assert figures["unbalanced_quotes"] == 1 / 4
    assert figures_of("ann: one\nbob: two\nann: (")["unbalanced_brackets"] == 0


def test_same_speaker_twice_is_a_share_of_pairs():
    lines = [f"{name}: hello" for name in ("x", "ann", "ann", "bob", "ann", "x")]
    assert figures_of("\n".join(lines), prompt="")["same_speaker_twice"] == pytest.approx(1 / 3)
    assert figures_of(" hello")["same_speaker_twice"] is None


def test_repeated_lines_are_counted_within_each_scene():
    repeating = scene_of("ann: one\n\nbob: two\n\nann: one\n\nann: one\n\nann: one")
    other = scene_of("ann: one\n\nbob: one\n\ncut")
    assert repeated_lines([repeating, other]) == 2 / 6
    assert repeated_lines([scene_of("one")]) is None


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("ann: one.", False),
        ("ann: (one) two?", False),
        ('ann: "one!"', False),
        ("ann: one. (she waves.)", False),
        ("ann: one, two\n", False),
        ("ann: one.\n\n[setting: the pier]", False),
        ("ann: one\n\n(bob waves)", False),
        ("ann: one. two", True),
        ("ann: one,", True),
        ("ann: one.\n\nbob:", True),
        ("ann: one (waves)", True),
        ("ann: one.\n\n(bob", True),
        ("", False),
    ],
)
def test_scene_is_cut_inside_a_sentence(text, cut):
    assert is_cut(words_of(text)) is cut


def test_copied_8_grams_are_a_share_of_the_written_ones():
    copying = scene_of(" two three, four five six! seven eight nine ten", "one")
    assert copied_ngrams([copying], NUMBERS) == {"copied_8_grams": 1, "longest_copied_run": 9}
    half = scene_of("x two three four five six seven eight nine x")
    assert copied_ngrams([half], NUMBERS)["copied_8_grams"] == 1 / 3
    apart = [scene_of("one two three four five"), scene_of("six seven eight nine ten")]
    assert copied_ngrams(apart, NUMBERS) == {"copied_8_grams": None, "longest_copied_run": 5}


def test_distinct_n_and_line_length_of_a_repeating_scene():
    figures = figures_of("\n".join(["ann: one two"] * 400), prompt="")
    assert figures["distinct_1"] == 3 / 500
    assert figures["distinct_3"] == 3 / 498
    assert figures["words_per_line"] == 3


def test_opening_ends_with_the_first_speaker():
    rest = " hello" * 40
    assert opening(words_of("[setting: x]\n\n(he waves)\n\nman on phone:" + rest)) == 13
    assert opening(words_of("ann:" + rest)) == 1
    assert opening(words_of("hello" + rest)) == 0
    assert opening(words_of("hello " * 10 + "\nann:" + " hello" * 20)) == 0


def test_judge_perplexity_is_that_of_the_words_after_the_prompt(trained):
    network, vocabulary, _ = load_network(trained / "checkpoint.pt")
    made = [scene_of(" not now, ann.\n\nann: zork.", "bob:"), scene_of("ann: hello there.")]
    losses, unknown = [], 0
    for scene in made:
        ids = torch.tensor(vocabulary.encode(scene.text))
        primer = vocabulary.encode(vocabulary.primer)
        losses += token_losses(network, ids, primer)[scene.prompt :].tolist()
        unknown += ids[scene.prompt :].tolist().count(vocabulary.unknown_id)
    found = perplexity(made, network, vocabulary)
    assert found["perplexity"] == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-5)
    assert found["unknown_to_judge"] == unknown / len(losses) > 0
    assert perplexity([scene_of("", "ann:")], network, vocabulary)["perplexity"] is None


@pytest.fixture
def bench(monkeypatch):
    """Runs the command with small scenes."""

    def run(*arguments):
        sizes = ["--scenes", "6", "--words", "40"]
        monkeypatch.setattr("sys.argv", ["scenes", *sizes, *map(str, arguments)])
        scenes.main()

    return run


def test_table_has_all_rows_for_two_models_and_the_real_scenes(bench, bundle, tmp_path, capsys):
    path = tmp_path / "figures.json"
    models = bundle, bundle / "model.torchscript.pt"
    judge = bundle / "checkpoint.pt"
    bench(*models, "--names", "one", "two", "--judge", judge, "--json", path, "--show", "2")
    printed = capsys.readouterr().out
    assert "| | real scenes | one | two |" in printed
    for label, _ in scene_tables.ROWS.values():
        assert f"\n| {label} | " in printed
    report = json.loads(path.read_text())
    assert list(report["columns"]) == ["real scenes", "one", "two"]
    for figures in report["columns"].values():
        assert set(figures) == set(scene_tables.ROWS)
    assert report["columns"]["one"]["scenes"] == len(report["scenes"]["one"]) == 6
    assert report["columns"]["real scenes"]["scenes"] == report["held_out"]["scenes"] == 3
    assert report["columns"]["real scenes"]["lines"] > 0
    for name in ("one", "two"):
        for text in report["scenes"][name][:2]:
            assert text in printed
        assert report["scenes"][name][2] not in printed


def test_scenes_have_the_openings_of_real_scenes_and_fixed_seeds(bench, bundle, tmp_path):
    reports = []
    for number in range(2):
        path = tmp_path / f"{number}.json"
        bench(bundle, "--json", path, "--judge", tmp_path / "none.pt")
        reports.append(json.loads(path.read_text()))
    assert reports[0] == reports[1]
    written, prompts = reports[0]["scenes"]["the-cafe"], reports[0]["prompts"]
    assert prompts[:3] == prompts[3:]
    assert set(prompts) <= {"ann:", "bob:"}
    for text, prompt in zip(written, prompts, strict=True):
        assert text.startswith(prompt)
        assert len(words_of(text)) == 40
    assert len(set(written)) > 3


def test_scenes_are_those_of_the_int8_file_by_default(bench, bundle, tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    for name in ("model.int8.torchscript.pt", "model.torchscript.pt"):
        (folder / name).write_bytes(b"")
    with pytest.raises(UserError, match=r"int8\.torchscript\.pt cannot be read"):
        bench(folder)
    (folder / "model.int8.torchscript.pt").unlink()
    with pytest.raises(UserError, match=r"one/model\.torchscript\.pt cannot be read"):
        bench(folder)


def test_missing_judge_is_one_line_and_leaves_out_its_rows(bench, bundle, tmp_path, capsys):
    bench(bundle, "--judge", tmp_path / "none.pt")
    captured = capsys.readouterr()
    assert captured.err.count("the perplexity under a judge is left out") == 1
    assert "judge" not in captured.out


@pytest.mark.slow
def test_texts_of_the_flags_replace_those_of_the_manifest(bench, bundle, show, tmp_path, capsys):
    folder = tmp_path / "copy"
    folder.mkdir()
    shutil.copy(bundle / "model.torchscript.pt", folder)
    with pytest.raises(UserError, match="give --data"):
        bench(folder)
    bench(folder, "--data", show, "--valid", show, "--test", show)
    captured = capsys.readouterr()
    assert "of the test text" in captured.out
    assert "note:" not in captured.err
    bench(folder, bundle)
    assert "note: copy was trained on another text or split" in capsys.readouterr().err


@pytest.mark.slow
def test_section_of_the_document_is_replaced_and_nothing_else(bench, bundle, tmp_path, capsys):
    path = tmp_path / "scenes.md"
    path.write_text("# Scenes\n\nHow to.\n\n## The Cafe\n\nold\n\n## Other\n\nkept\n")
    bench(bundle, "--names", "after", "--show", "2", "--update", path, "--markdown")
    section = capsys.readouterr().out.rstrip("\n") + "\n"
    assert section.startswith("## The Cafe\n")
    assert section.count("```text") == 2
    text = f"# Scenes\n\nHow to.\n\n{section}\n## Other\n\nkept\n"
    assert path.read_text() == text
    bench(bundle, "--names", "after", "--show", "2", "--update", path)
    assert path.read_text() == text
    new = tmp_path / "new.md"
    scene_tables.update(new, "## A\n\none\n")
    scene_tables.update(new, "## B\n\ntwo")
    scene_tables.update(new, "## A\n\nthree\n\n")
    assert new.read_text() == "## A\n\nthree\n\n## B\n\ntwo\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere has no model.torchscript.pt"),
        (["a", "--scenes", "0"], "--scenes must be at least 1"),
        (["a", "--seed", str(2**31 - 5)], "--seed must leave a seed"),
        (["a", "b", "--names", "one"], "--names needs 2 different names"),
        (["a", "b", "--names", "one", "one"], "--names needs 2 different names"),
        (["a", "--names", "real scenes"], "--names needs 1 different names"),
    ],
)
def test_errors_of_the_command_line_are_one_line(bench, arguments, said):
    with pytest.raises(UserError, match=said) as error:
        bench(*arguments)
    assert "\n" not in str(error.value)


def test_models_in_folders_of_one_name_are_named_by_their_paths(tmp_path):
    paths = [tmp_path / "one" / "show", tmp_path / "two" / "show"]
    assert scenes.names_of(paths) == [str(path) for path in paths]
    assert scenes.names_of([paths[0], tmp_path / "other"]) == ["show", "other"]
