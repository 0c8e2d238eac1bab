"""Sampling of the next word in NumPy, as docs/specification.md defines it.

The same algorithm as in the exported TorchScript file: the same seed gives the same words.
"""

import math

import numpy as np

from serve.scenes.scene import Scene

STRUCTURE_WINDOW = 256  # newest words that `apply_structure` looks at
LONGEST = {1: 40, 3: 10}  # words of a round and a square bracket, after which only its end follows
OPEN_ROUND, CLOSE_ROUND, OPEN_SQUARE, CLOSE_SQUARE, LINE_END, SPEAKER = 1, 2, 3, 4, 5, 6
EXCLUDED = (  # outside brackets, in round and in square ones
    (CLOSE_ROUND, CLOSE_SQUARE),
    (OPEN_ROUND, OPEN_SQUARE, CLOSE_SQUARE, LINE_END),
    (OPEN_ROUND, CLOSE_ROUND, OPEN_SQUARE, LINE_END),
)
PENALTY_WINDOW = 64  # most recent words that the repetition penalty covers
LEAST = 0.001  # only words of this probability are sorted, and less probable ones if necessary


def seeded(seed: int) -> tuple[int, int]:
    """The random number generator's state for a seed from 0 to 2147483647."""
    rng = 1 + seed % 2147483562, 1 + (seed * 69069 + 12345) % 2147483398
    for _ in range(8):  # the first numbers of neighbouring seeds are similar
        _, rng = uniform(rng)
    return rng


def uniform(rng: tuple[int, int]) -> tuple[float, tuple[int, int]]:
    """A number in (0, 1) and the next state, by L'Ecuyer's combined generator.

    P. L'Ecuyer, Efficient and portable combined random number generators, CACM 31(6), 1988.
    """
    one, two = 40014 * rng[0] % 2147483563, 40692 * rng[1] % 2147483399
    return ((one - two) % 2147483562 or 2147483562) / 2147483563, (one, two)


def apply_penalties(
    scores: np.ndarray, recent: np.ndarray, exempt: np.ndarray, scene: Scene
) -> np.ndarray:
    """Applies the repetition penalty and the no-repeat n-gram rule.

    The penalty is that of CTRL (Keskar et al., 2019, arXiv:1909.05858).

    Args:
        scores: (words,) of the vocabulary and the out-of-vocabulary words; changed in place.
        recent: (history,) ids of the preceding words, the newest last.
        exempt: (vocabulary,) bool, True for punctuation and speakers.

    Returns:
        `scores`.
    """
    if scene.repetition_penalty != 1:
        ids = _without_exempt(recent[-PENALTY_WINDOW:], exempt, len(scores))
        found, penalty = scores[ids], scene.repetition_penalty
        scores[ids] = np.where(found > 0, found / penalty, found * penalty)
    size = scene.no_repeat_ngram_size
    if size and len(recent) >= size:
        ngrams = np.lib.stride_tricks.sliding_window_view(recent, size)
        prefix = recent[len(recent) - size + 1 :]
        repeated = ngrams[(ngrams[:, : size - 1] == prefix).all(1), size - 1]
        scores[_without_exempt(repeated, exempt, len(scores))] = -np.inf
    return scores


def apply_structure(
    scores: np.ndarray,
    recent: np.ndarray,
    roles: list[int],
    excluded: list[np.ndarray],
    speaker_repeat: float,
) -> np.ndarray:
    """Keeps brackets balanced within a line, and a speaker from speaking twice running.

    Args:
        scores: (words,) of the vocabulary and the out-of-vocabulary words; changed in place.
        recent: (history,) ids of the preceding words, the newest last.
        roles: what each word of the vocabulary does in a script, by `word_roles`.
        excluded: words that each state of the brackets excludes, by `excluded_words`.
        speaker_repeat: the highest probability of the last speaker at the start of a line.

    Returns:
        `scores`.
    """
    size, window = len(roles), recent[-STRUCTURE_WINDOW:].tolist()
    state = 0
    for distance, word in enumerate(reversed(window), 1):
        role = roles[word] if word < size else 0
        if role in LONGEST:
            state = (1 if role == OPEN_ROUND else 2) + (2 if distance > LONGEST[role] else 0)
        if role == CLOSE_SQUARE and distance == 1 and len(excluded) > 5:
            state = 5  # a heading ends its line
        if OPEN_ROUND <= role <= LINE_END:
            break
    ids = excluded[state]
    before = scores[ids]
    scores[ids] = -np.inf
    if scores[:size].max() == -np.inf:
        scores[ids] = before
    within_line = window and (window[-1] >= size or roles[window[-1]] != LINE_END)
    if speaker_repeat >= 1 or within_line:
        return scores
    line = [roles[word] if word < size else 0 for word in window]
    for place in reversed(range(len(line))):
        if not (line[place - 1] == LINE_END if place else len(recent) <= STRUCTURE_WINDOW):
            continue
        if line[place] == SPEAKER:
            return _limit(scores, window[place], max(speaker_repeat, 1e-6))
        if line[place] not in (OPEN_ROUND, OPEN_SQUARE, LINE_END):
            break
    return scores


def _limit(scores: np.ndarray, word: int, rate: float) -> np.ndarray:
    """Limits the probability of a word to `rate`."""
    others = scores.copy()
    others[word] = -np.inf
    if (best := others.max()) > -np.inf:
        total = best + np.log(np.exp(others - best).sum())
        scores[word] = min(scores[word], total + math.log(rate / (1 - rate)))
    return scores


def word_roles(words: list[str], symbols: dict[str, str]) -> list[int]:
    """The role of each word of a vocabulary in the structure of a script."""
    roles = {symbols["("]: OPEN_ROUND, symbols[")"]: CLOSE_ROUND, symbols["\n"]: LINE_END}

    def role(word: str) -> int:
        if word.startswith("[") and not word.endswith("]"):
            return OPEN_SQUARE
        if word.endswith("]") and not word.startswith("["):
            return CLOSE_SQUARE
        if word.endswith(":") and word != ":" and not word.startswith("["):
            return SPEAKER
        return roles.get(word, 0)

    return [role(word) for word in words]


def excluded_words(roles: list[int], heading: list[int]) -> list[np.ndarray]:
    """Ids excluded outside brackets, in round and square ones, in such long ones, after headings.

    Args:
        heading: ids of the words of the show's headings; empty if it has none.
    """
    ends = [CLOSE_ROUND, CLOSE_SQUARE, *([LINE_END] if heading else [])]
    found = [*(np.isin(roles, each) for each in EXCLUDED), *(np.not_equal(roles, x) for x in ends)]
    if heading:
        found[2] |= ~np.isin(np.arange(len(roles)), heading)
    return [np.flatnonzero(each) for each in found]


def _without_exempt(ids: np.ndarray, exempt: np.ndarray, count: int) -> np.ndarray:
    ids = ids[ids < count]
    return ids[~((ids < len(exempt)) & exempt[np.minimum(ids, len(exempt) - 1)])]


def sample_token(
    scores: np.ndarray,
    temperature: float,
    top_p: float,
    u: float,
    top_k: int = 0,
    min_p: float = 0.0,
) -> int:
    """The id of the next word, sampled with temperature, top-k, top-p and min-p.

    Top-p is nucleus sampling (Holtzman et al., 2020, arXiv:1904.09751), min-p that of Nguyen et
    al. (2024, arXiv:2407.01082).

    Args:
        scores: (words,) float64 log-probabilities, not necessarily normalized.
        temperature: 0 takes the most likely word.
        u: a random number in (0, 1).
        top_k: 0 is off.
    """
    if temperature == 0:
        return int(scores.argmax())
    powers = scores - scores.max()
    powers /= temperature
    np.exp(powers, out=powers)
    total = powers.sum()
    count, least = min(top_k or len(powers), len(powers)), LEAST
    values, ids, sums = _ranked(powers, total, least)
    while len(ids) < count and least > 0:
        if len(ids) and not top_k:
            if (top_p < 1 and sums[-1] >= top_p) or (min_p > 0 and least <= min_p * values[0]):
                break
            if min_p == 0:
                # The sum of the kept words is known up to `least`: is the word the same for both?
                low, high = (top_p, top_p + least) if top_p < 1 else (1 - 1e-9, 1 + 1e-9)
                first, last = sums.searchsorted([u * low, u * high], "right")
                if first == last < len(ids):
                    return int(ids[first])
        least = least / 16 if least > 1e-9 else 0.0
        values, ids, sums = _ranked(powers, total, least)
    kept = min(count, len(ids))
    if top_p < 1:
        whole = sums[kept - 1] if top_k else 1.0
        kept = min(kept, int(sums.searchsorted(top_p * whole)) + 1)
    if min_p > 0:
        kept = min(kept, max(1, int((values >= min_p * values[0]).sum())))
    place = int(sums.searchsorted(u * sums[kept - 1], "right"))
    return int(ids[min(place, kept - 1)])


def _ranked(
    powers: np.ndarray, total: float, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities from `least` on, falling; their ids, of ties the lower first; their sums.

    Args:
        powers: the probabilities times `total`: only the few that are kept are divided.
    """
    ids = (powers >= least * total).nonzero()[0]
    values = powers[ids]
    values /= total
    order = (-values).argsort(kind="stable")
    values = values[order]
    return values, ids[order], values.cumsum()
