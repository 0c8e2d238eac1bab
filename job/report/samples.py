"""Many scenes at once from the network in cache, to measure them; export writes for people."""

from collections.abc import Sequence

import torch
from torch import Tensor

from job.layers.cache_config import MAX_RATIO, NO_CACHE, CacheConfig
from job.model import RNN


@torch.inference_mode()
def sample(
    network: RNN,
    primer: Sequence[int],
    prompts: Sequence[Sequence[int]],
    length: int,
    *,
    unknown_id: int,
    temperature: float,
    top_p: float = 1.0,
    cache: CacheConfig = NO_CACHE,
    seed: int = 0,
) -> list[list[int]]:
    """Writes one scene after each prompt, all side by side.

    Args:
        primer: ids read before every prompt, not part of the scenes; one or more.
        prompts: the ids that each scene begins with.
        length: words of a scene, its prompt included.
        unknown_id: the id that is never chosen.
        temperature: what scores are divided by; 0 takes the likeliest word.
        top_p: draws from the fewest words that have this share of the probability (Holtzman et
            al., 2019); 1 draws from all.
        cache: of the scene's own words.

    Returns:
        The ids of each scene; the same for the same seed on the same kind of machine.
    """
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)  # on the CPU, for every device
    given = torch.full((length, len(prompts)), -1)
    for column, prompt in enumerate(prompts):
        given[: len(prompt), column] = torch.tensor(prompt[:length], dtype=torch.int64)
    given = given.to(device)
    was_training = network.training
    network.eval()
    tokens = torch.tensor(primer, device=device).expand(len(prompts), -1)
    hidden = network.init_hidden(len(prompts))
    written: list[Tensor] = []
    keys: list[Tensor] = []
    for row in given:
        scores, features, hidden = network.read(tokens, hidden)
        last = scores[:, -1].float()
        if cache and written:
            earlier = torch.stack(keys[-cache.size :], 1), torch.stack(written[-cache.size :], 1)
            last = mix_cache(last, features[:, -1], *earlier, cache)
        u = torch.rand(len(prompts), generator=generator).to(device)
        chosen = choose(last, unknown_id, temperature, top_p, u)
        chosen = torch.where(row >= 0, row, chosen)
        written.append(chosen)
        keys.append(features[:, -1])
        tokens = chosen[:, None]
    network.train(was_training)
    return torch.stack(written, dim=1).tolist() if written else [[] for _ in prompts]


def mix_cache(
    scores: Tensor, features: Tensor, keys: Tensor, words: Tensor, cache: CacheConfig
) -> Tensor:
    """Scores (batch, vocabulary) with the bounded cache mixed in.

    Args:
        features: (batch, features).
        keys: features that the remembered words were predicted from (batch, words, features).
        words: their ids (batch, words).

    Returns:
        (batch, vocabulary) log-probabilities.
    """
    similar = torch.softmax(cache.theta * (keys @ features[:, :, None])[..., 0].float(), 1)
    probabilities = torch.softmax(scores, 1)
    remembered = torch.zeros_like(scores).scatter_add_(1, words, similar)
    mixed = cache.weight * torch.minimum(remembered, MAX_RATIO * probabilities)
    return torch.log(mixed + (1 - mixed.sum(1, keepdim=True)) * probabilities)


def choose(scores: Tensor, unknown_id: int, temperature: float, top_p: float, u: Tensor) -> Tensor:
    """The next word of each scene.

    Args:
        scores: (batch, vocabulary).
        u: (batch,) numbers in [0, 1) that decide, the likeliest word at 0.

    Returns:
        ids (batch,).
    """
    scores = scores.index_fill(1, torch.tensor([unknown_id], device=scores.device), -torch.inf)
    if temperature == 0:
        return scores.argmax(1)
    # The best score becomes 0 first: a tiny temperature must not make two infinities.
    probabilities = torch.softmax((scores - scores.amax(1, keepdim=True)) / temperature, 1)
    values, ids = probabilities.sort(1, descending=True)
    before = values.cumsum(1) - values
    kept = (before < top_p) & (values > 0)
    kept[:, 0] = True
    sums = (values * kept).cumsum(1)
    place = (sums <= u[:, None] * sums[:, -1:]).sum(1).clamp(max=kept.sum(1) - 1)
    return ids.gather(1, place[:, None])[:, 0]
