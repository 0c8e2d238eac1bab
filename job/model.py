"""The network: embedding, LSTM or GRU, fully-connected output layer. No files, no optimizer."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from job.layers import recurrence
from job.layers.bags import embed
from job.layers.loss import linear_cross_entropy
from job.layers.regularization import locked_dropout, weight_drop, word_dropout
from job.layers.subwords import Subwords

Hidden = Tensor | tuple[Tensor, Tensor]
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class RNN(nn.Module):
    """Scores the next word of a sequence.

    Args:
        vocab_size: number of input words.
        output_size: number of output words.
        embedding_dim: embedding size.
        hidden_dim: hidden units of each recurrent layer.
        n_layers: number of recurrent layers.
        dropout: dropout probability on the last layer's outputs.
        cell: "lstm" (Hochreiter and Schmidhuber, 1997) or "gru" (Cho et al., 2014).
        tie_weights: the output layer shares the embedding's matrix (Press and Wolf, "Using the
            Output Embedding to Improve Language Models", 2017), after a projection from hidden_dim
            to embedding_dim; needs output_size = vocab_size.
        dropout_between: dropout probability between recurrent layers; `dropout` if None.
        dropout_input: dropout probability on the embedded words.
        dropout_words: dropout probability of whole words (embedding dropout).
        weight_drop: dropout probability on the recurrent weights (DropConnect).
        subwords: vectors of character n-grams, added to the words' vectors while training.

    Raises:
        ValueError: for a size below 1, a probability outside [0, 1), an unknown cell, or tied
            weights with different vocabularies.
    """

    def __init__(
        self,
        vocab_size: int,
        output_size: int,
        embedding_dim: int,
        hidden_dim: int,
        n_layers: int,
        dropout: float = 0.5,
        *,
        cell: str = "lstm",
        tie_weights: bool = False,
        dropout_between: float | None = None,
        dropout_input: float = 0.0,
        dropout_words: float = 0.0,
        weight_drop: float = 0.0,
        subwords: Subwords | None = None,
    ):
        super().__init__()
        self.dropout = dropout
        self.dropout_between = dropout if dropout_between is None else dropout_between
        self.dropout_input = dropout_input
        self.dropout_words = dropout_words
        self.weight_drop = weight_drop
        sizes = (vocab_size, output_size, embedding_dim, hidden_dim, n_layers)
        if min(sizes) < 1:
            raise ValueError(f"every size of the network must be at least 1, not {sizes}")
        for name in ("dropout", "dropout_between", "dropout_input", "dropout_words", "weight_drop"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), not {getattr(self, name)}")
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, not {cell!r}")
        if tie_weights and vocab_size != output_size:
            raise ValueError(f"tied weights need {vocab_size=} and {output_size=} to be equal")
        self.vocab_size = vocab_size
        self.hidden_dim = hidden_dim
        self.n_layers = n_layers
        self.cell = cell
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        inputs = [embedding_dim] + [hidden_dim] * (n_layers - 1)
        self.layers = nn.ModuleList(
            CELLS[cell](size, hidden_dim, batch_first=True) for size in inputs
        )
        self.projection = nn.Linear(hidden_dim, embedding_dim) if tie_weights else nn.Identity()
        self.fc = nn.Linear(embedding_dim if tie_weights else hidden_dim, output_size)
        nn.init.zeros_(self.fc.bias)
        self.tied = tie_weights
        if tie_weights:
            self.fc.weight = self.embedding.weight
        self.subwords = subwords

    def forward(self, nn_input: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """Scores of the word after the sequence.

        Args:
            nn_input: ids (batch, time).
            hidden: state before the first word, of `init_hidden`'s shapes, on any device.

        Returns:
            (scores (batch, output_size), state after the last word).
        """
        vectors = self.word_vectors()
        features, hidden = self._features(nn_input, hidden, vectors)
        return self.scores(self.projection(features[:, -1]), vectors), hidden

    def all_scores(self, nn_input: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """As `forward`, with scores after every word: (batch, time, output_size)."""
        scores, _, hidden = self.read(nn_input, hidden)
        return scores, hidden

    def read(self, nn_input: Tensor, hidden: Hidden) -> tuple[Tensor, Tensor, Hidden]:
        """As `all_scores`, with the projected features that the scores are computed from.

        Returns:
            (scores (batch, time, output_size), features (batch, time, inputs of the output layer),
            hidden state).
        """
        vectors = self.word_vectors()
        features, hidden = self._features(nn_input, hidden, vectors)
        projected = self.projection(features)
        return self.scores(projected, vectors), projected, hidden

    def features(self, nn_input: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """As `read`, without the scores: (features, hidden state)."""
        features, hidden = self._features(nn_input, hidden, self.word_vectors())
        return self.projection(features), hidden

    def sequence_loss(
        self, nn_input: Tensor, targets: Tensor, hidden: Hidden
    ) -> tuple[Tensor, Hidden]:
        """Mean cross-entropy of `all_scores` against targets (batch, time), in nats.

        Faster than computing both separately; see `job.layers.loss`.

        Returns:
            (loss, a float32 scalar; hidden state).
        """
        vectors = self.word_vectors()
        features, hidden = self._features(nn_input, hidden, vectors)
        weight = vectors if self.tied else self.fc.weight
        dtype = self._dtype(nn_input.device.type)
        # By time first, as in memory: nothing is copied.
        rows = self.projection(features.transpose(0, 1).flatten(0, 1)).to(dtype)
        bias, targets = self.fc.bias.to(dtype), targets.t().flatten()
        return linear_cross_entropy(rows, weight.to(dtype), bias, targets), hidden

    def word_vectors(self) -> Tensor:
        """The vector of each word, its character n-grams added: (vocab_size, embedding_dim)."""
        weight = self.embedding.weight
        if self.subwords is None:
            return weight
        dtype = self._dtype(weight.device.type)
        return weight.to(dtype) + self.subwords(dtype)

    @torch.no_grad()
    def merged(self, temperature: float = 1.0) -> "RNN":
        """A copy for inference: subwords merged, scores divided by `temperature`."""
        plain = copy.deepcopy(self)
        plain.embedding.weight.copy_(self.word_vectors())
        plain.subwords = None
        layer = plain.projection if self.tied else plain.fc
        for tensor in {layer.weight, layer.bias, plain.fc.bias}:
            tensor.div_(temperature)
        for parameter in plain.parameters():
            parameter.grad = None
        return plain

    def init_hidden(self, batch_size: int) -> Hidden:
        """The initial state: zeros (n_layers, batch, hidden_dim); a pair of them for an LSTM."""
        weight = self.embedding.weight
        zeros = weight.new_zeros(self.n_layers, batch_size, self.hidden_dim)
        return (zeros, zeros.clone()) if self.cell == "lstm" else zeros

    def _dtype(self, device: str) -> torch.dtype:
        if torch.is_autocast_enabled(device):
            return torch.get_autocast_dtype(device)
        return self.embedding.weight.dtype

    def scores(self, projected: Tensor, vectors: Tensor) -> Tensor:
        """The scores (batch, time, output_size) of features; `vectors` are `word_vectors()`."""
        return F.linear(projected, vectors, self.fc.bias) if self.tied else self.fc(projected)

    def _features(self, nn_input: Tensor, hidden: Hidden, vectors: Tensor) -> tuple[Tensor, Hidden]:
        vectors = vectors.to(self._dtype(nn_input.device.type))
        # Time is the outer dimension in memory, as the recurrence needs it.
        x = embed(nn_input.t(), vectors).transpose(0, 1)
        x = word_dropout(x, nn_input, len(vectors), self.dropout_words, self.training)
        x = locked_dropout(x, self.dropout_input, self.training)
        states = hidden if isinstance(hidden, tuple) else (hidden,)
        after = []
        for number, layer in enumerate(self.layers):
            if number > 0:
                x = locked_dropout(x, self.dropout_between, self.training)
            before = [state[number : number + 1].to(x.device) for state in states]
            x, state = self.recur(layer, x, before)
            after.append(state)
        x = locked_dropout(x, self.dropout, self.training)
        joined = tuple(torch.cat(parts) for parts in zip(*after, strict=True))
        return x, joined if isinstance(hidden, tuple) else joined[0]

    def recur(
        self, layer: nn.RNNBase, x: Tensor, state: list[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One recurrent layer, by a functional call.

        cuDNN reads a module's own weights, not a dropped copy of them: weight drop would silently
        have no effect.
        """
        # Autocast would run cuDNN's recurrence in float16, which can overflow: cast by hand.
        device = x.device.type
        dtype = self._dtype(device)
        x, state = x.to(dtype), [tensor.to(dtype) for tensor in state]
        hidden_weight = layer.weight_hh_l0.to(dtype)
        weights = [
            layer.weight_ih_l0.to(dtype),
            weight_drop(hidden_weight, self.weight_drop, self.training),
            layer.bias_ih_l0,
            layer.bias_hh_l0,
        ]
        if (
            self.cell == "lstm"
            and self.training
            and recurrence.is_supported(x, self.hidden_dim, state)
        ):
            with torch.autocast(device, enabled=False):
                return recurrence.lstm(x, state, weights)
        weights = [weight.to(dtype) for weight in weights]
        if x.is_cuda:
            weights = in_one_buffer(weights)
        options = (True, 1, 0.0, self.training, False, True)  # biases, layers, ..., batch_first
        with torch.autocast(device, enabled=False):
            if self.cell == "lstm":
                x, h, c = torch.lstm(x, state, weights, *options)
                return x, (h, c)
            x, h = torch.gru(x, state[0], weights, *options)
            return x, (h,)


def in_one_buffer(weights: list[Tensor]) -> list[Tensor]:
    """The same weights as views of one buffer, as cuDNN needs them; else it copies and warns."""
    buffer = torch.cat([weight.reshape(-1) for weight in weights])
    parts = buffer.split([weight.numel() for weight in weights])
    return [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]
