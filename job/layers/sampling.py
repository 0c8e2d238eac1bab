"""The sampling rule: how the next word is chosen, in Python and compiled by TorchScript.

docs/specification.md describes it for implementations in other languages. The order, in float64:
excluded words; repetition penalty (Keskar et al., 2019); temperature; top-k; top-p (Holtzman et
al., 2019) of what top-k leaves; min-p (Nguyen et al., 2024); then one uniform random number selects
from the remaining words, in order of decreasing probability.
"""

import math
from typing import Dict, List, NamedTuple, Tuple

import torch
from torch import Tensor

STRUCTURE_WINDOW = 256  # newest words that `apply_structure` looks at
LONGEST_BRACKET = 40  # words of a round one; directions are shorter
LONGEST_HEADING = 10  # words of a square one
OPEN_ROUND, CLOSE_ROUND, OPEN_SQUARE, CLOSE_SQUARE, LINE_END, SPEAKER = 1, 2, 3, 4, 5, 6
EXCLUDED = (
    (CLOSE_ROUND, CLOSE_SQUARE),
    (OPEN_ROUND, OPEN_SQUARE, CLOSE_SQUARE, LINE_END),
    (OPEN_ROUND, CLOSE_ROUND, OPEN_SQUARE, LINE_END),
)
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


def apply_structure(
    scores: Tensor,
    recent: Tensor,
    roles: Tensor,
    excluded: Tensor,
    speaker_repeat: float,
    size_of_window: int = STRUCTURE_WINDOW,
    longest: int = LONGEST_BRACKET,
    longest_heading: int = LONGEST_HEADING,
) -> None:
    """Keeps brackets balanced within a line, and a speaker from speaking twice running, in place.

    An open bracket must be closed before the line ends, and none can be closed that is not open.
    At the start of a line, the probability of the last speaker is at most the show's own rate.

    Args:
        scores: (vocabulary + OOV words,) float64; what is excluded already is minus infinity.
        recent: ids written before, the newest last (words,); only the newest are used.
        roles: what each word of the vocabulary does, (vocabulary,) int64; see `word_roles`.
        excluded: words that the state of the brackets excludes (5, vocabulary) bool; see
            `excluded_words`.
        speaker_repeat: the highest probability of the last speaker; 1 for no limit.
        size_of_window: newest words that are used.
        longest: words of a round bracket, after which only its end may follow.
        longest_heading: the same of a square one.
    """
    # TorchScript has no global numbers: these are OPEN_ROUND and so on.
    open_round, open_square, close_square, line_end, speaks = 1, 3, 4, 5, 6
    size = roles.size(0)
    window = recent[-size_of_window:]
    found = torch.where(window < size, roles[window.clamp(max=size - 1)], 0)
    line: List[int] = found.tolist()
    open_bracket = 0
    place = len(line) - 1
    while place >= 0 and line[place] != line_end:
        if line[place] >= open_round and line[place] <= close_square:
            if line[place] == open_round:
                open_bracket = 1
            if line[place] == open_square:
                open_bracket = 2
            limit = longest if open_bracket == 1 else longest_heading
            if open_bracket > 0 and len(line) - place > limit:
                open_bracket += 2  # only its end may follow
            break
        place -= 1
    kept = scores[:size].masked_fill(excluded[open_bracket], -float("inf"))
    if float(kept.max()) > -float("inf"):
        scores[:size] = kept
    if speaker_repeat >= 1.0 or (len(line) > 0 and line[-1] != line_end):
        return
    speaker = -1
    place = len(line) - 1
    while place >= 0 and speaker < 0:
        starts = line[place - 1] == line_end if place > 0 else recent.size(0) <= size_of_window
        if starts and line[place] == speaks:
            speaker = int(window[place])
        elif starts and line[place] not in [open_round, open_square, line_end]:
            break
        place -= 1
    if speaker >= 0:
        others = scores.clone()
        others[speaker] = -float("inf")
        total = float(torch.logsumexp(others, 0))
        rate = max(speaker_repeat, 1e-6)
        if total > -float("inf"):
            highest = total + math.log(rate / (1.0 - rate))
            scores[speaker] = torch.clamp(scores[speaker], max=highest)


def word_roles(words: List[str], symbols: Dict[str, str]) -> Tensor:
    """The role of each word in the structure of a script: (vocabulary,) int64.

    Args:
        words: the vocabulary by id.
        symbols: character -> name of the punctuation marks and line ends.
    """
    roles = {symbols["("]: OPEN_ROUND, symbols[")"]: CLOSE_ROUND, symbols["\n"]: LINE_END}
    found = []
    for word in words:
        role = roles.get(word, 0)
        if word.startswith("[") and not word.endswith("]"):
            role = OPEN_SQUARE
        elif word.endswith("]") and not word.startswith("["):
            role = CLOSE_SQUARE
        elif word.endswith(":") and word != ":" and not word.startswith("["):
            role = SPEAKER
        found.append(role)
    return torch.tensor(found)


def excluded_words(roles: Tensor) -> Tensor:
    """The words excluded outside brackets, in round and in square ones, and in such long ones.

    Returns:
        (5, vocabulary) bool.
    """
    found = [torch.isin(roles, torch.tensor(each)) for each in EXCLUDED]
    return torch.stack([*found, roles != CLOSE_ROUND, roles != CLOSE_SQUARE])


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
