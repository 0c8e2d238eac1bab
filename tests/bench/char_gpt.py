"""python -m tests.bench.char_gpt: a character-level transformer, with nanoGPT's published settings.

The settings are those of nanoGPT's config/train_shakespeare_char.py (Karpathy, 2022), the code is
written for this bench: 6 pre-norm layers, 6 heads, 384 dimensions, context 256, batch 64, dropout
0.2, AdamW with betas 0.9 and 0.99, learning rate 1e-3 falling to 1e-4 by a cosine over 5,000
iterations after 100 of warm-up, weight decay 0.1 on matrices, gradient norm clipped to 1. As
there, the vocabulary holds the characters of all texts, and the best evaluation counts.

Bits per character count every character of the held-out text once. The text is read in
overlapping windows, so that every character but the first ones has at least half a context before
it. By default case and typography are normalized first, as in the bits per character of `job`.

Needs nothing but PyTorch and data/tokens.py.
"""

import argparse
import copy
import dataclasses
import json
import math
import pathlib
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.tokens import normalization_of, normalize

LOW_TIDE = "data/shows/low_tide.txt"
VALID_FRACTION = 0.05  # of --data, held out where no --valid is given


@dataclasses.dataclass(frozen=True)
class Recipe:
    """nanoGPT's settings; tests use smaller ones."""

    layers: int = 6
    heads: int = 6
    width: int = 384
    context: int = 256
    batch_size: int = 64
    dropout: float = 0.2
    learning_rate: float = 1e-3
    last_learning_rate: float = 1e-4
    steps: int = 5000
    warmup_steps: int = 100
    weight_decay: float = 0.1
    grad_clip: float = 1.0
    eval_interval: int = 250

    def rate(self, step: int) -> float:
        """The learning rate of a step: linear warm-up, then a cosine."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.last_learning_rate + cosine * (self.learning_rate - self.last_learning_rate)


class Block(nn.Module):
    """Causal self-attention and a GELU layer, each on a layer norm and added to its input."""

    def __init__(self, recipe: Recipe):
        super().__init__()
        width = recipe.width
        self.heads, self.dropout = recipe.heads, recipe.dropout
        self.norm_attention = nn.LayerNorm(width, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_output = nn.Linear(width, width, bias=False)
        self.norm_mlp = nn.LayerNorm(width, bias=False)
        self.mlp_input = nn.Linear(width, 4 * width, bias=False)
        self.mlp_output = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x is (batch, time, width), and so is the result."""
        batch, time_steps, width = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(batch, time_steps, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        p = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
        attended = attended.transpose(1, 2).reshape(batch, time_steps, width)
        x = x + F.dropout(self.attention_output(attended), self.dropout, self.training)
        hidden = F.gelu(self.mlp_input(self.norm_mlp(x)))
        return x + F.dropout(self.mlp_output(hidden), self.dropout, self.training)


class CharGPT(nn.Module):
    """Scores of the next character: (batch, time) ids to (batch, time, vocabulary)."""

    def __init__(self, vocab_size: int, recipe: Recipe):
        super().__init__()
        self.dropout = recipe.dropout
        self.characters = nn.Embedding(vocab_size, recipe.width)  # also the output's matrix
        self.positions = nn.Embedding(recipe.context, recipe.width)
        self.blocks = nn.ModuleList(Block(recipe) for _ in range(recipe.layers))
        self.norm = nn.LayerNorm(recipe.width, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith(("attention_output.weight", "mlp_output.weight"))
                scale = math.sqrt(2 * recipe.layers) if residual else 1.0
                nn.init.normal_(weight, std=0.02 / scale)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.characters(ids) + self.positions(places)
        x = F.dropout(x, self.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.characters.weight)


@torch.no_grad()
def bits_per_character(
    score: Callable[[Tensor], Tensor], ids: Tensor, first: int, context: int
) -> float:
    """Mean bits of a text's characters, each counted once.

    Args:
        score: ids (windows, time) to scores (windows, time, vocabulary).
        ids: the text (characters,).
        first: id that stands before the text.
        context: characters in a window, 2 or more; windows overlap by half.
    """
    stride = context // 2
    windows = 1 + max(0, -(-(len(ids) - context) // stride))
    padding = context + (windows - 1) * stride - len(ids)
    inputs = torch.cat([ids.new_tensor([first]), ids[:-1]])
    inputs = F.pad(inputs, (0, padding)).unfold(0, context, stride)
    targets = F.pad(ids, (0, padding), value=-100).unfold(0, context, stride).clone()
    targets[1:, : context - stride] = -100  # counted in the window before
    total = torch.zeros((), dtype=torch.float64, device=ids.device)
    for rows in zip(inputs.split(64), targets.split(64), strict=True):
        scores = score(rows[0]).flatten(0, 1).float()
        losses = F.cross_entropy(scores, rows[1].flatten(), ignore_index=-100, reduction="none")
        total += losses.double().sum()
    return total.item() / len(ids) / math.log(2)


def train(
    texts: dict[str, str],
    recipe: Recipe | None = None,
    *,
    device: str = "cpu",
    bf16: bool = False,
    compiled: bool = False,
    seed: int = 1,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Trains on texts["train"], evaluates on texts["valid"] at intervals and after the last step.

    Args:
        texts: "train", "valid" and, if wanted, "test", which the best weights are scored on.
        bf16: whether to use bf16 autocast.
        compiled: whether training steps run through torch.compile.
        report: called with each row of the history.

    Returns:
        bits_per_character of the best evaluation, best_step, test_bits_per_character (None
        without a test text), parameters, seconds, characters_per_second, history.

    Raises:
        ValueError: if the training text is not longer than the context.
    """
    recipe = recipe or Recipe()
    if len(texts["train"]) <= recipe.context:
        raise ValueError(f"the training text needs more than {recipe.context} characters")
    torch.manual_seed(seed)
    characters = sorted(set("\n".join(texts.values())))
    numbers = {character: number for number, character in enumerate(characters)}
    ids = {
        part: torch.tensor([numbers[character] for character in text], device=device)
        for part, text in texts.items()
    }
    network = CharGPT(len(characters), recipe).to(device)
    forward = torch.compile(network) if compiled else network
    autocast = torch.autocast(device, torch.bfloat16, enabled=bf16)
    optimizer = make_optimizer(network, recipe, device)
    offsets = torch.arange(recipe.context + 1, device=device)

    def evaluate(part: str) -> float:
        network.eval()
        with autocast:
            bits = bits_per_character(network, ids[part], numbers["\n"], recipe.context)
        network.train()
        return bits

    history: list[dict[str, Any]] = []
    best: dict[str, Any] = {}
    best_bits = math.inf
    start = time.monotonic()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step)
        places = torch.randint(
            len(ids["train"]) - recipe.context, (recipe.batch_size, 1), device=device
        )
        batch = ids["train"][places + offsets]
        with autocast:
            scores = forward(batch[:, :-1])
            loss = F.cross_entropy(scores.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), recipe.grad_clip)
        optimizer.step()
        if (step + 1) % recipe.eval_interval == 0 or step + 1 == recipe.steps:
            row = {
                "step": step + 1,
                "train_bits": loss.item() / math.log(2),
                "bits_per_character": evaluate("valid"),
                "seconds": time.monotonic() - start,
            }
            history.append(row)
            if report:
                report(row)
            if row["bits_per_character"] < best_bits:
                best_bits = row["bits_per_character"]
                best = copy.deepcopy(network.state_dict()) if "test" in texts else {}
    seconds = time.monotonic() - start
    test_bits = None
    if best:
        network.load_state_dict(best)
        test_bits = evaluate("test")
    return {
        "bits_per_character": best_bits,
        "best_step": min(history, key=lambda row: row["bits_per_character"])["step"],
        "test_bits_per_character": test_bits,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "seconds": seconds,
        "characters_per_second": recipe.steps * recipe.batch_size * recipe.context / seconds,
        "history": history,
    }


def make_optimizer(network: nn.Module, recipe: Recipe, device: str) -> torch.optim.AdamW:
    """AdamW that decays matrices and embeddings only."""
    weights = list(network.parameters())
    groups = [
        {"params": [w for w in weights if w.dim() >= 2], "weight_decay": recipe.weight_decay},
        {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0},
    ]
    rate = recipe.learning_rate
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=device == "cuda")


def can_compile() -> bool:
    """Whether torch.compile has what it needs for a GPU: Triton and a C compiler."""
    try:
        import triton  # noqa: F401  # part of PyTorch's builds for NVIDIA GPUs
    except ImportError:
        return False
    return bool(shutil.which("cc") or shutil.which("gcc"))


def train_on_this_machine(
    texts: dict[str, str], recipe: Recipe | None = None, seed: int = 1, **options: Any
) -> dict[str, Any]:
    """As `train`, on a GPU with bf16 autocast and torch.compile where there is one."""
    gpu = torch.cuda.is_available()
    settings = {"bf16": gpu, "compiled": gpu and can_compile(), **options}
    return train(texts, recipe, device="cuda" if gpu else "cpu", seed=seed, **settings)


def read_texts(data: str, valid: str = "", test: str = "", raw: bool = False) -> dict[str, str]:
    """The texts for `train`, normalized by the training text's table unless `raw`."""
    paths = {"train": data, "valid": valid, "test": test}
    texts = {
        part: pathlib.Path(path).read_text(encoding="utf-8") for part, path in paths.items() if path
    }
    if not valid:
        text = texts["train"]
        cut = text.index("\n", int((1 - VALID_FRACTION) * len(text))) + 1
        texts |= {"train": text[:cut], "valid": text[cut:]}
    if raw:
        return texts
    normalization = normalization_of(texts["train"])
    return {part: normalize(text, normalization) for part, text in texts.items()}


def main() -> None:
    """Prints a line for each evaluation and the best."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.char_gpt",
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", default=LOW_TIDE, help="training text")
    parser.add_argument("--valid", default="", help="held-out text (default: the end of --data)")
    parser.add_argument("--test", default="", help="second held-out text, scored once at the end")
    parser.add_argument("--raw", action="store_true", help="keep case and typography")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    parser.add_argument("--no-compile", action="store_true", help="do without torch.compile")
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    for field in dataclasses.fields(Recipe):
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=field.type, default=field.default, help="of the recipe")
    options = parser.parse_args()
    recipe = Recipe(
        **{field.name: getattr(options, field.name) for field in dataclasses.fields(Recipe)}
    )
    texts = read_texts(options.data, options.valid, options.test, options.raw)
    more = {"compiled": False} if options.no_compile else {}

    def report(row: dict[str, Any]) -> None:
        print(json.dumps(row), file=sys.stderr, flush=True)

    figures = train_on_this_machine(texts, recipe, options.seed, report=report, **more)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    facts = {"device": device, "torch": str(torch.__version__)}
    figures = {**facts, "recipe": dataclasses.asdict(recipe), **figures}
    print(json.dumps({name: figures[name] for name in figures if name != "history"}))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
