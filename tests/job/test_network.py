"""RNN and forward_back_prop, called as the tests of the Udacity course call them."""

from unittest.mock import MagicMock

import pytest
import torch
from torch import nn

from job.model import RNN
from job.train import forward_back_prop

VOCAB, SIZE, BATCH, LENGTH = 20, 8, 5, 3


@pytest.fixture(params=["lstm", "gru"])
def rnn(request):
    torch.manual_seed(0)
    return RNN(VOCAB, VOCAB, SIZE, SIZE, 2, cell=request.param)


def test_rnn_has_the_shapes_of_the_course(rnn):
    hidden = rnn.init_hidden(BATCH)
    scores, after = rnn(torch.randint(VOCAB, (BATCH, LENGTH)), hidden)
    assert scores.shape == (BATCH, VOCAB)
    for before, now in zip(tuple(hidden), tuple(after), strict=True):
        assert before.shape == now.shape
    assert any(isinstance(module, nn.Linear) for module in rnn.modules())


def test_rnn_output_size_may_differ_from_the_vocabulary():
    rnn = RNN(VOCAB, 7, SIZE, SIZE, 1, dropout=0.2)
    scores, _ = rnn(torch.randint(VOCAB, (BATCH, LENGTH)), rnn.init_hidden(BATCH))
    assert scores.shape == (BATCH, 7)


def test_forward_back_prop_updates_weights_and_returns_a_float(rnn):
    hidden = rnn.init_hidden(BATCH)  # before the network is moved to the GPU, as in the course
    if torch.cuda.is_available():
        rnn.cuda()
    before = rnn.fc.weight.detach().clone()
    optimizer = torch.optim.Adam(rnn.parameters(), lr=0.01)
    wrapped = MagicMock(wraps=rnn)
    wrapped.parameters = rnn.parameters
    inp, target = torch.randint(VOCAB, (BATCH, LENGTH)), torch.randint(VOCAB, (BATCH,))
    criterion = MagicMock(wraps=nn.CrossEntropyLoss())
    loss, hidden = forward_back_prop(wrapped, optimizer, criterion, inp, target, hidden)
    assert type(loss) is float
    assert criterion.called
    assert not torch.equal(before, rnn.fc.weight)
    assert not any(state.requires_grad for state in tuple(hidden))
    for _ in range(20):
        last, hidden = forward_back_prop(rnn, optimizer, criterion, inp, target, hidden)
    assert last < loss


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_rnn_hidden_state_continues_a_sequence(cell):
    rnn = RNN(VOCAB, VOCAB, SIZE, SIZE, 3, cell=cell, tie_weights=True).eval()
    tokens = torch.randint(VOCAB, (2, 9))
    whole, _ = rnn.all_scores(tokens, rnn.init_hidden(2))
    first, hidden = rnn.all_scores(tokens[:, :4], rnn.init_hidden(2))
    second, hidden = rnn.all_scores(tokens[:, 4:], hidden)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(rnn(tokens, rnn.init_hidden(2))[0], whole[:, -1])


@pytest.mark.parametrize("name", ["dropout_input", "dropout_words", "weight_drop"])
def test_dropout_acts_in_training_mode_only(name):
    rnn = RNN(VOCAB, VOCAB, SIZE, SIZE, 1, 0.0, **{name: 0.6})
    tokens, hidden = torch.randint(VOCAB, (4, 9)), rnn.init_hidden(4)
    one, two = (rnn.all_scores(tokens, hidden)[0] for _ in range(2))
    assert not torch.equal(one, two)
    rnn.eval()
    one, two = (rnn.all_scores(tokens, hidden)[0] for _ in range(2))
    assert torch.equal(one, two)


def test_rnn_names_invalid_sizes():
    with pytest.raises(ValueError, match="dropout must be in"):
        RNN(VOCAB, VOCAB, SIZE, SIZE, 1, dropout=1.0)
    with pytest.raises(ValueError, match="tied weights need"):
        RNN(VOCAB, 7, SIZE, SIZE, 1, tie_weights=True)
