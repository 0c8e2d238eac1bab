"""The end of a run: train the speller, fit the cache, and score the best network.

The two numbers of the cache are chosen on the validation part, as is the best epoch. The test part
is scored once and used for no choice.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from data import tokens
from data.spacing import Spacing
from data.texts import TrainingText
from data.vocab import Vocabulary
from job.checkpoint import Checkpoint
from job.config import Config
from job.engine.monitor import say
from job.engine.optimizer import AdamW
from job.evaluate import (
    TokenizedText,
    bits_per_character,
    features_at,
    held_out_loss,
    losses_by_cache,
)
from job.layers.cache import NO_CACHE, CacheConfig
from job.layers.speller import Speller, pack_speller
from job.model import RNN

# Values that `fit_cache` tries.
THETAS = (0.05, 0.07, 0.1, 0.14, 0.2, 0.3)
WEIGHTS = (0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.4)

RARE = 4  # maximum count of the words that the speller is trained on
MIN_WORDS = 100  # with fewer rare words, no speller is trained
SPELLER_STREAMS = 128  # parts of the training text that are read in parallel for its features
# (words in a batch, peak learning rate of AdamW with cosine decay): large batches are faster, but
# a small script has too few words for enough steps.
SMALL_BATCH, LARGE_BATCH = (128, 2e-3), (512, 6e-3)
MANY_WORDS = 10_000
MAX_LETTERS = 40  # letters of a word that the speller is trained on


def finalize(
    checkpoint: Checkpoint,
    network: RNN,
    vocabulary: Vocabulary,
    texts: TrainingText,
    config: Config,
) -> Checkpoint:
    """The finished checkpoint: with cache, speller and all scores.

    Args:
        checkpoint: the best of the run.
        network: its network, on the device to compute on.
        vocabulary: its vocabulary.
        texts: the texts of the run.
        config: the settings of the run.
    """
    device = network.embedding.weight.device.type
    primer = vocabulary.encode(vocabulary.primer)
    valid = TokenizedText.read(texts.valid_text, vocabulary, device)
    cache = fit_cache(network, valid, primer, config.cache_size) if config.cache_size else NO_CACHE
    speller = None
    if config.spell:
        say("training the speller on the rare words")
        words = texts.train_words
        ids = torch.tensor(vocabulary.numbers(words), device=device)
        counts = dict(zip(vocabulary.words, texts.counts, strict=True))
        speller = fit_speller(network, ids, words, counts, primer, config.seed)
    spacing = Spacing.learn(tokens.normalize(texts.train_text, vocabulary.normalization))

    def scores_of(text: TokenizedText) -> dict[str, float]:
        with_cache = held_out_loss(network, text.ids, primer, cache=cache, labels=text.labels)
        scores = {"loss_with_cache": with_cache}
        if speller is not None:
            scores |= bits_per_character(network, vocabulary, text, cache, speller, spacing)
        return scores

    found = scores_of(valid)
    scores: dict[str, Any] = {"valid_loss_with_cache": found.pop("loss_with_cache"), **found}
    if texts.test_text:
        test = TokenizedText.read(texts.test_text, vocabulary, device)
        scores["test_loss"] = held_out_loss(network, test.ids, primer)
        scores["test_perplexity"] = math.exp(scores["test_loss"])
        scores |= {f"test_{name}": value for name, value in scores_of(test).items()}
    return dataclasses.replace(
        checkpoint,
        scores={**checkpoint.scores, **scores},
        cache=dataclasses.asdict(cache) if cache else {},
        speller=pack_speller(speller),
        finished=True,
    )


def fit_cache(network: RNN, text: TokenizedText, primer: Sequence[int], size: int) -> CacheConfig:
    """The cache with the lowest loss on a text: first theta, then weight; `NO_CACHE` if none helps.

    Args:
        network: the trained network.
        text: the validation part.
        primer: ids read before the text.
        size: words in the cache.
    """

    def best_of(caches: Sequence[CacheConfig]) -> CacheConfig:
        found = losses_by_cache(network, text.ids, primer, caches, labels=text.labels)
        losses = [each.double().mean().item() for each in found]
        return caches[losses.index(min(losses))]

    by_theta = best_of([CacheConfig(size, theta, 0.1) for theta in THETAS])
    return best_of([NO_CACHE, *(CacheConfig(size, by_theta.theta, weight) for weight in WEIGHTS)])


def fit_speller(
    network: RNN,
    ids: Tensor,
    words: Sequence[str],
    counts: Mapping[str, int],
    primer: Sequence[int],
    seed: int = 1,
    epochs: int = 10,
) -> Speller | None:
    """Trains a speller on the rare words of the training text; None if there are too few.

    Args:
        network: the trained network, which is not changed.
        ids: the training text, or a sample of it, (words,) on the network's device.
        words: the same text as words, out-of-vocabulary words included.
        counts: how often each word of the vocabulary occurs in the whole training text.
        primer: ids read before the text.
        seed: random seed of weights, order and dropout.
        epochs: passes over the rare words.
    """
    places = [place for place, word in enumerate(words) if counts.get(word, 0) <= RARE]
    if len(places) < MIN_WORDS:
        return None
    device = ids.device
    batch_size, learning_rate = LARGE_BATCH if len(places) >= MANY_WORDS else SMALL_BATCH
    at = torch.tensor(places, device=device)
    features = features_at(network, ids, primer, at, SPELLER_STREAMS)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        letters = sorted({letter for place in places for letter in words[place]})
        speller = Speller(letters, features.shape[1]).to(device)
        targets = speller.encode([words[place] for place in places], MAX_LETTERS)
        lengths, targets = (targets >= 0).sum(1), targets.to(device)
        steps = epochs * (len(places) // batch_size + 1)
        on_gpu = device.type == "cuda"
        optimizer = AdamW(
            speller.parameters(), lr=learning_rate, weight_decay=0.05, fused=on_gpu or None
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(epochs):
            for batch in torch.randperm(len(places)).tensor_split(steps // epochs):
                longest = int(lengths[batch].max())  # not the padding of longer words
                batch = batch.to(device)
                optimizer.zero_grad()
                loss = speller.losses(targets[batch, :longest], features[batch]).mean()
                loss.backward()
                nn.utils.clip_grad_norm_(speller.parameters(), 5.0)
                optimizer.step()
                schedule.step()
    return speller.eval()
