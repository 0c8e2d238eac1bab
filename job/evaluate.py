"""Losses of a network on held-out text, with or without its neural cache.

The cache is mixed in exactly as all writers do (`job.layers.cache`), its bound included: a score is
that of the distribution that scenes are sampled from.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from data import tokens
from data.spacing import Spacing
from data.vocab import Vocabulary
from job.layers.cache import NO_CACHE, CacheConfig, attention, mixed_log_probs
from job.layers.speller import Speller
from job.model import RNN

STREAMS = 16  # parts of a text that are read in parallel; each starts without a hidden state
CHUNK = 256  # time steps that are read at once, at most
MAX_SCORES = 1 << 24  # scores that are computed at once, at most: 64 MB in float32
BIT = math.log(2)  # nats


@dataclasses.dataclass(frozen=True)
class TokenizedText:
    """A text to score: its ids, and labels that distinguish its out-of-vocabulary (OOV) words."""

    text: str
    ids: Tensor  # (words,) int64; the unknown token's id for OOV words
    labels: Tensor  # (words,) int64; the same, but each distinct OOV word has a label of its own
    oov: tuple[str, ...]  # by label: that of the first is the vocabulary's size

    @classmethod
    def read(cls, text: str, vocabulary: Vocabulary, device: str) -> "TokenizedText":
        """Splits and encodes a text."""
        words = vocabulary.split(text)
        ids = vocabulary.numbers(words)
        numbers: dict[str, int] = {}
        labels = [
            len(vocabulary) + numbers.setdefault(word, len(numbers))
            if number == vocabulary.unknown_id
            else number
            for word, number in zip(words, ids, strict=True)
        ]
        on_device = (torch.tensor(values, device=device) for values in (ids, labels))
        return cls(text, *on_device, tuple(numbers))


def held_out_loss(
    network: RNN,
    ids: Tensor,
    primer: Sequence[int],
    streams: int = STREAMS,
    cache: CacheConfig = NO_CACHE,
    labels: Tensor | None = None,
) -> float:
    """Mean loss in nats per token, every token of `ids` counted once; see `token_losses`."""
    losses = token_losses(network, ids, primer, streams, cache, labels)
    return losses.double().mean().item()


def token_losses(
    network: RNN,
    ids: Tensor,
    primer: Sequence[int],
    streams: int = STREAMS,
    cache: CacheConfig = NO_CACHE,
    labels: Tensor | None = None,
    spelling: Tensor | None = None,
) -> Tensor:
    """Negative log-probability in nats of each token of a text.

    Without `spelling`, an OOV word is the event that any OOV word occurs: the unknown token, or one
    that the cache holds. With it, the word itself is scored: from the cache, or spelled.

    Args:
        network: in training or evaluation mode; scored in evaluation mode, left as it was.
        ids: (words,) int64 on the network's device.
        primer: ids read before the first word, so that the context is not empty; 1 or more.
        streams: parts that the text is cut into. More are faster, and give a slightly higher loss.
        cache: the neural cache that is mixed in; it holds words of the same stream.
        labels: (words,), see `TokenizedText`; `ids` if None, with which all OOV words are one word
            to the cache.
        spelling: (words,) nats that an OOV word's letters cost, 0 for other words.

    Returns:
        (words,) float32.
    """
    return losses_by_cache(network, ids, primer, [cache], streams, labels, spelling)[0]


@torch.inference_mode()
def losses_by_cache(
    network: RNN,
    ids: Tensor,
    primer: Sequence[int],
    caches: Sequence[CacheConfig],
    streams: int = STREAMS,
    labels: Tensor | None = None,
    spelling: Tensor | None = None,
) -> list[Tensor]:
    """`token_losses` with each of several caches; the network reads the text only once."""
    streams, length = layout(len(ids), streams)
    labels = _in_streams(ids if labels is None else labels, streams, length)
    nats = None if spelling is None else _in_streams(spelling, streams, length)
    vocabulary = network.fc.out_features
    oov = max(0, int(labels.max()) + 1 - vocabulary)
    unknown = _in_streams(ids, streams, length)[labels >= vocabulary]
    unknown_id = int(unknown[0]) if len(unknown) else 0
    losses: list[list[Tensor]] = [[] for _ in caches]
    keys: Tensor | None = None
    largest = max(cache.size for cache in caches)
    for start, scores, features, targets in read_text(network, ids, primer, streams, oov):
        end = start + targets.shape[1]
        spelled = None if nats is None else nats[:, start:end]
        keys = features[:, :0] if keys is None else keys[:, max(0, keys.shape[1] - largest) :]
        log_p = torch.log_softmax(scores.float(), 2)
        for number, cache in enumerate(caches):
            if cache:
                earlier = keys[:, max(0, keys.shape[1] - cache.size) :]
                found = mixed_log_probs(
                    log_p,
                    attention(features, earlier, cache),
                    labels[:, start - earlier.shape[1] : end],
                    (targets, labels[:, start:end]),
                    (unknown_id, oov),
                    spelled,
                    cache,
                )
            else:
                found = log_p.gather(2, targets[..., None])[..., 0]
                found = found if spelled is None else found - spelled
            losses[number].append(-found)
        keys = torch.cat([keys, features], dim=1)
    return [torch.cat(each, dim=1).flatten()[: len(ids)] for each in losses]


def read_text(
    network: RNN, ids: Tensor, primer: Sequence[int], streams: int = STREAMS, oov: int = 0
) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Reads a text in parallel streams, as `layout` cuts it, chunk by chunk.

    Args:
        network: see `token_losses`; so are `ids`, `primer` and `streams`.
        oov: further columns that the caller needs beside the scores: chunks become shorter.

    Yields:
        (the chunk's position in its stream, scores (streams, time, vocabulary), projected features
        (streams, time, features), targets (streams, time)). Targets after the text's end are 0.
    """
    streams, _ = layout(len(ids), streams)
    chunk = _chunk(network, streams, oov)
    vectors = network.word_vectors()
    for start, features, targets in _read_features(network, ids, primer, streams, chunk):
        yield start, network.scores(features, vectors), features, targets


def _chunk(network: RNN, streams: int, oov: int = 0) -> int:
    """Time steps that are read at once."""
    return max(1, min(CHUNK, MAX_SCORES // (streams * (network.fc.out_features + oov))))


def _read_features(
    network: RNN, ids: Tensor, primer: Sequence[int], streams: int, chunk: int
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """As `read_text`, without the scores, which take most of the time."""
    streams, length = layout(len(ids), streams)
    targets = _in_streams(ids, streams, length)
    # Each stream starts from the words before it, as many as the primer has: the first stream from
    # the primer itself.
    before = torch.cat([ids.new_tensor(primer), targets.flatten()])
    starts = length * torch.arange(streams, device=ids.device)[:, None]
    context = before[starts + torch.arange(len(primer), device=ids.device)]
    inputs = torch.cat([context[:, -1:], targets[:, :-1]], dim=1)
    was_training = network.training
    network.eval()
    hidden = network.init_hidden(streams)
    if len(primer) > 1:
        _, hidden = network.features(context[:, :-1], hidden)
    for start in range(0, length, chunk):
        part = slice(start, start + chunk)
        features, hidden = network.features(inputs[:, part], hidden)
        yield start, features, targets[:, part]
    network.train(was_training)


def layout(words: int, streams: int) -> tuple[int, int]:
    """(streams, words in each) that a text is cut into: fewer streams for a short text."""
    streams = max(1, min(streams, words // CHUNK))
    return streams, -(-words // streams)


def _in_streams(tensor: Tensor, streams: int, length: int) -> Tensor:
    return F.pad(tensor, (0, streams * length - len(tensor))).view(streams, length)


@torch.no_grad()
def features_at(
    network: RNN,
    ids: Tensor,
    primer: Sequence[int],
    places: Tensor,
    streams: int = STREAMS,
) -> Tensor:
    """The projected features that the words at some positions of a text are predicted from.

    Args:
        network: see `token_losses`; so are `ids` and `primer`.
        places: positions in the text (places,) int64.
        streams: see `token_losses`.

    Returns:
        (places, features) float32.
    """
    streams, length = layout(len(ids), streams)
    found: Tensor | None = None
    stream, offset = places // length, places % length
    chunk = max(1, min(CHUNK, MAX_SCORES // (streams * network.hidden_dim)))
    for start, features, _ in _read_features(network, ids, primer, streams, chunk):
        if found is None:
            found = features.new_zeros(len(places), features.shape[2])
        here = ((offset >= start) & (offset < start + features.shape[1])).nonzero()[:, 0]
        found[here] = features[stream[here], offset[here] - start]
    return found


def bits_per_character(
    network: RNN,
    vocabulary: Vocabulary,
    text: TokenizedText,
    cache: CacheConfig,
    speller: Speller,
    spacing: Spacing,
) -> dict[str, float]:
    """Bits per character of a text, every character included.

    A word in the vocabulary costs what the network and its cache give; an OOV word is in the
    cache, or costs the unknown token and its letters; spaces cost what `Spacing` gives. Case and
    typography are normalized before, as in training.

    Returns:
        bits_per_character and its three parts: bits_of_words, bits_of_letters, bits_of_spaces.
    """
    ids, labels = text.ids, text.labels
    primer = vocabulary.encode(vocabulary.primer)
    spelling = torch.zeros(len(ids), device=ids.device)
    places = (labels >= len(vocabulary)).nonzero()[:, 0]
    if len(places):
        words = [text.oov[label - len(vocabulary)] for label in labels[places].tolist()]
        features = features_at(network, ids, primer, places)
        with torch.inference_mode():
            letters = speller.encode(words).to(ids.device)
            spelling[places] = speller.losses(letters, features)
    normalized = tokens.normalize(text.text, vocabulary.normalization)
    score = {"cache": cache, "labels": labels}
    of_words = token_losses(network, ids, primer, **score).sum().item() / BIT
    whole = token_losses(network, ids, primer, **score, spelling=spelling).sum().item() / BIT
    of_spaces = spacing.bits(normalized)
    return {
        "bits_per_character": (whole + of_spaces) / len(normalized),
        "bits_of_words": of_words / len(normalized),
        "bits_of_letters": (whole - of_words) / len(normalized),
        "bits_of_spaces": of_spaces / len(normalized),
    }


def unigram_loss(counts: Sequence[int], valid_ids: Sequence[int]) -> float:
    """Loss in nats per token of a unigram model with add-one smoothing.

    Args:
        counts: how often each word of the vocabulary occurs in the training text, by id.
        valid_ids: the text to score.
    """
    total = sum(counts) + len(counts)
    return -sum(math.log((counts[word] + 1) / total) for word in valid_ids) / len(valid_ids)
