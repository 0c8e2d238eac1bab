"""Training on scripts in other formats: what is said, refused, stored and restored."""

import dataclasses

import pytest
import torch

from data.command_line import UserError
from data.show.read import read_show
from data.texts import held_out_text, texts_of
from job.__main__ import show_script
from job.checkpoint import load_checkpoint, load_network, save_checkpoint
from job.config import Config
from job.options import parse
from job.state import save_state
from job.train import Run
from tests.conftest import TINY


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "the_cafe.csv"
    rows = "".join(f"{n},Ann,Bob,you said number {n % 9}\n" for n in range(300))
    path.write_text("n,from person,to person,said\n" + rows)
    return path


COLUMNS = "character=to person,dialogue=said"


def test_columns_are_stored_with_the_run_and_used_by_its_texts(table, tmp_path):
    arguments = ["--data", str(table), "--out", str(tmp_path), "--columns", COLUMNS, *TINY]
    config, options = parse([*arguments, "--anyway"])
    assert (config.columns, config.format, options.anyway) == (COLUMNS, "", True)
    text = read_show(table, columns=COLUMNS)
    assert text.startswith("Bob: you said number 0\n\n")
    texts = texts_of(config)
    assert texts.train_text + texts.valid_text == text
    assert held_out_text(config) == texts.valid_text


def test_training_says_what_it_reads_and_stops_at_markup(show, tmp_path, capsys):
    show_script(Config(data=str(show)), anyway=False)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(
        f"{show}: plain text, `Name: speech`, UTF-8: 400 speeches of 2 speakers"
    )
    assert second.startswith("left out: nothing; if that is wrong: python -m data look")
    page = tmp_path / "page.txt"
    page.write_text("00:00:01,000 Ann: hello <i>there</i>\n" * 50)
    with pytest.raises(UserError, match=r"seems to hold .*--anyway"):
        show_script(Config(data=str(page), format="plain"), anyway=False)
    show_script(Config(data=str(page), format="plain"), anyway=True)


def test_checkpoint_and_state_without_the_newer_settings_are_read(trained, show, tmp_path):
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    config = {key: checkpoint.config[key] for key in checkpoint.config}
    for name in ("format", "columns"):
        del config[name]
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, dataclasses.replace(checkpoint, config=config))
    assert load_network(path)[2].config == checkpoint.config  # with their defaults
    arguments = ["--data", str(show), "--out", str(tmp_path / "run"), *TINY]
    run = Run(parse(arguments)[0])
    run.train_step(*next(run.batches()))
    (tmp_path / "run").mkdir()
    vocabulary = run.vocabulary.to_json()
    save_state(tmp_path / "run", run.state_dict(), run.config, vocabulary, run.group)
    path = tmp_path / "run" / "resume.pt"
    content = torch.load(path, weights_only=True)
    for name in ("format", "columns"):
        del content["config"][name]
    torch.save(content, path)
    assert Run(parse(arguments)[0]).step == 1


def test_prepared_corpus_takes_the_format_when_it_is_prepared(tmp_path, show):
    from data.corpus.build import prepare
    from data.corpus.settings import Resources, Settings

    prepare([str(show)], tmp_path / "x", Settings(), Resources())
    with pytest.raises(UserError, match=r"--format: .* is prepared"):
        parse(["--data", str(tmp_path / "x"), "--format", "plain", "--base", "none"])
