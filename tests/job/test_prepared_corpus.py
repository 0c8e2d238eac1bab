"""Training on a prepared corpus equals training on the same text, without loading it."""

import json
import pathlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.batches import stream_batches
from data.command_line import UserError
from data.corpus.build import prepare
from data.corpus.settings import Resources, Settings
from export.quality import held_out_streams
from job import state
from job.checkpoint import load_checkpoint, load_network, read_file, write_file
from job.config import Config
from job.options import parse
from job.report.__main__ import main
from job.report.build import ReportTexts
from job.train import Run
from tests.conftest import TINY


@pytest.fixture(scope="module")
def corpus(show, tmp_path_factory) -> pathlib.Path:
    """The small show, prepared."""
    folder = tmp_path_factory.mktemp("prepared") / "the_cafe"
    prepare([str(show)], folder, Settings(), Resources(block_bytes=500, shard_bytes=3000))
    return folder


def config_of(corpus, folder, *more) -> Config:
    return parse(["--data", str(corpus), "--out", str(folder), *TINY, *more])[0]


@pytest.fixture(scope="module")
def trained_on_it(corpus, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("run")
    run = Run(config_of(corpus, folder))
    assert isinstance(run.dataset.train_ids, np.memmap)
    run.train()
    return folder


def test_prepared_corpus_gives_the_weights_and_scores_of_the_text(trained, trained_on_it):
    text, prepared = (load_checkpoint(f / "checkpoint.pt") for f in (trained, trained_on_it))
    assert text.vocabulary == prepared.vocabulary
    assert all(torch.equal(text.model[name], prepared.model[name]) for name in text.model)
    for name in ("valid_loss", "train_loss_without_dropout", "unigram_loss"):
        assert text.scores[name] == prepared.scores[name]
    assert text.cache == prepared.cache
    assert text.speller.keys() == prepared.speller.keys()


def test_prepared_corpus_resumes_and_refuses_another_vocabulary(
    show, corpus, trained_on_it, tmp_path
):
    assert Run(config_of(corpus, trained_on_it)).step > 0
    other = tmp_path / "the_cafe"
    prepare([str(show)], other, Settings(vocab_size=12), Resources())
    (trained_on_it / "resume.pt").rename(tmp_path / "resume.pt")
    saved = read_file(tmp_path / "resume.pt", state.FORMAT)
    saved["config"]["data"] = str(other)
    write_file(tmp_path / "run" / "resume.pt", state.FORMAT, saved)
    (tmp_path / "resume.pt").rename(trained_on_it / "resume.pt")
    with pytest.raises(UserError, match="another text of the same name"):
        Run(config_of(other, tmp_path / "run"))


def test_prepared_corpus_in_export_and_report(show, corpus, trained_on_it, tmp_path, capsys):
    _, vocabulary, content = load_network(trained_on_it / "checkpoint.pt")
    config = Config(**content.config)
    of_text = Config(**{**content.config, "data": str(show)})
    ids = held_out_streams(config, vocabulary)
    assert torch.equal(ids, held_out_streams(of_text, vocabulary))
    texts = ReportTexts.read(config, vocabulary)
    assert texts.same
    assert texts.counts == ReportTexts.read(of_text, vocabulary).counts
    arguments = ["--checkpoint", str(trained_on_it / "checkpoint.pt"), "--words", "60"]
    main([*arguments, "--out", str(tmp_path), "--device", "cpu"])
    assert "copies are searched in a sample of it" in capsys.readouterr().err
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["texts"]["training_tokens"] == sum(texts.counts)
    assert "a sample of the training text" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("flag", ["--min-count", "--valid-fraction", "--valid"])
def test_prepared_corpus_fixed_settings_are_refused(corpus, tmp_path, flag):
    with pytest.raises(UserError, match=f"{flag} is fixed in .* python -m data prepare"):
        config_of(corpus, tmp_path, flag, "0.2" if flag == "--valid-fraction" else "3")


def test_prepared_corpus_refuses_a_test_fraction_and_takes_a_test_file(corpus, show, tmp_path):
    with pytest.raises(UserError, match="has no test part; give --test FILE"):
        config_of(corpus, tmp_path, "--test-fraction", "0.1")
    assert Run(config_of(corpus, tmp_path, "--test", str(show))).dataset.texts.test_text


def test_prepared_corpus_settings_become_those_of_the_run(show, tmp_path):
    prepare([str(show)], tmp_path / "x", Settings(3, 0, 0.1), Resources())
    config = config_of(tmp_path / "x", tmp_path / "run")
    assert (config.min_count, config.valid_fraction, config.show_name) == (3, 0.1, "X")


def test_prepared_corpus_excludes_windows(corpus, tmp_path):
    with pytest.raises(UserError, match="prepared corpus, with --objective stream"):
        Run(config_of(corpus, tmp_path, "--objective", "window"))


@settings(deadline=None)
@given(st.integers(8, 200), st.integers(1, 4), st.integers(1, 9), st.integers(0, 300))
def test_stream_batches_of_a_memory_map_equal_those_of_a_tensor(n_ids, batch_size, length, shift):
    ids = torch.arange(n_ids)
    turned = ids.roll(-shift)[: n_ids // batch_size * batch_size].view(batch_size, -1)
    kinds = (ids, ids.numpy().astype(np.uint16), ids.numpy().astype("<u4"))
    for batches in zip(*(stream_batches(k, batch_size, length, shift) for k in kinds), strict=True):
        for inputs, targets in batches:
            assert inputs.dtype == targets.dtype == torch.int64
            time = inputs.shape[1]
            assert torch.equal(inputs, turned[:, :time])
            assert torch.equal(targets, turned[:, 1 : time + 1])
        turned = turned[:, time:]
    assert turned.shape[1] == 1
