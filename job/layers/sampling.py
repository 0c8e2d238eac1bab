"""The sampling rule: how the next word is chosen, in Python and compiled by TorchScript.

docs/specification.md describes it for implementations in other languages. The order, in float64:
excluded words; repetition penalty (Keskar et al., 2019); temperature; top-k; top-p (Holtzman et
al., 2019) of what top-k leaves; min-p (Nguyen et al., 2024); then one uniform random number selects
from the remaining words, in order of decreasing probability.
"""

import math
from collections.abc import Sequence
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
    roles: List[int],
    excluded: List[Tensor],
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
        roles: what each word of the vocabulary does; see `word_roles`.
        excluded: words that each state of the brackets excludes; see `excluded_words`.
        speaker_repeat: the highest probability of the last speaker; 1 for no limit.
        size_of_window: newest words that are used.
        longest: words of a round bracket, after which only its end may follow.
        longest_heading: the same of a square one.
    """
    # TorchScript has no global numbers: these are OPEN_ROUND and so on.
    open_round, open_square, close_square, line_end, speaks = 1, 3, 4, 5, 6
    window: List[int] = recent[-size_of_window:].tolist()
    open_bracket = 0
    place = len(window) - 1
    while place >= 0:
        role = _role(window[place], roles)
        if role >= open_round and role <= close_square:
            if role == open_round:
                open_bracket = 1
            if role == open_square:
                open_bracket = 2
            limit = longest if open_bracket == 1 else longest_heading
            if open_bracket > 0 and len(window) - place > limit:
                open_bracket += 2  # only its end may follow
            if role == close_square and place == len(window) - 1 and len(excluded) > 5:
                open_bracket = 5  # a heading ends its line
        if role >= open_round and role <= line_end:
            break
        place -= 1
    ids = excluded[open_bracket]
    before = scores.index_select(0, ids)
    scores.index_fill_(0, ids, -float("inf"))
    if float(scores[: len(roles)].max()) == -float("inf"):
        scores.index_copy_(0, ids, before)
    if speaker_repeat >= 1.0 or (len(window) > 0 and _role(window[-1], roles) != line_end):
        return
    speaker = -1
    place = len(window) - 1
    while place >= 0 and speaker < 0:
        starts = recent.size(0) <= size_of_window
        if place > 0:
            starts = _role(window[place - 1], roles) == line_end
        if starts:
            role = _role(window[place], roles)
            if role == speaks:
                speaker = window[place]
            elif role not in [open_round, open_square, line_end]:
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


def _role(word: int, roles: List[int]) -> int:
    return roles[word] if word < len(roles) else 0


def word_roles(words: List[str], symbols: Dict[str, str]) -> List[int]:
    """The role of each word of the vocabulary in the structure of a script.

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
    return found


def excluded_words(roles: List[int], heading: Sequence[int] = ()) -> List[Tensor]:
    """The words that each state of the brackets excludes.

    Args:
        roles: by `word_roles`.
        heading: ids of the words of the show's headings, which stand in square brackets and end
            their lines; none if it has no such headings.

    Returns:
        Lists of ids, each (words,) int64: outside brackets, in round and in square ones, in such
        long ones; and after a heading, if there are any.
    """
    every = range(SPEAKER + 1)
    ends = [CLOSE_ROUND, CLOSE_SQUARE, *([LINE_END] if heading else [])]
    states = [*EXCLUDED, *([role for role in every if role != end] for end in ends)]
    found = [[word for word, role in enumerate(roles) if role in each] for each in states]
    if heading:
        within = OPEN_SQUARE - 1  # the state in square brackets
        found[within] = sorted(set(found[within]) | (set(range(len(roles))) - set(heading)))
    return [torch.tensor(ids, dtype=torch.int64) for ids in found]


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


def sample_token(scores: Tensor, options: Options, u: float, least: float = 0.001) -> int:
    """The id of the next word.

    Only the words of a probability of at least `least` are sorted; as long as they do not decide
    which word is sampled, the bound is lowered. A full sort costs more than a step of the network.

    Args:
        scores: (vocabulary,) of any floating dtype; minus infinity for excluded words.
        options: temperature, top_k, top_p and min_p are used.
        u: random number in [0, 1).
        least: the first bound; changes the speed only.
    """
    if options.temperature == 0.0:
        return int(scores.argmax())
    scores = scores.to(torch.float64)
    if options.temperature < 0.01:  # must not give two infinities
        scores = scores - scores.max()
    probabilities = torch.softmax(scores / options.temperature, 0)
    top_k, top_p, min_p = options.top_k, options.top_p, options.min_p
    count = probabilities.size(0) if top_k == 0 else min(top_k, probabilities.size(0))
    values, ids = _ranked(probabilities, least)
    sums = values.cumsum(0)
    while ids.size(0) < count and least > 0.0:
        if top_k == 0 and ids.size(0) > 0:
            if top_p < 1.0 and float(sums[-1]) >= top_p:
                break
            if min_p > 0.0 and least <= min_p * float(values[0]):
                break
            if min_p == 0.0:
                # The sum of the kept words is known up to `least`: is the word the same for both?
                low, high = (top_p, top_p + least) if top_p < 1.0 else (1.0 - 1e-9, 1.0 + 1e-9)
                place = int(torch.searchsorted(sums, u * high, right=True))
                same = place == int(torch.searchsorted(sums, u * low, right=True))
                if same and place < ids.size(0):
                    return int(ids[place])
        least = least / 16.0 if least > 1e-9 else 0.0
        values, ids = _ranked(probabilities, least)
        sums = values.cumsum(0)
    kept = min(count, ids.size(0))
    if top_p < 1.0:
        total = 1.0 if top_k == 0 else float(sums[kept - 1])
        kept = min(kept, int(torch.searchsorted(sums, top_p * total)) + 1)
    if min_p > 0.0:
        kept = min(kept, max(1, int((values >= min_p * values[0]).sum())))
    place = int(torch.searchsorted(sums, u * float(sums[kept - 1]), right=True))
    return int(ids[min(place, kept - 1)])


def _ranked(probabilities: Tensor, least: float) -> Tuple[Tensor, Tensor]:
    """The probabilities from `least` on, falling, and their ids; of ties the lower id first."""
    ids = (probabilities >= least).nonzero().squeeze(1)
    values, order = probabilities.index_select(0, ids).sort(stable=True, dim=0, descending=True)
    return values, ids.index_select(0, order)
