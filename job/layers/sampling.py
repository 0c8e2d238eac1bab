"""How the next word is drawn: one specification, the same in Python and in TorchScript.

docs/specification.md tells it in full, for whoever writes it again in another language. In this
order, in float64: words are ruled out; the repetition penalty (Keskar et al., 2019); the
temperature; top-k; top-p (Holtzman et al., 2019) of what top-k left; min-p (Nguyen et al., 2024);
then one uniform number picks from what is left, likeliest first.
"""

from typing import NamedTuple, Tuple

import torch
from torch import Tensor

WINDOW = 64  # words back that the repetition penalty looks


class Options(NamedTuple):
    """Hugging Face's names; temperature 0 is greedy; each of the others is off at its default."""

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0


def check(options: Options) -> None:
    """Raises for an option out of its range; the message names it."""
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
    """The state of the random numbers for a seed from 0 to 2147483647."""
    if seed < 0 or seed > 2147483647:
        raise ValueError(f"seed must be from 0 to 2147483647, not {seed}")
    one = 1 + seed % 2147483562
    two = 1 + (seed * 69069 + 12345) % 2147483398
    for _ in range(8):  # neighbouring seeds begin alike
        _, one, two = uniform(one, two)
    return one, two


def uniform(one: int, two: int) -> Tuple[float, int, int]:
    """A number in (0, 1) and the next state: L'Ecuyer's combined generator (CACM 31, 1988).

    Plain integers, because a `torch.Generator` inside TorchScript becomes one shared constant:
    two threads that write at once would disturb each other.
    """
    one = 40014 * one % 2147483563
    two = 40692 * two % 2147483399
    difference = one - two
    if difference < 1:
        difference += 2147483562
    return difference / 2147483563.0, one, two


def apply_penalties(
    scores: Tensor, recent: Tensor, spared: Tensor, options: Options, window: int = WINDOW
) -> None:
    """Rules out words that would repeat, and makes less likely those just written; in place.

    Punctuation, new lines and names of speakers are spared from both: a script repeats them always.

    Args:
        scores: (vocabulary + words oov,) float64.
        recent: ids written before, the newest last (words,).
        spared: (vocabulary,) bool.
        window: words back that the penalty looks.
    """
    if options.repetition_penalty != 1.0:
        # A word outside the vocabulary has a score only where the memory gave it one.
        words = recent[-window:]
        words = words[words < scores.size(0)]
        words = words[torch.logical_not(_is_spared(words, spared))]
        found = scores[words]
        penalty = options.repetition_penalty
        scores[words] = torch.where(found > 0, found / penalty, found * penalty)
    size = options.no_repeat_ngram_size
    if size > 0 and recent.size(0) >= size:
        runs = recent.unfold(0, size, 1)
        last = recent[recent.size(0) - size + 1 :]
        words = runs[(runs[:, : size - 1] == last).all(1), size - 1]
        words = words[words < scores.size(0)]
        words = words[torch.logical_not(_is_spared(words, spared))]
        scores[words] = -float("inf")


def _is_spared(words: Tensor, spared: Tensor) -> Tensor:
    known = words < spared.size(0)
    return torch.logical_and(known, spared[words.clamp(max=spared.size(0) - 1)])


def sample_token(scores: Tensor, options: Options, u: float, head: int = 128) -> int:
    """The id of the next word.

    Args:
        scores: (vocabulary,) of any floating type; what is ruled out is minus infinity.
        options: of these, temperature, top_k, top_p and min_p.
        u: number in [0, 1) that decides.
        head: so many are sorted first, mostly enough: sorting a whole vocabulary costs more than a
            step of the network.
    """
    if options.temperature == 0.0:
        return int(scores.argmax().item())
    scores = scores.to(torch.float64)
    # The best score becomes 0 first: a tiny temperature must not make two infinities.
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
    # Of equals the lower id goes first, which topk leaves open. Words met are often equals: the
    # memory's bound makes them so.
    if _has_equals(values, probabilities, options.top_k > 0):
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


def _has_equals(values: Tensor, probabilities: Tensor, cut: bool) -> bool:
    """Whether sorted values have equals among them or, where they are cut, outside."""
    equal = torch.logical_and(values[1:] == values[:-1], values[1:] > 0)
    if bool(equal.any().item()):
        return True
    if not cut or float(values[-1].item()) == 0.0:
        return False
    return int((probabilities >= values[-1]).sum().item()) > values.size(0)
