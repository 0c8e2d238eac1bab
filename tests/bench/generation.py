"""python -m tests.bench.generation: how fast an exported model writes on one CPU thread.

Everything runs one after another in one process, on one model: the course's way (the whole window
read again for every word, written here anew), the writer in eager PyTorch, the TorchScript files,
and docs/consumer.py with the ONNX files. The floor is what reading the weights once for each word
would take, at the speed at which this machine reads as many bytes over and over.
"""

import functools
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import torch

from data.command_line import Parser, run
from export.torchscript.writer import ScriptWriter
from job.checkpoint import load_network, newest_checkpoint
from job.model import RNN
from tests.bench.training import machine
from tests.conftest import ROOT

WINDOW = 10  # the course's sequence_length
BATCHES = (8, 32)
PROMPTS = (1, 100, 1000)  # words


def main() -> None:
    """Prints Markdown tables."""
    parser = Parser(prog="python -m tests.bench.generation", description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", type=pathlib.Path, help="exported, with its files beside")
    parser.add_argument("--words", type=int, default=200, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=11, help="of each; the median counts")
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
    torch.set_num_threads(1)
    checkpoint = options.checkpoint or newest_checkpoint(pathlib.Path("artifacts"))
    report = measure(checkpoint, options.words, options.repeats)
    print("\n".join(tables(report)))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measure(checkpoint: pathlib.Path, words: int, repeats: int) -> dict[str, Any]:
    """All figures; tokens/s, milliseconds to the first word by words of prompt, seconds to load."""
    folder = checkpoint.parent
    network, vocabulary, content = load_network(checkpoint)
    text = vocabulary.encode("hello, jerry. " * max(PROMPTS))
    prompts = {count: vocabulary.decode(text[:count]) for count in PROMPTS}
    few = max(10, words // 10)  # the course's way is slow, and as slow at every word
    paths: dict[str, dict[str, Any]] = {}
    with torch.inference_mode():
        slow = rate(lambda count: course(network, count), few, repeats)
        paths["the course's way"] = {"tokens_per_second": slow}
        cache = content.cache
        eager = ScriptWriter(network, vocabulary, content.speller, cache).eval()
        paths["eager PyTorch"] = measure_writer(eager, prompts, words, repeats)
        for name in ("model.torchscript.pt", "model.int8.torchscript.pt"):
            if (folder / name).is_file():
                start = time.perf_counter()
                writer = torch.jit.load(str(folder / name), map_location="cpu")
                load = time.perf_counter() - start
                paths[name] = measure_writer(writer, prompts, words, repeats)
                paths[name]["load_seconds"] = load
                for batch in BATCHES:
                    paths[name][f"batch_{batch}"] = batch_rate(writer, batch, words // 4, repeats)
    for name in ("model.onnx", "model.int8.onnx"):
        if (folder / name).is_file():
            paths[name] = measure_onnx(folder, name, words, repeats)
    floors = {kind: floor(network, width) for kind, width in (("fp32", 4), ("int8", 1))}
    return {"machine": machine(), "words": words, "paths": paths, "floor": floors}


def measure_writer(
    writer: Any, prompts: dict[int, str], words: int, repeats: int
) -> dict[str, Any]:
    """What has a method `generate`, one scene at a time."""
    first = {}
    for count, prompt in prompts.items():
        writer.generate(prompt, 1)
        first[count] = 1000 * median(functools.partial(writer.generate, prompt, 1), repeats)
    written = rate(lambda count: writer.generate("", count), words, repeats)
    return {"tokens_per_second": written, "first_word_ms": first}


def batch_rate(writer: Any, batch: int, words: int, repeats: int) -> float:
    """Words a second of so many scenes side by side, all their words counted."""
    return batch * rate(lambda count: writer.generate_batch([""] * batch, count), words, repeats)


def measure_onnx(folder: pathlib.Path, name: str, words: int, repeats: int) -> dict[str, Any]:
    """An ONNX file with the reference consumer; prompts and batches as bare steps.

    The consumer is written to be read: it takes a prompt word by word, one scene at a time.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(str(folder / name), options)
    load = time.perf_counter() - start
    consumer = load_consumer()
    bundle = session, *consumer.load(folder, name)[1:]
    writer = types.SimpleNamespace(generate=functools.partial(consumer.generate, bundle))
    layers, _, size = session.get_inputs()[1].shape

    def steps(count: int, batch: int) -> None:
        h = c = numpy.zeros((layers, batch, size), numpy.float32)
        tokens = numpy.zeros((batch, 1), numpy.int64)
        for _ in range(count):
            feed = {"tokens": tokens, "h": h, "c": c}
            scores, h, c = session.run(["scores", "h_after", "c_after"], feed)
            tokens = scores[:, -1].argmax(1)[:, None]

    def read(count: int) -> None:
        h = c = numpy.zeros((layers, 1, size), numpy.float32)
        session.run(None, {"tokens": numpy.zeros((1, count + 2), numpy.int64), "h": h, "c": c})

    found = {
        "tokens_per_second": rate(lambda count: writer.generate("", count), words, repeats),
        "first_word_ms": {
            count: 1000 * median(functools.partial(read, count), repeats) for count in PROMPTS
        },
        "load_seconds": load,
        "resident_mb": resident(folder, name),
    }
    found["steps"] = rate(lambda count: steps(count, 1), words, repeats)
    for batch in BATCHES:
        bare = functools.partial(steps, batch=batch)
        found[f"batch_{batch}"] = batch * rate(bare, words // 4, repeats)
    return found


def rate(write: Callable[[int], object], count: int, repeats: int) -> float:
    """Words a second; a first call is not counted, it compiles."""
    write(min(count, 20))
    return count / median(lambda: write(count), repeats)


def resident(folder: pathlib.Path, name: str) -> float:
    """Megabytes at most of a process that writes 50 words with the consumer and nothing else."""
    code = (
        f"import consumer as c; c.generate(c.load({str(folder.resolve())!r}, {name!r}), '', 50); "
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "docs", capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1]) / 1024


def course(network: RNN, count: int) -> list[int]:
    """The course's generation: each word from its own reading of the last words, no state kept."""
    generator = torch.Generator().manual_seed(0)
    window = torch.zeros(1, WINDOW, dtype=torch.int64)
    written = []
    for _ in range(count):
        scores, _ = network(window, network.init_hidden(1))
        values, ids = torch.softmax(scores[0], 0).topk(5)
        word = ids[torch.multinomial(values, 1, generator=generator)]
        window = torch.cat([window[:, 1:], word[None]], 1)
        written.append(int(word))
    return written


def floor(network: RNN, width: int) -> dict[str, float]:
    """Words a second if a word cost nothing but reading the weights, `width` bytes each."""
    count = sum(
        weight.numel()
        for name, weight in network.named_parameters()
        if weight.dim() == 2 and not (name == "embedding.weight" and not network.tied)
    )
    buffer = torch.ones(count * width // 4)
    buffer.sum()
    seconds = median(lambda: buffer.sum(), 21)
    return {
        "bytes": count * width,
        "gigabytes_per_second": count * width / seconds / 1e9,
        "tokens_per_second": 1 / seconds,
    }


def median(call: Callable[[], object], repeats: int) -> float:
    """Seconds of a call."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def load_consumer() -> Any:
    """docs/consumer.py, which is no part of any package."""
    spec = importlib.util.spec_from_file_location("consumer", ROOT / "docs" / "consumer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tables(report: dict[str, Any]) -> list[str]:
    """The figures as Markdown."""
    paths, slowest = report["paths"], report["paths"]["the course's way"]["tokens_per_second"]
    lines = [
        json.dumps(report["machine"]),
        "| one thread | tokens/s | × the course's way | of the floor | 8 at once | 32 at once | "
        + " | ".join(f"first word after {count:,}" for count in PROMPTS)
        + " | load |",
        "|" + " --- |" * (7 + len(PROMPTS)),
    ]
    for name, one in paths.items():
        rate = one["tokens_per_second"]
        limit = report["floor"]["int8" if "int8" in name else "fp32"]["tokens_per_second"]
        batches = [f"{one[key]:,.0f}" if (key := f"batch_{n}") in one else "" for n in BATCHES]
        first = [
            f"{one['first_word_ms'][count]:.0f} ms" if "first_word_ms" in one else ""
            for count in PROMPTS
        ]
        load = f"{one['load_seconds']:.2f} s" if one.get("load_seconds") else ""
        cells = [name, f"{rate:,.0f}", f"{rate / slowest:.1f}", f"{rate / limit:.0%}"]
        lines.append("| " + " | ".join([*cells, *batches, *first, load]) + " |")
    for name, one in paths.items():
        if "steps" in one:
            lines.append(
                f"{name}: {one['steps']:,.0f} bare steps/s, and its prompts and batches are bare "
                f"steps too; the consumer's process takes {one['resident_mb']:.0f} MB at most"
            )
    for kind, one in report["floor"].items():
        lines.append(
            f"floor {kind}: {one['bytes'] / 1e6:.0f} MB a word at "
            f"{one['gigabytes_per_second']:.0f} GB/s = {one['tokens_per_second']:,.0f} tokens/s"
        )
    return lines


if __name__ == "__main__":
    run(main)
