"""The neural cache in NumPy: recent words become more likely, as docs/specification.md defines it.

E. Grave, A. Joulin, N. Usunier: Improving Neural Language Models with a Continuous Cache, 2017,
arXiv:1612.04426. `job.layers.cache` is the same in PyTorch.
"""

from typing import Any

import numpy as np


def mix_cache(
    scores: np.ndarray,
    features: np.ndarray,
    keys: np.ndarray,
    recent: np.ndarray,
    cache: dict[str, Any],
    unknown_id: int,
    oov: int,
    unused: int | None = None,
) -> np.ndarray:
    """Mixes the cache's probabilities into the network's scores.

    With p the network's probability of a word and r the cache's, the result is
    weight * min(r, max_ratio * p), and the rest of the probability goes to p. All is computed in
    log space, so that a very small p is no zero.

    Args:
        scores: (vocabulary,) of the network.
        features: (features,) that the scores are computed from.
        keys: (cached words, features) from which each cached word was predicted, at least one.
        recent: (cached words,) their ids; out-of-vocabulary words have ids from `vocabulary` on.
        cache: theta (inverse temperature), weight and max_ratio.
        unknown_id: id of the unknown word, whose p each out-of-vocabulary word has.
        oov: number of out-of-vocabulary words.
        unused: index of a cached word that has no weight.

    Returns:
        (vocabulary + oov,) float64 scores with the same sum of exponentials as `scores`. An
        out-of-vocabulary word that the cache does not hold has -inf.
    """
    similarity = keys @ features
    similarity *= cache["theta"]
    if unused is not None:
        similarity[unused] = -np.inf
    similarity -= similarity.max()
    attention = np.exp(similarity, out=similarity).astype(np.float64)
    attention /= attention.sum()
    vocabulary = len(scores)
    # r at the place of each cached word; never 0, which would give 0 / 0 below.
    found = np.maximum(np.bincount(recent, attention, vocabulary + oov)[recent], 1e-300)
    # Each array of the vocabulary's size is used again: a step of the network has emptied the
    # processor's cache, and new memory costs more than the arithmetic.
    largest = scores.max()
    powers = scores - largest
    total = largest + np.log(np.exp(powers, out=powers).sum())
    own = scores[np.where(recent < vocabulary, recent, unknown_id) if oov else recent]
    own = own.astype(np.float64)
    p = np.exp(own - total)
    with np.errstate(over="ignore", divide="ignore"):  # of a very small p the ratio is infinite
        gain = np.minimum(found / p, cache["max_ratio"])
    gain *= cache["weight"]  # by which the probability of each cached word is multiplied
    rest = 1 - np.dot(attention / found, gain * p)
    mixed = np.full(vocabulary + oov, -np.inf) if oov else np.empty(vocabulary)
    np.add(scores, np.log(rest), out=mixed[:vocabulary], dtype=np.float64)
    mixed[recent] = own + np.log(
        gain + np.where(recent < vocabulary, rest, 0) if oov else gain + rest
    )
    return mixed
