"""The bench of fine-tuning: its rows are valid commands, its loss adds up."""

import pytest
import torch

from data.command_line import UserError
from data.vocab import Vocabulary
from job.evaluate import held_out_loss
from job.model import RNN
from job.options import parse
from tests.bench import fine_tuning
from tests.bench.fine_tuning import ROWS, closed_loss, measure
from tests.bench.runs import Texts
from tests.conftest import TINY

TEXT = "ann: hello there bob. bob: hello ann. rare words here.\n" * 3 + "once.\n"


@pytest.fixture
def network():
    torch.manual_seed(2)
    vocabulary = Vocabulary.build(TEXT, "Test", 1)
    size = len(vocabulary)
    return RNN(size, size, 8, 12, 1, tie_weights=True).eval(), vocabulary


def test_closed_loss_is_the_loss_if_the_vocabularies_are_equal(network):
    rnn, vocabulary = network
    ids = torch.tensor(vocabulary.encode(TEXT))
    expected = held_out_loss(rnn, ids, vocabulary.encode(vocabulary.primer))
    assert closed_loss(rnn, vocabulary, vocabulary, TEXT) == pytest.approx(expected, abs=1e-5)


def test_closed_loss_adds_the_probabilities_of_all_other_words(network):
    rnn, vocabulary = network
    own = Vocabulary.build("ann: bob:", "Test", 1)
    whole = closed_loss(rnn, vocabulary, vocabulary, TEXT)
    assert closed_loss(rnn, vocabulary, own, TEXT) < whole
    nothing = Vocabulary.build("", "Test", 1)
    assert closed_loss(rnn, vocabulary, nothing, TEXT) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_a_valid_command(trained, row):
    flags = [*ROWS[row]] if row == "no base" else ["--base", str(trained), *ROWS[row]]
    parse(flags)


@pytest.mark.slow
def test_a_row_is_measured(trained, show, tmp_path):
    texts = Texts(str(show), str(show), str(show))
    settings = ["--base", str(trained), *TINY[8:], "--epochs", "1", *texts.flags]
    found = measure(settings, texts, tmp_path)
    assert 0 < found["closed_loss"]["valid"] == found["closed_loss"]["test"] < 5
    assert fine_tuning.line({"row": "x", **found}).startswith("| x | ")


def test_unknown_row_is_refused(monkeypatch):
    monkeypatch.setattr("sys.argv", ["fine_tuning", "--rows", "what"])
    with pytest.raises(UserError, match="no row 'what'"):
        fine_tuning.main()
