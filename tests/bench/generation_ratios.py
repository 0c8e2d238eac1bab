"""The ratios of `tests.bench.generation`: each speed beside its floor or its peer.

All are measured in turns in one process on one thread, as CPU time of the thread, so that other
programs on the machine change a ratio less than a speed.
"""

import dataclasses
import functools
import pathlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy
import torch

from data.vocab import Vocabulary
from job.model import RNN
from serve.models.onnx_writer import OnnxWriter
from serve.scenes.scene import Scene

BATCH = 32
PROMPTS = (100, 1000)
FILES = (
    "model.torchscript.pt",
    "model.int8.torchscript.pt",
    "model.int8.onnx",
    "speller.onnx",
    "vocab.json",
)


@dataclasses.dataclass(frozen=True)
class Ratio:
    """A measured speed and what it is compared with.

    Attributes:
        seconds, peer_seconds: for `words` words in all.
        ratio: the share of the peer's speed that is reached; the median of all rounds.
        first_word: whether the time to the first word is what counts.
    """

    name: str
    seconds: float
    peer: str
    peer_seconds: float
    ratio: float
    words: int
    first_word: bool = False

    def row(self) -> str:
        """A row of the table."""
        both = (self.seconds, self.peer_seconds)
        if self.first_word:
            own, peer = (f"{1000 * seconds:,.0f} ms" for seconds in both)
        else:
            own, peer = (f"{self.words / seconds:,.0f} words/s" for seconds in both)
        return f"| {self.name} | {own} | {self.peer} | {peer} | {self.ratio:.0%} |"


def measure_ratios(folder: pathlib.Path, network: RNN, words: int, repeats: int) -> list[Ratio]:
    """The ratios of a bundle; an empty list if one of its files is missing."""
    if not all((folder / name).is_file() for name in FILES):
        return []
    fp32, int8 = (torch.jit.load(str(folder / name), map_location="cpu") for name in FILES[:2])
    vocabulary = Vocabulary.from_json((folder / FILES[4]).read_text(encoding="utf-8"))
    onnx = OnnxWriter(*((folder / name).read_bytes() for name in FILES[2:4]), vocabulary)
    few = max(1, words // 8)
    text = vocabulary.encode("hello, jerry. " * PROMPTS[-1])
    prompts = {count: vocabulary.decode(text[:count]) for count in PROMPTS}
    weights = torch.ones(weights_read(network))
    floor = "all weights read once a word"
    bare, wide = "ONNX int8, step only", f"the same model, step only, batch {BATCH}"
    calls: dict[str, Callable[[], object]] = {
        floor: lambda: [weights.sum() for _ in range(words)],
        bare: lambda: onnx_steps(onnx, words),
        wide: lambda: [step(int8, BATCH) for _ in range(few)],
        "TorchScript fp32": lambda: fp32.generate("", words),
        "TorchScript int8, step only": lambda: [step(int8, 1) for _ in range(words)],
        "TorchScript int8": lambda: int8.generate("", words),
        "NumPy writer on ONNX int8": lambda: onnx_words(onnx, words),
        f"{BATCH} scenes at once, int8": lambda: int8.generate_batch([""] * BATCH, few),
    }
    for count, prompt in prompts.items():
        calls[f"first word after {count:,}, fp32"] = functools.partial(fp32.generate, prompt, 1)
        calls[f"floor {count}"] = prompt_floor(network, count)
    seconds = in_turns(calls, repeats)
    rows: list[tuple[str, str, int]] = [
        ("TorchScript fp32", floor, words),
        ("TorchScript int8, step only", bare, words),
        ("TorchScript int8", bare, words),
        ("NumPy writer on ONNX int8", bare, words),
        (f"{BATCH} scenes at once, int8", wide, few * BATCH),
    ]
    found = [compare(name, peer, count, seconds) for name, peer, count in rows]
    title = "input products of all words at once, recurrent weights read once a word"
    for count in PROMPTS:
        name = f"first word after {count:,}, fp32"
        row = compare(name, f"floor {count}", count, seconds)
        found.append(dataclasses.replace(row, peer=title, first_word=True))
    return found


def compare(name: str, peer: str, words: int, seconds: dict[str, list[float]]) -> Ratio:
    """The ratio of two of the calls of `in_turns`."""
    own, other = seconds[name], seconds[peer]
    ratio = statistics.median(b / a for a, b in zip(own, other, strict=True))
    return Ratio(name, statistics.median(own), peer, statistics.median(other), ratio, words)


def weights_read(network: RNN) -> int:
    """The number of weights that a step of the network reads."""
    return sum(
        weight.numel()
        for name, weight in network.named_parameters()
        if weight.dim() == 2 and not (name == "embedding.weight" and not network.tied)
    )


def in_turns(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """CPU seconds of each call by round; two first rounds, which compile, are not counted."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for repeat in range(repeats + 2):
            for name, call in calls.items():
                start = time.thread_time()
                call()
                if repeat > 1:
                    found[name].append(time.thread_time() - start)
    return found


def step(writer: Any, batch: int) -> None:
    """One step of the network, without cache and sampling."""
    writer.forward(torch.zeros([batch, 1], dtype=torch.int64), writer.init_hidden(batch))


def onnx_steps(writer: OnnxWriter, count: int) -> None:
    """Steps of the ONNX graph, without cache and sampling."""
    h = c = numpy.zeros(writer.hidden_shape, numpy.float32)
    tokens = numpy.zeros([1, 1], numpy.int64)
    for _ in range(count):
        feed = {"tokens": tokens, "h": h, "c": c}
        scores, h, c = writer.model.run(["scores", "h_after", "c_after"], feed)
        tokens = scores[:, -1].argmax(1)[:, None]


def onnx_words(writer: OnnxWriter, count: int) -> None:
    """One scene as the server writes it without PyTorch."""
    state, scene = writer.start("", 0), Scene(temperature=0.8, top_p=0.95)
    for _ in range(count):
        [(_, state)] = writer.step([state], [scene], [[]])


def prompt_floor(network: RNN, count: int) -> Callable[[], object]:
    """What reading a prompt costs at least: its matrix products and its memory traffic."""
    inputs, recurrent = [], []
    for layer in network.layers:
        inputs.append(torch.ones(layer.weight_ih_l0.shape))
        recurrent.append(torch.ones(layer.weight_hh_l0.shape))
    if isinstance(network.projection, torch.nn.Linear):
        inputs.append(torch.ones(network.projection.weight.shape))
    rows = [torch.ones(count, weight.shape[1]) for weight in inputs]

    def read() -> None:
        for row, weight in zip(rows, inputs, strict=True):
            torch.mm(row, weight.t())
        for weight in recurrent:
            for _ in range(count):
                weight.sum()

    return read


def ratio_table(ratios: list[Ratio]) -> list[str]:
    """The ratios as Markdown."""
    if not ratios:
        return ["no ratios: they need all files of a bundle with int8 and a speller"]
    head = ["", "| one thread, CPU time | speed | floor or peer | its speed | ratio |"]
    return [*head, "|" + " --- |" * 5, *(ratio.row() for ratio in ratios)]
