"""How the next word is drawn: one specification, the same in Python and in TorchScript.

In this order, in float64: the unknown word is ruled out, unless it can be spelled; the repetition
penalty (Keskar et al., 2019); the temperature; top-k; top-p (Holtzman et al., 2019) of what top-k
left; min-p (Nguyen et al., 2024); then one uniform number picks from what is left, likeliest first.
"""

from typing import List, Tuple

import torch
from torch import Tensor


def check(
    temperature: float, top_k: int, top_p: float, min_p: float, repetition_penalty: float
) -> None:
    """Raises for an option out of its range; the message names it."""
    if not (temperature >= 0.0 and temperature <= 100.0):
        raise ValueError(f"temperature must be from 0 to 100, not {temperature}")
    if top_k < 0:
        raise ValueError(f"top_k must be 0 (off) or above, not {top_k}")
    if not (top_p > 0.0 and top_p <= 1.0):
        raise ValueError(f"top_p must be above 0 and at most 1 (off), not {top_p}")
    if not (min_p >= 0.0 and min_p <= 1.0):
        raise ValueError(f"min_p must be from 0 (off) to 1, not {min_p}")
    if not (repetition_penalty >= 1.0 and repetition_penalty <= 100.0):
        raise ValueError(
            f"repetition_penalty must be from 1 (off) to 100, not {repetition_penalty}"
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


def choose(
    scores: Tensor,
    unknown_id: int,
    penalised: List[int],
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    repetition_penalty: float,
    u: float,
    head: int = 512,
) -> int:
    """The id of the next word.

    Args:
        scores: (vocabulary,) of any floating type.
        unknown_id: the one that is never chosen; -1 for none.
        penalised: ids that the repetition penalty makes less likely, each once.
        u: number in [0, 1) that decides.
        head: so many are sorted first, nearly always enough: sorting a whole vocabulary costs more
            than a step of the network.
    """
    scores = scores.to(torch.float64, copy=True)
    if unknown_id >= 0:
        scores[unknown_id] = -float("inf")
    if repetition_penalty != 1.0:
        for number in penalised:
            score = float(scores[number].item())
            penalty = 1.0 / repetition_penalty if score > 0 else repetition_penalty
            scores[number] = score * penalty
    if temperature == 0.0:
        return int(scores.argmax().item())
    # The best score becomes 0 first: a tiny temperature must not make two infinities.
    probabilities = torch.softmax((scores - scores.max()) / temperature, 0)
    size = probabilities.size(0)
    width = size if top_k == 0 else min(top_k, size)
    values, ids = torch.topk(probabilities, min(width, head))
    if width > head:
        reached = top_k == 0 and float(values.sum().item()) >= top_p and top_p < 1.0
        below = float(values[-1].item()) < min_p * float(values[0].item())
        if not reached and not below:
            values, ids = torch.topk(probabilities, width)
    sums = values.cumsum(0)
    total = 1.0 if top_k == 0 else float(sums[-1].item())
    kept = values.size(0)
    if top_p < 1.0:
        kept = min(kept, int((sums < top_p * total).sum().item()) + 1)
    if min_p > 0.0:
        kept = min(kept, max(1, int((values >= min_p * values[0]).sum().item())))
    place = int((sums[:kept] <= u * sums[kept - 1]).sum().item())
    return int(ids[min(place, kept - 1)].item())
