"""The sampling rule: how the next word is chosen, in Python and compiled by TorchScript.

docs/specification.md describes it for implementations in other languages. The order, in float64:
excluded words; repetition penalty (Keskar et al., 2019); temperature; top-k; top-p (Holtzman et
al., 2019) of what top-k leaves; min-p (Nguyen et al., 2024); then one uniform random number selects
from the remaining words, in order of decreasing probability.
"""

from typing import Dict, List, NamedTuple, Tuple

import torch
from torch import Tensor

WINDOW = 64  # newest words that the repetition penalty applies to


class Options(NamedTuple):
    """Options by Hugging Face's names. Temperature 0 is greedy; the others are off by default.

    `invent_words` is for writers with a speller: whether the unknown token may be sampled, for
    which the speller writes a word.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    invent_words: bool = False


def check(options: Options) -> None:
    """Raises `ValueError` for an option out of its range; the message names it."""
    if not (options.temperature >= 0.0 and options.temperature <= 100.0):
        raise ValueError(f"temperature must be from 0 to 100, not {options.temperature}")
    if options.top_k < 0:
        raise ValueError(f"top_k must be 0 (off) or above, not {options.top_k}")
    if not (options.top_p > 0.0 and options.top_p <= 1.0):
        raise ValueError(f"top_p must be above 0 and at most 1 (off), not {options.top_p}")
    if not (options.min_p >= 0.0 and options.min_p <= 1.0):
        raise ValueError(f"min_p must be from 0 (off) to 1, not {options.min_p}")
    if not (options.repetition_penalty >= 1.0 and options.repetition_penalty <= 100.0):
        raise ValueError(
            f"repetition_penalty must be from 1 (off) to 100, not {options.repetition_penalty}"
        )
    if options.no_repeat_ngram_size < 0 or options.no_repeat_ngram_size > 100:
        raise ValueError(
            f"no_repeat_ngram_size must be from 0 (off) to 100, not {options.no_repeat_ngram_size}"
        )


def seeded(seed: int) -> Tuple[int, int]:
    """The state of the random number generator for a seed from 0 to 2147483647."""
    if seed < 0 or seed > 2147483647:
        raise ValueError(f"seed must be from 0 to 2147483647, not {seed}")
    one = 1 + seed % 2147483562
    two = 1 + (seed * 69069 + 12345) % 2147483398
    for _ in range(8):  # neighbouring seeds start with similar numbers
        _, one, two = uniform(one, two)
    return one, two


def uniform(one: int, two: int) -> Tuple[float, int, int]:
    """A random number in (0, 1) and the next state: L'Ecuyer's combined generator (CACM 31, 1988).

    Plain integers, because a `torch.Generator` inside TorchScript becomes one constant that all
    threads share.
    """
    one = 40014 * one % 2147483563
    two = 40692 * two % 2147483399
    difference = one - two
    if difference < 1:
        difference += 2147483562
    return difference / 2147483563.0, one, two


def apply_penalties(
    scores: Tensor, recent: Tensor, exempt: Tensor, options: Options, window: int = WINDOW
) -> None:
    """Applies the repetition penalty and excludes repeated n-grams, in place.

    Words in `exempt` are exempt from both: punctuation, line ends and speakers' names repeat in
    every script.

    Args:
        scores: (vocabulary + OOV words,) float64.
        recent: ids written before, the newest last (words,).
        exempt: exempt words (vocabulary,) bool; see `exempt_words`.
        options: repetition_penalty and no_repeat_ngram_size are used.
        window: newest words that the repetition penalty applies to.
    """
    if options.repetition_penalty != 1.0:
        # An out-of-vocabulary word has a score only if the cache gives it one.
        words = recent[-window:]
        words = words[words < scores.size(0)]
        words = words[torch.logical_not(_is_exempt(words, exempt))]
        found = scores[words]
        penalty = options.repetition_penalty
        scores[words] = torch.where(found > 0, found / penalty, found * penalty)
    size = options.no_repeat_ngram_size
    if size > 0 and recent.size(0) >= size:
        runs = recent.unfold(0, size, 1)
        last = recent[recent.size(0) - size + 1 :]
        words = runs[(runs[:, : size - 1] == last).all(1), size - 1]
        words = words[words < scores.size(0)]
        words = words[torch.logical_not(_is_exempt(words, exempt))]
        scores[words] = -float("inf")


def exempt_words(words: List[str], symbols: Dict[str, str]) -> Tensor:
    """The words that `apply_penalties` exempts: punctuation, line ends, speakers' names.

    Args:
        words: the vocabulary by id.
        symbols: character -> name of the punctuation marks and line ends.

    Returns:
        (vocabulary,) bool.
    """
    names = list(symbols.values())
    return torch.tensor([word in names or word.endswith((":", "]")) for word in words])


def _is_exempt(words: Tensor, exempt: Tensor) -> Tensor:
    known = words < exempt.size(0)
    return torch.logical_and(known, exempt[words.clamp(max=exempt.size(0) - 1)])


def sample_token(scores: Tensor, options: Options, u: float, head: int = 128) -> int:
    """The id of the next word.

    Args:
        scores: (vocabulary,) of any floating dtype; minus infinity for excluded words.
        options: temperature, top_k, top_p and min_p are used.
        u: random number in [0, 1).
        head: number of words that are sorted first, usually enough. Sorting a whole vocabulary
            costs more than a step of the network.
    """
    if options.temperature == 0.0:
        return int(scores.argmax().item())
    scores = scores.to(torch.float64)
    # The best score is subtracted first: a tiny temperature must not give two infinities.
    probabilities = torch.softmax((scores - scores.max()) / options.temperature, 0)
    size = probabilities.size(0)
    width = size if options.top_k == 0 else min(options.top_k, size)
    if options.top_k > 0:
        head = width
    values, ids = torch.topk(probabilities, min(width, head))
    while values.size(0) < width:
        reached = float(values.sum().item()) >= options.top_p and options.top_p < 1.0
        below = float(values[-1].item()) < options.min_p * float(values[0].item())
        if reached or below:
            break
        head *= 8
        values, ids = torch.topk(probabilities, min(width, head))
    # Ties go to the lower id, which topk does not guarantee. Ties between OOV words are frequent:
    # the cache's bound gives them equal probabilities.
    if _has_ties(values, probabilities, options.top_k > 0):
        last = values[-1].clamp(min=1e-300)
        ids = (probabilities >= last).nonzero()[:, 0]
        values, order = torch.sort(probabilities[ids], stable=True, dim=0, descending=True)
        values, ids = values[:width], ids[order][:width]
    sums = values.cumsum(0)
    total = 1.0 if options.top_k == 0 else float(sums[-1].item())
    kept = values.size(0)
    if options.top_p < 1.0:
        kept = min(kept, int((sums < options.top_p * total).sum().item()) + 1)
    if options.min_p > 0.0:
        kept = min(kept, max(1, int((values >= options.min_p * values[0]).sum().item())))
    place = int((sums[:kept] <= u * sums[kept - 1]).sum().item())
    return int(ids[min(place, kept - 1)].item())


def _has_ties(values: Tensor, probabilities: Tensor, cut: bool) -> bool:
    """Whether there are ties among sorted values or, if they are cut off, with values outside."""
    equal = torch.logical_and(values[1:] == values[:-1], values[1:] > 0)
    if bool(equal.any().item()):
        return True
    if not cut or float(values[-1].item()) == 0.0:
        return False
    return int((probabilities >= values[-1]).sum().item()) > values.size(0)
