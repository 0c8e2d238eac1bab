"""AWD-LSTM's regularization with Adam: a peer of the project's own recipe.

From Merity et al., "Regularizing and Optimizing LSTM Language Models" (2017), with their settings
for the Penn Treebank: three LSTM layers, embeddings of 400, the last layer as wide as the
embedding and the output tied to it; weight drop on the recurrent matrices; locked (variational)
dropout on embeddings, between layers and on the output; embedding dropout; activation and temporal
activation regularization (AR, TAR); sequences of random length with the learning rate scaled to
it; gradients clipped at 0.25; averaging of the weights from a non-monotonic trigger on.

Not theirs: Adam with a warm-up and a linear decay in place of SGD at a learning rate of 30, which
needs hundreds of epochs; 1152 units in place of 1150, for the GPU; a batch of 40; averaging that
starts at the latest after three quarters of the budget. Fine-tuning and the cache pointer are left
out.
"""

import itertools
import math
import random
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from job.model import in_one_buffer

DROPOUT, DROPOUT_BETWEEN, DROPOUT_INPUT, DROPOUT_WORDS, WEIGHT_DROP = 0.4, 0.25, 0.4, 0.1, 0.5
CLIP, DECAY, AR, TAR, BPTT = 0.25, 1.2e-6, 2.0, 1.0, 70
PATIENCE = 5  # evaluations without an improvement before averaging starts
LEARNING_RATE, LAST_LEARNING_RATE = 2e-3, 2e-4
WARMUP = 0.03  # of the budget
LATEST_AVERAGING = 0.75  # of the budget

STREAMS, CHUNK = 16, 256  # of evaluation
IGNORED = -100  # target of padding

State = list[tuple[Tensor, Tensor]]


class AwdLstm(nn.Module):
    """The network of the paper."""

    def __init__(self, vocab_size: int, embedding_dim: int = 400, hidden_dim: int = 1152):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        sizes = [embedding_dim, hidden_dim, hidden_dim, embedding_dim]
        self.layers = nn.ModuleList(
            nn.LSTM(inputs, outputs, batch_first=True)
            for inputs, outputs in itertools.pairwise(sizes)
        )

    def init_hidden(self, batch_size: int) -> State:
        """Zeros: for each layer (h, c) of shape (1, batch, units)."""
        zeros = [self.bias.new_zeros(1, batch_size, layer.hidden_size) for layer in self.layers]
        return [(state, state.clone()) for state in zeros]

    def forward(self, inputs: Tensor, hidden: State) -> tuple[Tensor, Tensor, Tensor, State]:
        """Scores of the word after each word of a sequence.

        Args:
            inputs: ids (batch, time).
            hidden: state before the first word.

        Returns:
            (scores (batch, time, vocabulary), last layer's outputs (batch, time, embedding_dim)
            with dropout, the same without, state after the last word).
        """
        vectors = self.embedding.weight
        if self.training:  # one mask per word of the vocabulary
            vectors = vectors * mask_like(vectors[:, :1], DROPOUT_WORDS)
        x = self.locked(F.embedding(inputs, vectors), DROPOUT_INPUT)
        after = []
        for number, (layer, state) in enumerate(zip(self.layers, hidden, strict=True)):
            raw, state = self.recur(layer, x, state)
            after.append(state)
            x = self.locked(raw, DROPOUT if number == len(self.layers) - 1 else DROPOUT_BETWEEN)
        return F.linear(x, self.embedding.weight, self.bias), x, raw, after

    def locked(self, x: Tensor, p: float) -> Tensor:
        """Dropout with one mask for all time steps; x is (batch, time, features)."""
        return x * mask_like(x[:, :1], p) if self.training else x

    def recur(
        self, layer: nn.LSTM, x: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One layer with DropConnect on its recurrent matrix."""
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        recurrent = F.dropout(layer.weight_hh_l0, WEIGHT_DROP, self.training)
        weights = [layer.weight_ih_l0, recurrent, layer.bias_ih_l0, layer.bias_hh_l0]
        weights = [weight.to(dtype) for weight in weights]
        if x.is_cuda:  # cuDNN wants the weights as views of one buffer
            weights = in_one_buffer(weights)
        state = [tensor.to(dtype) for tensor in state]
        with torch.autocast(device, enabled=False):
            # has_biases, layers, dropout, training, bidirectional, batch_first
            options = (True, 1, 0.0, self.training, False, True)
            x, h, c = torch.lstm(x.to(dtype), state, weights, *options)
        return x, (h, c)


def mask_like(x: Tensor, p: float) -> Tensor:
    """A mask of inverted dropout in the shape of `x`."""
    return torch.empty_like(x).bernoulli_(1 - p).div_(1 - p)


def train(
    train_ids: Tensor,
    valid_ids: Tensor,
    primer: list[int],
    vocab_size: int,
    *,
    seconds: float = math.inf,
    epochs: float = math.inf,
    test_ids: Tensor | None = None,
    batch_size: int = 40,
    seed: int = 1,
    embedding_dim: int = 400,
    hidden_dim: int = 1152,
) -> dict[str, Any]:
    """Trains until the budget of seconds or of epochs is used up, whichever is first.

    Args:
        train_ids, valid_ids, test_ids: ids (words,) int64 on the device to train on.
        primer: ids read before the first word of a held-out text.

    Returns:
        valid_loss of the best evaluation in nats per token, test_loss of the same weights (None
        without a test text), epochs, seconds, tokens_per_second, history of the valid losses.
    """
    torch.manual_seed(seed)
    source = random.Random(seed)
    device = train_ids.device
    network = AwdLstm(vocab_size, embedding_dim, hidden_dim).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.0, weight_decay=DECAY)
    length = len(train_ids) // batch_size
    streams = train_ids[: length * batch_size].view(batch_size, length)
    average: AveragedModel | None = None
    history: list[float] = []
    test_loss, words, used = None, 0, 0.0
    start = time.monotonic()
    while used < 1:
        hidden, place = network.init_hidden(batch_size), 0
        network.train()
        while place < length - 1 and used < 1:
            size = min(sequence_length(source), length - 1 - place)
            inputs = streams[:, place : place + size]
            targets = streams[:, place + 1 : place + size + 1]
            rate = LEARNING_RATE + (LAST_LEARNING_RATE - LEARNING_RATE) * used
            rate *= min(1.0, max(used, 1e-3) / WARMUP)
            for group in optimizer.param_groups:
                group["lr"] = rate * size / BPTT
            hidden = [(h.detach(), c.detach()) for h, c in hidden]
            loss, hidden = regularized_loss(network, inputs, targets, hidden)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            place, words = place + size, words + batch_size * size
            if average is not None:
                average.update_parameters(network)
            done = len(history) + place / (length - 1)
            used = max(done / epochs, (time.monotonic() - start) / seconds)
            if average is None and used >= LATEST_AVERAGING:
                average = AveragedModel(network)
        judged = network if average is None else average.module
        history.append(held_out_loss(judged, valid_ids, primer))
        if test_ids is not None and history[-1] == min(history):
            test_loss = held_out_loss(judged, test_ids, primer)
        stagnates = len(history) > PATIENCE and history[-1] > min(history[:-PATIENCE])
        if average is None and stagnates:
            average = AveragedModel(network)
    spent = time.monotonic() - start
    return {
        "valid_loss": min(history),
        "test_loss": test_loss,
        "epochs": words / (batch_size * (length - 1)),
        "seconds": spent,
        "tokens_per_second": words / spent,
        "history": history,
    }


@torch.no_grad()
def held_out_loss(network: AwdLstm, ids: Tensor, primer: list[int]) -> float:
    """Mean loss in nats per token, every token of `ids` counted once.

    As in `job.evaluate`, the text is read as up to 16 parallel streams that start without a hidden
    state; each stream's first word is predicted from the last word of the stream before it.
    """
    streams = max(1, min(STREAMS, len(ids) // CHUNK))
    length = -(-len(ids) // streams)
    padding = streams * length - len(ids)
    inputs = F.pad(torch.cat([ids.new_tensor(primer[-1:]), ids[:-1]]), (0, padding))
    targets = F.pad(ids, (0, padding), value=IGNORED)
    inputs, targets = inputs.view(streams, length), targets.view(streams, length)
    network.eval()
    hidden, total = network.init_hidden(streams), 0.0
    for x, y in zip(inputs.split(CHUNK, 1), targets.split(CHUNK, 1), strict=True):
        scores, _, _, hidden = network(x, hidden)
        losses = F.cross_entropy(
            scores.flatten(0, 1), y.flatten(), ignore_index=IGNORED, reduction="none"
        )
        total += losses.double().sum().item()
    return total / len(ids)


def sequence_length(source: random.Random) -> int:
    """A random length of backpropagation through time (section 4.1 of the paper)."""
    mean = BPTT if source.random() < 0.95 else BPTT / 2
    return max(5, round(source.gauss(mean, 5)))


def regularized_loss(
    network: AwdLstm, inputs: Tensor, targets: Tensor, hidden: State
) -> tuple[Tensor, State]:
    """Cross-entropy with AR and TAR (section 4.3), and the hidden state after the sequence."""
    device = inputs.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        scores, dropped, raw, hidden = network(inputs, hidden)
    loss = F.cross_entropy(scores.flatten(0, 1).float(), targets.flatten())
    loss = loss + AR * dropped.float().pow(2).mean()
    if inputs.shape[1] > 1:
        loss = loss + TAR * (raw[:, 1:] - raw[:, :-1]).float().pow(2).mean()
    return loss, hidden
