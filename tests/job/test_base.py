"""Fine-tuning from a base network: vocabulary, weights, settings, refusals."""

import dataclasses
import json
import math
import pathlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.command_line import UserError
from data.corpus.build import prepare
from data.corpus.settings import Resources, Settings
from data.vocab import Vocabulary
from export.bundle import export
from export.verify_bundle import verify
from job.base import Base, extended_words, initialize, match_frequencies, neighbors
from job.checkpoint import NAME, load_checkpoint, load_network, save_checkpoint, save_int8
from job.layers import int8
from job.model import RNN
from job.options import FINE_TUNING, parse
from job.train import Run, Stopped
from tests.conftest import TINY

# The tiny settings less the sizes, which follow the base.
FLAGS = TINY[8:]
SPEECHES = ("Cid: hello there.", "Dee: (waving) spaceship, Cid!", "Cid: not now, Dee, vaccine.")


@pytest.fixture(scope="module")
def other_show(tmp_path_factory) -> pathlib.Path:
    """Another show than the one that the base is trained on."""
    path = tmp_path_factory.mktemp("other") / "the_bar.txt"
    path.write_text("\n\n".join(SPEECHES * 60) + "\n\nDee: hello, zyzzyva.\n", encoding="utf-8")
    return path


def config_of(show, folder, base, *more):
    flags = ["--data", str(show), "--out", str(folder), "--base", str(base), *FLAGS, *more]
    return parse(flags)[0]


def test_base_gives_the_sizes_and_fine_tuning_its_own_defaults(trained, other_show, tmp_path):
    flags = ["--data", str(other_show), "--out", str(tmp_path), "--base", str(trained)]
    config, _ = parse(flags)
    assert (config.embedding_dim, config.hidden_dim, config.n_layers) == (16, 24, 2)
    assert {name: getattr(config, name) for name in FINE_TUNING} == FINE_TUNING
    assert parse([*flags, "--learning-rate", "0.5", "--hidden-dim", "24"])[0].learning_rate == 0.5


@pytest.mark.parametrize(
    "flags", [("--hidden-dim", "25"), ("--cell", "gru"), ("--n-layers", "1"), ("--no-tie-weights",)]
)
def test_flag_that_contradicts_the_base_is_refused(trained, other_show, tmp_path, flags):
    with pytest.raises(UserError, match=rf"{flags[0].replace('no-', '')} .*the base .* has"):
        config_of(other_show, tmp_path, trained, *flags)


def test_base_and_course_windows_exclude_each_other(trained, other_show, tmp_path):
    with pytest.raises(UserError, match="trains from scratch: give --base none"):
        config_of(other_show, tmp_path, trained, "--objective", "window")


def test_base_starts_a_show_far_below_a_network_from_scratch(trained, show, tmp_path):
    ours, _ = parse(["--data", str(show), "--out", str(tmp_path / "a"), *TINY])
    scratch = Run(ours)
    fine_tuned = Run(config_of(show, tmp_path / "b", trained))
    batch = next(iter(scratch.batches()))
    same = next(iter(fine_tuned.batches()))
    loss = float(fine_tuned.train_step(*same))
    assert loss < 0.7 * float(scratch.train_step(*batch))


def test_base_words_are_understood_and_may_be_written(trained, other_show, tmp_path):
    run = Run(config_of(other_show, tmp_path, trained))
    base = load_network(trained / NAME)[1]
    words = run.vocabulary.words
    assert "spaceship" in words  # of the show
    assert "bob" in words  # of the base alone
    assert "bob:" in base.words
    assert "bob:" not in words  # no speaker of this show
    assert len(words) == len(set(words))
    assert run.dataset.texts.counts[words.index("bob")] == 0


def test_word_seen_once_joins_the_vocabulary_if_the_base_knows_it(trained, tmp_path):
    path = tmp_path / "show.txt"
    path.write_text("Dee: bob zyzzyva.\n\n" + "\n\n".join(SPEECHES * 60), encoding="utf-8")
    run = Run(config_of(path, tmp_path / "x", trained))
    assert run.dataset.texts.counts[run.vocabulary.words.index("bob")] == 1
    assert "zyzzyva" not in run.vocabulary.words


@given(st.integers(1, 12))
def test_extended_vocabulary_keeps_the_show_first_and_obeys_the_size(size):
    base = Vocabulary.build("a a a b b b c c d: d: e e <unk> x x\n", "Base", 1)
    own = ["b", "\n", "<unk>"]
    words = extended_words(own, base, size, ["b", "d:", "e"])
    assert words[:3] == own
    assert len(words) == min(max(3, size), len(words))
    assert len(set(words)) == len(words)
    if len(words) > 4:
        assert set(words[3:5]) == {"d:", "e"}  # seen in the show, so before the frequent "a"


def test_fine_tuning_starts_from_the_computation_of_the_base(trained):
    base = Base.load(str(trained))
    torch.manual_seed(5)
    size = len(base.vocabulary)
    network = RNN(size, size, 16, 24, 2, tie_weights=True)
    assert len(initialize(network, base.vocabulary, base)) == 0
    ids = torch.arange(12).view(2, 6)
    expected = base.network.all_scores(ids, base.network.init_hidden(2))[0]
    torch.testing.assert_close(network.eval().all_scores(ids, network.init_hidden(2))[0], expected)


def test_new_word_starts_at_the_words_spelled_most_like_it():
    known = ["kramer", "table", "kitchen", "kram", "||period||"]
    assert neighbors(["kramer:"], known)[0, 0] == 0
    assert neighbors(["tables"], known)[0, 0] == 1


def test_new_words_are_expected_as_often_as_the_show_has_them(trained):
    base = Base.load(str(trained))
    words = [*base.vocabulary.words, "zork", "quux", "zork:"]
    vocabulary = dataclasses.replace(base.vocabulary, words=words)
    network = RNN(len(words), len(words), 16, 24, 2, tie_weights=True)
    new = initialize(network, vocabulary, base)
    assert new.tolist() == [len(words) - 3, len(words) - 2, len(words) - 1]
    ids = torch.randint(len(words), [400], generator=torch.Generator().manual_seed(2)).tolist()
    counts = [50] * (len(words) - 3) + [2, 20, 20]
    before = network.fc.bias.clone()

    def expected():
        scores, _ = network.eval().all_scores(
            torch.tensor(ids).view(16, 25), network.init_hidden(16)
        )
        return scores.softmax(-1).mean((0, 1))[new[:2]]

    match_frequencies(network, words, new, ids, counts)
    torch.testing.assert_close(expected(), torch.tensor([2, 20]) / sum(counts), rtol=0.1, atol=0)
    kept = [place for place, word in enumerate(words) if word not in ("zork", "quux")]
    assert torch.equal(network.fc.bias[kept], before[kept])  # a new speaker's too


def test_resumed_fine_tuning_gives_the_same_weights(trained, other_show, tmp_path):
    def run(name):
        flags = ("--save-seconds", "0", "--epochs", "2")
        return Run(config_of(other_show, tmp_path / name, trained, *flags))

    whole = run("whole")
    whole.train()
    part = run("part")
    for number, batch in enumerate(part.batches()):
        part.train_step(*batch)
        if number == 2:
            part.requests.signal = 15
            break
    with pytest.raises(Stopped):
        part.train()
    resumed = run("part")
    assert resumed.step > 0
    resumed.train()
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name


def test_fine_tuned_model_is_exported_and_verified(trained, other_show, tmp_path):
    Run(config_of(other_show, tmp_path, trained, "--epochs", "2")).train()
    manifest = export(tmp_path / NAME)
    assert manifest["config"]["base"] == str(trained)
    assert list(verify(tmp_path))
    writer = torch.jit.load(str(tmp_path / "model.torchscript.pt"))
    assert "bob" not in writer.unknown_words("Cid: Bob spaceship")


def test_prepared_corpus_may_be_fine_tuned_on(trained, other_show, tmp_path):
    prepare([str(other_show)], tmp_path / "corpus", Settings(), Resources())
    run = Run(config_of(tmp_path / "corpus", tmp_path / "run", trained))
    assert len(run.vocabulary) == run.network.vocab_size > len(run.dataset.texts.counts) - 1
    assert math.isfinite(float(run.train_step(*next(iter(run.batches())))))


def test_base_in_int8_is_a_quarter_and_computes_nearly_the_same(trained, tmp_path):
    network, vocabulary, content = load_network(trained / NAME)
    save_int8(tmp_path / "small.pt", content)
    save_checkpoint(tmp_path / "large.pt", content)
    small = load_network(tmp_path / "small.pt")[0]
    for (name, one), other in zip(
        network.state_dict().items(), small.state_dict().values(), strict=True
    ):
        step = one.abs().amax(-1, keepdim=True) / 127
        assert bool(((one - other).abs() <= 0.51 * step + 1e-7).all()), name
    assert small.fc.weight is small.embedding.weight
    packed = int8.pack(content.model)
    again = int8.pack(int8.unpack(packed))
    assert torch.equal(again["embedding.weight"]["int8"], packed["embedding.weight"]["int8"])
    assert len(vocabulary) == small.vocab_size


def damaged(trained, tmp_path, change) -> pathlib.Path:
    """A base with one thing wrong."""
    content = torch.load(trained / NAME, weights_only=True)
    change(content)
    torch.save(content, tmp_path / "base.pt")
    return tmp_path / "base.pt"


def other_symbols(content):
    vocabulary = json.loads(content["vocabulary"])
    vocabulary["symbols"].pop("-")
    content["vocabulary"] = json.dumps(vocabulary)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(version=1), "has format version 1"),
        (lambda c: c.update(format="x"), "is not a file of the format"),
        (lambda c: c.pop("model"), "another version"),
        (lambda c: c["model"].pop("fc.bias"), r"fc\.bias do not fit the settings"),
        (lambda c: c["model"].update({"fc.bias": {"int8": 1}}), "incomplete or invalid"),
        (other_symbols, "symbols .* are not those of the tokenizer"),
    ],
)
def test_unusable_base_is_refused_and_no_run_is_touched(
    trained, other_show, tmp_path, change, message
):
    path = damaged(trained, tmp_path, change)
    out = tmp_path / "run"
    out.mkdir()
    (out / "metrics.jsonl").write_text("of an earlier run\n")
    with pytest.raises(UserError, match=message):
        Run(config_of(other_show, out, path, "--embedding-dim", "16", "--hidden-dim", "24"))
    assert [path.name for path in out.iterdir()] == ["metrics.jsonl"]
    assert (out / "metrics.jsonl").read_text() == "of an earlier run\n"


def test_missing_and_truncated_base_are_refused(trained, other_show, tmp_path):
    with pytest.raises(UserError, match=r"--base .*: there is no .*; give a checkpoint"):
        config_of(other_show, tmp_path, tmp_path / "nothing")
    content = (trained / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        config_of(other_show, tmp_path / "x", tmp_path)


def test_checkpoint_outlives_fields_that_are_added_later(trained, tmp_path):
    content = torch.load(trained / NAME, weights_only=True)
    del content["base"]
    torch.save(content, tmp_path / NAME)
    assert load_checkpoint(tmp_path / NAME).base == ""
    torch.save({**content, "surprise": 1}, tmp_path / NAME)
    with pytest.raises(UserError, match="of another version"):
        load_checkpoint(tmp_path / NAME)


def test_vocabulary_of_a_fine_tuned_checkpoint_is_its_networks(trained, other_show, tmp_path):
    run = Run(config_of(other_show, tmp_path, trained, "--vocab-size", "1"))
    assert len(run.vocabulary) == run.network.vocab_size
    assert dataclasses.asdict(run.config)["vocab_size"] == 1
