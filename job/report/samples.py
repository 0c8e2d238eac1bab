"""Scenes written by the network in memory, by the same rules as the exported model.

Sampling and cache are the functions that TorchScript compiles into the exported file; only the
network reads all scenes as one batch. No word is invented, whatever the option says.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from data.vocab import Vocabulary
from job.layers.cache import HISTORY, NO_CACHE, CacheConfig, mix_cache, ring
from job.layers.sampling import (
    Options,
    apply_penalties,
    apply_structure,
    check,
    excluded_words,
    exempt_words,
    sample_token,
    seeded,
    uniform,
    word_roles,
)
from job.model import RNN


@torch.inference_mode()
def sample(
    network: RNN,
    vocabulary: Vocabulary,
    prompts: Sequence[Sequence[int]],
    length: int,
    *,
    options: Options,
    cache: CacheConfig = NO_CACHE,
    seed: int = 0,
) -> list[list[int]]:
    """Writes one scene after each prompt.

    Args:
        network: on any device; evaluation mode is set while it writes.
        vocabulary: its vocabulary, whose primer is read before every prompt.
        prompts: ids that each scene starts with, without out-of-vocabulary words.
        length: words of a scene, its prompt included.
        options: of the sampler.
        cache: holds words of the same scene.
        seed: scene n is written with seed + n, as `generate_batch` of an exported model does.

    Returns:
        The ids of each scene, prompt included.
    """
    check(options)
    primer = vocabulary.encode(vocabulary.primer)
    rules = Rules.of(vocabulary)
    was_training = network.training
    network.eval()
    scenes = []
    for number, prompt in enumerate(prompts):
        random = seeded((seed + number) % 2**31)
        scenes.append(_Scene(network, primer, list(prompt[:length]), cache, random))
    for _ in range(length):
        open_scenes = [scene for scene in scenes if len(scene.ids) < length]
        if not open_scenes:
            break
        states = zip(*(scene.hidden for scene in open_scenes), strict=True)
        hidden = tuple(torch.cat(rows, 1) for rows in states)
        last = torch.tensor([[scene.last] for scene in open_scenes], device=hidden[0].device)
        state = hidden if network.cell == "lstm" else hidden[0]
        scores, features, state = network.read(last, state)
        after = state if isinstance(state, tuple) else (state,)
        scores, features = scores[:, 0].float().cpu(), features[:, 0].float().cpu()
        for row, scene in enumerate(open_scenes):
            scene.hidden = tuple(part[:, row : row + 1] for part in after)
            scene.write(scores[row], features[row], rules, options)
    network.train(was_training)
    return [scene.ids for scene in scenes]


class Rules(NamedTuple):
    """What the sampler needs to know about the words of a vocabulary."""

    unknown_id: int
    exempt: Tensor
    roles: list[int]
    excluded: list[Tensor]
    speaker_repeat: float

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Rules":
        """The rules of a vocabulary."""
        roles = word_roles(vocabulary.words, vocabulary.symbols)
        exempt = exempt_words(vocabulary.words, vocabulary.symbols)
        excluded = excluded_words(roles, vocabulary.numbers(vocabulary.heading_words))
        rest = roles, excluded, vocabulary.speaker_repeat
        return cls(vocabulary.unknown_id, exempt, *rest)


class _Scene:
    """The state of one scene, as the exported model's streams keep it."""

    def __init__(
        self,
        network: RNN,
        primer: Sequence[int],
        prompt: list[int],
        cache: CacheConfig,
        random: tuple[int, int],
    ):
        self.ids, self.cache, self.random = prompt, cache, random
        device = network.embedding.weight.device
        state, keys = network.init_hidden(1), torch.zeros(0, network.fc.in_features)
        read = [*primer, *prompt]
        self.last = read[-1]
        if len(read) > 1:
            _, features, state = network.read(torch.tensor([read[:-1]], device=device), state)
            keys = features[0, len(primer) - 1 :].float().cpu()
        self.hidden = state if isinstance(state, tuple) else (state,)
        self.keys = ring(keys, cache.size if cache else 0)

    def write(self, scores: Tensor, features: Tensor, rules: Rules, options: Options) -> None:
        """Chooses the next word from the network's scores (vocabulary,)."""
        cache, count = self.cache, len(self.ids)
        recent = torch.tensor(self.ids[-HISTORY:], dtype=torch.int64)
        if cache and count:
            strength = cache.theta, cache.weight, rules.unknown_id, 0, cache.max_ratio
            scores = mix_cache(scores, features, self.keys, recent, count, *strength)
        scores = scores.double()
        scores[rules.unknown_id] = -torch.inf
        apply_structure(scores, recent, rules.roles, rules.excluded, rules.speaker_repeat)
        apply_penalties(scores, recent, rules.exempt, options)
        u, *random = uniform(*self.random)
        self.random = (random[0], random[1])
        self.last = sample_token(scores, options, u)
        if len(self.keys):
            self.keys[count % len(self.keys)] = features
        self.ids.append(self.last)
