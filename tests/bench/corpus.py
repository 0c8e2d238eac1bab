"""python -m tests.bench.corpus: how fast, and in how little memory, many shows are prepared.

Invents shows from a seed, prepares them as a person would, once without interruption and once
killed at random moments, and trains a small network on them. Memory is the resident
memory of all processes together, looked at twenty times a second; pages that they share are
counted for each.
"""

import collections
import itertools
import json
import math
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil

from data import tokens
from data.command_line import Parser, UserError, run
from data.corpus.fast_tokens import Normalizer, Splitter, unix_lines
from data.corpus.pool import run_all
from data.corpus.prepared import MANIFEST, Prepared
from data.corpus.scan import ByteRange, scan_file
from data.corpus.settings import SHARD_BYTES
from data.vocab import line_stats

SHOW = 4_000_000  # bytes of a show, about
LINES = 20_000  # made at once
COMMON, OWN = 60_000, 3_000  # words that all shows have, and that each has for itself
SYLLABLES = [a + b for a in "bcdfghklmnprstvw" for b in "aeiouyé"]
ENDS = ["", ",", ".", ".", "?", "!", "...", ";", "-"]
SMALL_NETWORK = [
    *("--embedding-dim", "64", "--hidden-dim", "64", "--n-layers", "1", "--batch-size", "16"),
    *("--sequence-length", "35", "--cache-size", "0", "--no-spell", "--subwords", "0"),
    *("--epochs", "1", "--device", "cpu"),
]


def main() -> None:
    """Does all that the command line asks for, and prints a line for each part."""
    parser = Parser(prog="python -m tests.bench.corpus", description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=0.05, help="text to invent")
    parser.add_argument("--shows", type=int, default=0, help="files (default: 4 MB each)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is invented")
    parser.add_argument("--kills", type=int, default=20, help="moments at which it is killed")
    parser.add_argument("--minutes", type=float, default=1.0, help="of training; 0 for none")
    parser.add_argument("--processes", type=int, default=psutil.cpu_count(), help="side by side")
    parser.add_argument("--out", help="folder to work in, which is kept (default: a temporary one)")
    options = parser.parse_args()
    size = int(options.gigabytes * 1e9)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(options.out or temporary)
        texts = folder / "shows"
        # Of one name: it is the show's, and stands in the vocabulary.
        whole, killed = (folder / name / "corpus" for name in ("whole", "killed"))
        invent(texts, size, options.shows or -(-size // SHOW), options.seed, options.processes)
        size = sum(path.stat().st_size for path in texts.iterdir())
        print(f"invented {size / 1e6:,.0f} MB in {len(list(texts.iterdir())):,} files", flush=True)

        for name, milliseconds in parts(min(texts.glob("*.txt"))).items():
            print(f"{name}: {milliseconds:.1f} ms a megabyte on one core, at best", flush=True)
        before = cpu_seconds()
        seconds, peak, _ = watched(prepare_command(texts, whole, options.processes))
        work = cpu_seconds() - before
        told = Prepared.open(whole).manifest
        print(
            f"prepared in {seconds:.1f} s: {size / 1e6 / seconds:.1f} MB/s, {work:.1f} s of "
            f"processors' time, at most {peak:,.0f} MB resident; {told['dtype']}, "
            f"{told['tokens']['train']:,} words to train on, "
            f"vocabulary {told['vocabulary']['words']:,}, {told['oov_rate']:.1%} unknown",
            flush=True,
        )
        again, _, _ = watched(prepare_command(texts, whole, options.processes))
        print(f"the same command again: {again:.1f} s", flush=True)
        if options.kills:
            moments = kill(prepare_command(texts, killed, options.processes), options, seconds)
            compare(whole, killed)
            print(f"killed after {moments} s and gone on with: the same files", flush=True)
            shutil.rmtree(killed)
        if options.minutes:
            train(whole, folder / "run", options.minutes)


def parts(show: pathlib.Path, tries: int = 5) -> dict[str, float]:
    """What the parts of the work take on one show: processor's time."""
    blocks = list(ByteRange(0, str(show), 0, min(SHARD_BYTES, show.stat().st_size)).blocks())
    texts = [block.decode() for block in blocks]
    normalization, symbols = tokens.normalization_of("".join(texts)), tokens.token_lookup()
    normalize, split = Normalizer(normalization), Splitter()
    normalized = [normalize(unix_lines(block)) for block in blocks]
    words = [split(block) for block in normalized]
    work = {
        "looking through": lambda: scan_file(str(show), show.parent, 0.05),
        "folding": lambda: [normalize(unix_lines(block)) for block in blocks],
        "splitting": lambda: [split(block) for block in normalized],
        "numbering": lambda: own_numbers(words),
        "speakers and lines": lambda: [line_stats(block.decode()) for block in normalized],
        "folding and splitting as TorchScript does": lambda: [
            tokens.split_words(tokens.normalize(text, normalization), symbols) for text in texts
        ],
    }
    took = {}
    for name, part in work.items():
        size = show.stat().st_size if name == "looking through" else sum(map(len, blocks))
        best = math.inf
        for _ in range(tries):
            start = time.process_time()
            part()
            best = min(best, time.process_time() - start)
        took[name] = best * 1e9 / size
    return took


def own_numbers(blocks: list[list[bytes]]) -> None:
    """As `encode.tokenize_shard` does it."""
    numbers: dict[bytes, int] = collections.defaultdict(itertools.count().__next__)
    for words in blocks:
        np.fromiter(map(numbers.__getitem__, words), np.uint32, len(words))


def train(corpus: pathlib.Path, out: pathlib.Path, minutes: float) -> None:
    """Trains a small network for so long, and prints what that took."""
    command = [sys.executable, "-m", "job", "--data", str(corpus), "--out", str(out)]
    command += [*SMALL_NETWORK, "--max-minutes", str(minutes)]
    _, peak, code = watched(command, expected=(0, 75))
    row = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    print(
        f"trained for {row['step']:,} steps (exit code {code}), "
        f"{row['tokens_per_second']:,.0f} words/s, held-out loss {row['valid_loss']:.2f} "
        f"(unigram {row['unigram_loss']:.2f}), "
        f"at most {peak:,.0f} MB resident"
    )


def prepare_command(texts: pathlib.Path, out: pathlib.Path, processes: int) -> list[str]:
    """As a person types it."""
    command = [sys.executable, "-m", "data", "prepare", str(texts), "--out", str(out)]
    return [*command, "--processes", str(processes)]


def watched(command: list[str], expected: tuple[int, ...] = (0,)) -> tuple[float, float, int]:
    """Runs a command; returns seconds, the most memory in MB, and the exit code."""
    start, peak = time.monotonic(), 0
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        total = 0
        try:
            for one in [process, *process.children(recursive=True)]:
                total += one.memory_info().rss
        except psutil.NoSuchProcess:
            pass
        peak = max(peak, total)
        time.sleep(0.05)
    seconds, errors = time.monotonic() - start, process.stderr.read()
    process.stderr.close()
    if process.returncode not in expected:
        raise UserError(f"{' '.join(command)} ended with {process.returncode}: {errors}")
    return seconds, peak / 1e6, process.returncode


def cpu_seconds() -> float:
    """What all processes that have ended took: on a busy machine it tells more than the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def kill(command: list[str], options, seconds: float) -> str:
    """Kills a command again and again, at moments that together are longer than it takes."""
    source, moments = random.Random(options.seed), []
    for _ in range(options.kills):
        moments.append(source.uniform(0, max(2.0, 3 * seconds / options.kills)))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments[-1])
        process.kill()
        process.wait()
    watched(command)
    return ", ".join(f"{moment:.1f}" for moment in moments)


def compare(one: pathlib.Path, other: pathlib.Path) -> None:
    """Raises `UserError` if two corpora differ in more than the command that made them."""
    manifests = [json.loads((folder / MANIFEST).read_text()) for folder in (one, other)]
    for manifest in manifests:
        del manifest["command"]
    if manifests[0] != manifests[1]:
        raise UserError("the manifests differ")
    for name in manifests[0]["files"]:
        if subprocess.run(["cmp", one / name, other / name]).returncode:
            raise UserError(f"{name} differs")


def invent(folder: pathlib.Path, size: int, shows: int, seed: int, processes: int) -> None:
    """Writes so many shows of together `size` bytes, the same ones for the same seed."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        tasks = [(folder, number, size // shows, seed) for number in range(shows)]
        run_all(invent_show, tasks, processes, "invents shows")


def invent_show(folder: pathlib.Path, number: int, size: int, seed: int) -> None:
    """Writes one show: speakers, directions, words as frequent as Zipf's law has them.

    Every tenth is a CSV, every seventh has the line ends of Windows.
    """
    source = np.random.default_rng([seed, number])
    words = np.array(
        [*invent_words(COMMON, np.random.default_rng(seed)), *invent_words(OWN, source)], object
    )
    chances = 1 / (np.arange(len(words)) + 2.7)
    # A show's own words are among those that are neither frequent nor rare.
    order = np.argsort(np.concatenate([np.arange(COMMON), source.uniform(20, COMMON, OWN)]))
    words, bounds = words[order], np.cumsum(chances / chances.sum())
    speakers = [word.capitalize() for word in invent_words(12, source)]
    table, line_end = number % 10 == 9, "\r\n" if number % 7 == 6 else "\n"
    path = folder / f"show_{number:05}.{'csv' if table else 'txt'}"
    with path.open("w", encoding="utf-8", newline=line_end) as file:
        if table:
            file.write("Character,Dialogue,EpisodeNo\n")
        while file.tell() < size:
            lengths = source.geometric(0.1, LINES)
            places = np.searchsorted(bounds, source.random(lengths.sum()))
            said = words[np.minimum(places, len(words) - 1)]
            ends = np.cumsum(lengths)
            said[ends - 1] += np.array(ENDS, object)[source.integers(len(ENDS), size=LINES)]
            who = source.integers(len(speakers), size=LINES).tolist()
            kind = source.integers(20, size=LINES).tolist()
            said, start, lines = said.tolist(), 0, []
            for end, speaker, one in zip(ends.tolist(), who, kind, strict=True):
                text = " ".join(said[start:end])
                if one == 0:
                    text = f"({said[start]}) {text}"
                elif one == 1:
                    text = f"don’t “{text}”"
                start = end
                name = speakers[speaker]
                lines.append(f'{name},"{text}",1\n' if table else f"{name}: {text}\n\n")
            file.writelines(lines)


def invent_words(count: int, source: np.random.Generator) -> list[str]:
    """Words of one to four syllables; the first ones are short."""
    lengths = 1 + np.minimum(3, np.arange(count) // 400 + source.integers(2, size=count))
    picked = source.integers(len(SYLLABLES), size=(count, 4)).tolist()
    return [
        "".join(SYLLABLES[place] for place in row[:length])
        for row, length in zip(picked, lengths.tolist(), strict=True)
    ]


if __name__ == "__main__":
    run(main)
