"""python -m tests.bench.generation: generation speed of an exported model on one CPU thread.

Everything runs one after another in one process, on one model: the course baseline (the whole
window is read again for every word), the writer in eager PyTorch, the TorchScript files, and
docs/consumer.py with the ONNX files. The memory-bandwidth limit is the speed at which this machine
reads all weights once for each word. A second table compares each speed with its floor or its peer
(`tests.bench.generation_ratios`).
"""

import dataclasses
import functools
import importlib.util
import json
import os
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
from tests.bench.generation_ratios import measure_ratios, ratio_table, weights_read
from tests.bench.runs import ROOT, machine

WINDOW = 10  # sequence_length of the course baseline
COURSE = "course baseline"
BATCHES = (8, 32)
PROMPTS = (1, 100, 1000)  # words of a prompt


def main() -> None:
    """Prints Markdown tables."""
    parser = Parser(prog="python -m tests.bench.generation", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--checkpoint",
        type=pathlib.Path,
        help="checkpoint with its exported files beside it (default: the newest)",
    )
    parser.add_argument("--words", type=int, default=200, help="words of each measurement")
    parser.add_argument(
        "--repeats", type=int, default=11, help="repeats of each measurement; the median counts"
    )
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
    torch.set_num_threads(1)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages, as in the server
    checkpoint = options.checkpoint or newest_checkpoint(pathlib.Path("artifacts"))
    network, _, _ = load_network(checkpoint)
    ratios = measure_ratios(checkpoint.parent, network, options.words, options.repeats)
    report = measure(checkpoint, options.words, options.repeats)
    report["ratios"] = [dataclasses.asdict(each) for each in ratios]
    print("\n".join([*tables(report), *ratio_table(ratios)]))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measure(checkpoint: pathlib.Path, words: int, repeats: int) -> dict[str, Any]:
    """All figures: tokens/s, milliseconds to the first word by prompt length, seconds to load."""
    folder = checkpoint.parent
    network, vocabulary, trained = load_network(checkpoint)
    text = vocabulary.encode("hello, jerry. " * max(PROMPTS))
    prompts = {count: vocabulary.decode(text[:count]) for count in PROMPTS}
    few = max(10, words // 10)  # the course baseline is slow, and equally slow at every word
    paths: dict[str, dict[str, Any]] = {}
    with torch.inference_mode():
        slow = rate(lambda count: course(network, count), few, repeats)
        paths[COURSE] = {"tokens_per_second": slow}
        eager = ScriptWriter(network, vocabulary, trained.speller, trained.cache).eval()
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
    limits = {kind: bandwidth_limit(network, width) for kind, width in (("fp32", 4), ("int8", 1))}
    return {"machine": machine(), "words": words, "paths": paths, "limit": limits}


def measure_writer(
    writer: Any, prompts: dict[int, str], words: int, repeats: int
) -> dict[str, Any]:
    """An object with a method `generate`, one scene at a time."""
    first = {}
    for count, prompt in prompts.items():
        writer.generate(prompt, 1)
        first[count] = 1000 * median(functools.partial(writer.generate, prompt, 1), repeats)
    written = rate(lambda count: writer.generate("", count), words, repeats)
    return {"tokens_per_second": written, "first_word_ms": first}


def batch_rate(writer: Any, batch: int, words: int, repeats: int) -> float:
    """Tokens per second of `batch` scenes together."""
    return batch * rate(lambda count: writer.generate_batch([""] * batch, count), words, repeats)


def measure_onnx(folder: pathlib.Path, name: str, words: int, repeats: int) -> dict[str, Any]:
    """An ONNX file with the reference consumer; prompts and batches as model steps alone.

    The consumer is written for clarity: it reads a prompt word by word, one scene at a time.
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
        call = functools.partial(steps, batch=batch)
        found[f"batch_{batch}"] = batch * rate(call, words // 4, repeats)
    return found


def rate(write: Callable[[int], object], count: int, repeats: int) -> float:
    """Tokens per second; a first call, which compiles, is not counted."""
    write(min(count, 20))
    return count / median(lambda: write(count), repeats)


def resident(folder: pathlib.Path, name: str) -> float:
    """Peak resident megabytes of a process that only writes 50 words with the consumer."""
    code = (
        f"import consumer as c; c.generate(c.load({str(folder.resolve())!r}, {name!r}), '', 50); "
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "docs", capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1]) / 1024


def course(network: RNN, count: int) -> list[int]:
    """The course baseline: every word from a full pass over the last words, without a state."""
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


def bandwidth_limit(network: RNN, width: int) -> dict[str, float]:
    """Tokens per second if a word cost only reading the weights, `width` bytes each."""
    count = weights_read(network)
    buffer = torch.ones(count * width // 4)
    buffer.sum()
    seconds = median(lambda: buffer.sum(), 21)
    return {
        "bytes": count * width,
        "gigabytes_per_second": count * width / seconds / 1e9,
        "tokens_per_second": 1 / seconds,
    }


def median(call: Callable[[], object], repeats: int) -> float:
    """Median seconds of a call."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def load_consumer() -> Any:
    """docs/consumer.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("consumer", ROOT / "docs" / "consumer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tables(report: dict[str, Any]) -> list[str]:
    """The figures as Markdown."""
    paths, slowest = report["paths"], report["paths"][COURSE]["tokens_per_second"]
    lines = [
        json.dumps(report["machine"]),
        "| one thread | tokens/s | × course baseline | of bandwidth limit | batch 8 | batch 32 | "
        + " | ".join(f"first word after {count:,}" for count in PROMPTS)
        + " | load |",
        "|" + " --- |" * (7 + len(PROMPTS)),
    ]
    for name, one in paths.items():
        rate = one["tokens_per_second"]
        limit = report["limit"]["int8" if "int8" in name else "fp32"]["tokens_per_second"]
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
                f"{name}: {one['steps']:,.0f} model steps/s; its prompts and batches are steps of "
                f"the model alone; peak memory of the consumer {one['resident_mb']:.0f} MB"
            )
    for kind, one in report["limit"].items():
        lines.append(
            f"bandwidth limit {kind}: {one['bytes'] / 1e6:.0f} MB per word at "
            f"{one['gigabytes_per_second']:.0f} GB/s = {one['tokens_per_second']:,.0f} tokens/s"
        )
    return lines


if __name__ == "__main__":
    run(main)
