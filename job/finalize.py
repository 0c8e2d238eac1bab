"""After training: the best network learns to spell, gets a cache, and is scored in full."""

from typing import TYPE_CHECKING, Any

import torch

from data import tokens
from data.spacing import Spacing
from data.vocab import Vocabulary
from job import checkpoint
from job.engine.monitor import say
from job.evaluate import held_out_loss, token_losses
from job.layers.cache_config import NO_CACHE, CacheConfig
from job.layers.speller import Speller, features_at, fit_speller
from job.model import RNN

if TYPE_CHECKING:
    from job.train import Run

THETAS = (0.05, 0.07, 0.1, 0.14, 0.2, 0.3)
SHARES = (0.03, 0.05, 0.07, 0.1, 0.14, 0.2)
BIT = 0.6931471805599453  # nats


def finish(run: "Run") -> None:
    """Adds to checkpoint.pt all that the run's texts can still tell about its network."""
    path = run.folder / "checkpoint.pt"
    network, vocabulary, content = checkpoint.load_network(path)
    network = network.to(run.device)
    cache = NO_CACHE
    if run.config.cache_size:
        cache = fit_cache(network, run.valid_ids, run.primer, run.config.cache_size)
    speller = None
    if run.config.spell:
        say("learning to spell the rare words")
        words = vocabulary.split(run.texts.train_text)
        ids = torch.tensor(vocabulary.numbers(words), device=run.device)
        counts = dict(zip(vocabulary.words, run.texts.counts, strict=True))
        speller = fit_speller(network, ids, words, counts, run.primer, run.config.seed)
    scores = {
        "valid_loss_with_cache": held_out_loss(network, run.valid_ids, run.primer, cache=cache),
        "cache": {"size": cache.size, "theta": cache.theta, "weight": cache.weight},
    }
    if speller is not None:
        spacing = Spacing.learn(tokens.normalize(run.texts.train_text, vocabulary.normalization))
        text = run.texts.valid_text
        scores |= score_characters(network, speller, vocabulary, spacing, text, cache)
    content["scores"] |= scores
    content["speller"] = pack_speller(speller)
    content.pop("format"), content.pop("version")
    checkpoint.save(path, content)
    run.best.update(scores)


def fit_cache(network: RNN, ids: torch.Tensor, primer: list[int], size: int) -> CacheConfig:
    """The cache that helps most with a held-out text: two numbers, tried one after the other."""

    def loss(cache: CacheConfig) -> float:
        return held_out_loss(network, ids, primer, cache=cache)

    best = min((CacheConfig(size, theta, 0.1) for theta in THETAS), key=loss)
    best = min((CacheConfig(size, best.theta, share) for share in SHARES), key=loss)
    return best if loss(best) < loss(NO_CACHE) else NO_CACHE


def score_characters(
    network: RNN,
    speller: Speller,
    vocabulary: Vocabulary,
    spacing: Spacing,
    text: str,
    cache: CacheConfig,
) -> dict[str, Any]:
    """What a text costs with every character paid for.

    A word in the vocabulary costs what the network and its cache give; a word outside it costs
    the unknown word and its letters, or is remembered; the spaces cost what `Spacing` says. Case
    and typography are normalized away before, as everywhere.

    Returns:
        bits_per_character, and its parts: of words, of letters, of spaces.
    """
    device = network.embedding.weight.device
    words = vocabulary.split(text)
    numbers = vocabulary.numbers(words)
    ids = torch.tensor(numbers, device=device)
    primer = vocabulary.encode(vocabulary.primer)
    unknown = [place for place, number in enumerate(numbers) if number == vocabulary.unknown_id]
    names = {word: len(vocabulary) + n for n, word in enumerate(words[place] for place in unknown)}
    labels, spelling = ids.clone(), torch.zeros(len(ids), device=device)
    if unknown:
        places = torch.tensor(unknown, device=device)
        spelled = [words[place] for place in unknown]
        labels[places] = torch.tensor([names[word] for word in spelled], device=device)
        features = features_at(network, ids, primer, places)
        with torch.inference_mode():
            spelling[places] = speller.losses(speller.numbered(spelled).to(device), features)
    normalized = tokens.normalize(text, vocabulary.normalization)
    closed = token_losses(network, ids, primer, cache=cache).sum().item() / BIT
    whole = (
        token_losses(network, ids, primer, cache=cache, labels=labels, spelling=spelling)
        .sum()
        .item()
        / BIT
    )
    spaces = spacing.bits(normalized)
    return {
        "bits_per_character": (whole + spaces) / len(normalized),
        "bits_of_words": closed / len(normalized),
        "bits_of_letters": (whole - closed) / len(normalized),
        "bits_of_spaces": spaces / len(normalized),
    }


def pack_speller(speller: Speller | None) -> dict[str, Any]:
    """A speller as plain values and tensors; empty for none."""
    if speller is None:
        return {}
    return {"letters": speller.letters, "weights": speller.cpu().state_dict()}


def unpack_speller(packed: dict[str, Any]) -> Speller | None:
    """The opposite."""
    if not packed:
        return None
    weights = packed["weights"]
    features, hidden = weights["context.weight"].shape[1], weights["gru.weight_hh_l0"].shape[1]
    speller = Speller(packed["letters"], features, hidden)
    speller.load_state_dict(weights)
    return speller.eval()
