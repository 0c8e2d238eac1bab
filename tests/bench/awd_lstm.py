"""The AWD-LSTM recipe, to be compared with: Merity et al., 2017, on this project's own network.

As there: three layers of 1152 units on embeddings of 400, tied; weight drop, locked and embedding
dropout; activation regularisation; SGD at a learning rate of 30 with gradients clipped at 0.25;
pieces of text of random length; averaging of the weights (ASGD) once the held-out loss has not
improved for five epochs. Otherwise than there, the last layer is as wide as the others, with a
projection behind it.
"""

import math
import random
import time
from typing import Any

import torch
from torch.nn import functional as F

from job.engine.step import detach
from job.evaluate import held_out_loss
from job.model import RNN

RATE, CLIP, DECAY, ALPHA, BETA, PATIENCE = 30.0, 0.25, 1.2e-6, 2.0, 1.0, 5


def train(
    train_ids: torch.Tensor,
    valid_ids: torch.Tensor,
    primer: list[int],
    vocab_size: int,
    seconds: float,
    batch_size: int = 40,
    target: float = 0.0,
    seed: int = 1,
    hidden_dim: int = 1152,
    embedding_dim: int = 400,
) -> dict[str, Any]:
    """Trains for so many seconds, or until the target is reached.

    Returns:
        best held-out loss, the second it was reached in, the second of the target, words a second.
    """
    torch.manual_seed(seed)
    source = random.Random(seed)
    device = train_ids.device
    network = RNN(
        *(vocab_size, vocab_size, embedding_dim, hidden_dim, 3, 0.4),
        tie_weights=True,
        dropout_between=0.25,
        dropout_input=0.4,
        dropout_words=0.1,
        weight_drop=0.5,
    ).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, weight_decay=DECAY)
    length = len(train_ids) // batch_size
    streams = train_ids[: length * batch_size].view(batch_size, length)
    average: list[torch.Tensor] = []
    averaged, words, history, reached = 0, 0, [], None
    start = time.monotonic()
    while time.monotonic() - start < seconds and reached is None:
        hidden, place = network.init_hidden(batch_size), 0
        while place < length - 2:
            mean = 70 if source.random() < 0.95 else 35
            size = min(max(5, round(source.gauss(mean, 5))), length - 1 - place)
            inp, target_ids = streams[:, place : place + size], streams[:, place + 1 :][:, :size]
            for group in optimizer.param_groups:
                group["lr"] = RATE * size / 70
            place, words = place + size, words + batch_size * size
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                vectors = network.word_vectors()
                features, hidden = network._features(inp, detach(hidden), vectors)
                scores = network._scores(network.projection(features), vectors)
            loss = F.cross_entropy(scores.flatten(0, 1).float(), target_ids.flatten())
            states = features.float()
            loss = loss + ALPHA * states.pow(2).mean()
            if size > 1:
                loss = loss + BETA * (states[:, 1:] - states[:, :-1]).pow(2).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            if average:
                averaged += 1
                with torch.no_grad():
                    torch._foreach_lerp_(average, list(network.parameters()), 1 / averaged)
            if time.monotonic() - start >= seconds:
                break
        history.append(_held_out(network, average, valid_ids, primer))
        if not average and len(history) > PATIENCE and history[-1] > min(history[:-PATIENCE]):
            average = [parameter.detach().clone() for parameter in network.parameters()]
            averaged = 1
        if history[-1] <= target:
            reached = time.monotonic() - start
    spent = time.monotonic() - start
    return {
        "held_out_loss": min(history, default=math.nan),
        "epochs": len(history),
        "seconds": spent,
        "seconds_to_target": reached,
        "tokens_per_second": words / spent,
    }


def _held_out(network, average, valid_ids, primer) -> float:
    if not average:
        return held_out_loss(network, valid_ids, primer)
    kept = [parameter.detach().clone() for parameter in network.parameters()]
    with torch.no_grad():
        torch._foreach_copy_(list(network.parameters()), average)
        loss = held_out_loss(network, valid_ids, primer)
        torch._foreach_copy_(list(network.parameters()), kept)
    return loss
