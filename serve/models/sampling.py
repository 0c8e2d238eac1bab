"""How the next word is drawn, in NumPy: the parts of docs/specification.md of these names."""

import numpy as np

from serve.scenes.scene import Scene

WINDOW = 64  # words back that the repetition penalty looks
HEAD = 128  # so many are sorted first, mostly enough


def seeded(seed: int) -> tuple[int, int]:
    """The random numbers' state for a seed from 0 to 2147483647."""
    random = 1 + seed % 2147483562, 1 + (seed * 69069 + 12345) % 2147483398
    for _ in range(8):  # neighbouring seeds begin alike
        _, random = uniform(random)
    return random


def uniform(random: tuple[int, int]) -> tuple[float, tuple[int, int]]:
    """A number in (0, 1) and the next state: L'Ecuyer's combined generator (CACM 31, 1988)."""
    one, two = 40014 * random[0] % 2147483563, 40692 * random[1] % 2147483399
    return ((one - two) % 2147483562 or 2147483562) / 2147483563, (one, two)


def apply_penalties(
    scores: np.ndarray, recent: np.ndarray, spared: np.ndarray, scene: Scene
) -> np.ndarray:
    """*Penalty* and *N-grams*: scores (words,), of which a part is changed in place.

    Args:
        recent: numbers of the words before, the newest last.
        spared: (vocabulary,) bool.
    """
    if scene.repetition_penalty != 1:
        words = _unspared(recent[-WINDOW:], spared, len(scores))
        found, penalty = scores[words], scene.repetition_penalty
        scores[words] = np.where(found > 0, found / penalty, found * penalty)
    size = scene.no_repeat_ngram_size
    if size and len(recent) >= size:
        runs = np.lib.stride_tricks.sliding_window_view(recent, size)
        again = runs[(runs[:, : size - 1] == recent[len(recent) - size + 1 :]).all(1), size - 1]
        scores[_unspared(again, spared, len(scores))] = -np.inf
    return scores


def _unspared(words: np.ndarray, spared: np.ndarray, count: int) -> np.ndarray:
    words = words[words < count]
    return words[~((words < len(spared)) & spared[np.minimum(words, len(spared) - 1)])]


def sample_token(
    scores: np.ndarray,
    temperature: float,
    top_p: float,
    u: float,
    top_k: int = 0,
    min_p: float = 0.0,
) -> int:
    """The number of the next word: *Choosing a word*, from 5 on; scores (words,) float64."""
    if temperature == 0:
        return int(scores.argmax())
    chances = np.exp((scores - scores.max()) / temperature)
    chances /= chances.sum()
    width = min(top_k or len(chances), len(chances))
    head = width if top_k else min(HEAD, width)
    while True:
        # All that equal the last one too: of equals the lower number goes first.
        least = np.partition(chances, len(chances) - head)[len(chances) - head]
        ids = np.flatnonzero(chances >= least)
        ids = ids[np.argsort(-chances[ids], kind="stable")][:width]
        values = chances[ids]
        enough = top_p < 1 and values.sum() >= top_p
        if enough or head >= width or values[-1] < min_p * values[0]:
            break
        head = min(8 * head, width)
    sums = values.cumsum()
    total = sums[-1] if top_k else 1.0
    kept = len(ids)
    if top_p < 1:
        kept = min(kept, int((sums < top_p * total).sum()) + 1)
    if min_p > 0:
        kept = min(kept, max(1, int((values >= min_p * values[0]).sum())))
    place = int((sums[:kept] <= u * sums[kept - 1]).sum())
    return int(ids[min(place, kept - 1)])
