"""python -m tests.bench.corpus: speed and peak memory of `python -m data prepare` on many shows.

Generates shows from a seed, prepares them once without interruption and once with kills at random
moments, compares the results, and trains a small network on them. Memory is the resident memory
of all processes together, sampled twenty times a second; shared pages count for each process.
"""

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
from data.corpus.byte_range import ByteRange
from data.corpus.fast_lines import FastLineStats
from data.corpus.fast_tokens import Normalizer, unix_lines
from data.corpus.pool import Workers
from data.corpus.prepared import MANIFEST, Prepared
from data.corpus.scan import scan_file
from data.corpus.settings import SHARD_BYTES
from data.corpus.word_ids import WordIds

SHOW_BYTES = 4_000_000  # approximate size of a show
LINES = 20_000  # lines generated at once
COMMON, OWN = 60_000, 3_000  # words shared by all shows, and words of each show
SYLLABLES = [a + b for a in "bcdfghklmnprstvw" for b in "aeiouyé"]
ENDS = ["", ",", ".", ".", "?", "!", "...", ";", "-"]
SMALL_NETWORK = [
    *("--embedding-dim", "64", "--hidden-dim", "64", "--n-layers", "1", "--batch-size", "16"),
    *("--sequence-length", "35", "--cache-size", "0", "--no-spell", "--subwords", "0"),
    *("--epochs", "1", "--device", "cpu", "--base", "none"),
]


def main() -> None:
    """Runs the parts that the command line selects and prints a line for each."""
    parser = Parser(prog="python -m tests.bench.corpus", description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=0.05, help="text to generate")
    parser.add_argument("--shows", type=int, default=0, help="number of files (default: 4 MB each)")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    parser.add_argument(
        "--kills", type=int, default=20, help="number of kills; 0 to leave this part out"
    )
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="minutes of training; 0 to leave it out"
    )
    parser.add_argument(
        "--processes", type=int, default=psutil.cpu_count(), help="worker processes"
    )
    parser.add_argument("--out", help="working folder to keep (default: a temporary one)")
    options = parser.parse_args()
    size = int(options.gigabytes * 1e9)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(options.out or temporary)
        texts = folder / "shows"
        # Both have one name, because the vocabulary holds it as the show's name.
        whole, killed = (folder / name / "corpus" for name in ("whole", "killed"))
        generate(
            texts, size, options.shows or -(-size // SHOW_BYTES), options.seed, options.processes
        )
        size = sum(path.stat().st_size for path in texts.iterdir())
        print(f"generated {size / 1e6:,.0f} MB in {len(list(texts.iterdir())):,} files", flush=True)

        for name, milliseconds in time_stages(min(texts.glob("*.txt"))).items():
            print(f"{name}: {milliseconds:.1f} ms per megabyte, one core, best of 5", flush=True)
        before = cpu_seconds()
        seconds, peak, _ = run_and_sample(prepare_command(texts, whole, options.processes))
        work = cpu_seconds() - before
        manifest = Prepared.open(whole).manifest
        print(
            f"prepared in {seconds:.1f} s: {size / 1e6 / seconds:.1f} MB/s, {work:.1f} s of "
            f"CPU time, peak {peak:,.0f} MB resident; {manifest['dtype']}, "
            f"{manifest['tokens']['train']:,} training tokens, "
            f"vocabulary {manifest['vocabulary']['words']:,}, "
            f"{manifest['oov_rate']:.1%} out-of-vocabulary",
            flush=True,
        )
        again, _, _ = run_and_sample(prepare_command(texts, whole, options.processes))
        print(f"the same command again: {again:.1f} s", flush=True)
        if options.kills:
            moments = kill(prepare_command(texts, killed, options.processes), options, seconds)
            compare(whole, killed)
            print(f"killed after {moments} s and resumed: the same files", flush=True)
            shutil.rmtree(killed)
        if options.minutes:
            train(whole, folder / "run", options.minutes)


def time_stages(show: pathlib.Path, tries: int = 5) -> dict[str, float]:
    """CPU milliseconds per megabyte of each stage of the work, on one show."""
    blocks = list(ByteRange(0, str(show), 0, min(SHARD_BYTES, show.stat().st_size)).blocks())
    texts = [block.decode() for block in blocks]
    normalization, symbols = tokens.normalization_of("".join(texts)), tokens.token_lookup()
    normalize = Normalizer(normalization)
    normalized = [normalize(unix_lines(block)) for block in blocks]
    work = {
        "scanning": lambda: scan_file(str(show), show.parent, 0.05),
        "normalizing": lambda: [normalize(unix_lines(block)) for block in blocks],
        "splitting and numbering": lambda: list(map(WordIds(), normalized)),
        "speakers and lines": lambda: list(map(FastLineStats(), normalized)),
        "normalizing and splitting as TorchScript does": lambda: [
            tokens.split_words(tokens.normalize(text, normalization), symbols) for text in texts
        ],
    }
    taken = {}
    for name, stage in work.items():
        size = show.stat().st_size if name == "scanning" else sum(map(len, blocks))
        best = math.inf
        for _ in range(tries):
            start = time.process_time()
            stage()
            best = min(best, time.process_time() - start)
        taken[name] = best * 1e9 / size
    return taken


def train(corpus: pathlib.Path, out: pathlib.Path, minutes: float) -> None:
    """Trains a small network for some minutes, and prints its speed and peak memory."""
    command = [sys.executable, "-m", "job", "--data", str(corpus), "--out", str(out)]
    command += [*SMALL_NETWORK, "--max-minutes", str(minutes)]
    _, peak, code = run_and_sample(command, expected=(0, 75))
    row = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    print(
        f"trained for {row['step']:,} steps (exit code {code}), "
        f"{row['tokens_per_second']:,.0f} tokens/s, held-out loss {row['valid_loss']:.2f} "
        f"(unigram {row['unigram_loss']:.2f}), "
        f"peak {peak:,.0f} MB resident"
    )


def prepare_command(texts: pathlib.Path, out: pathlib.Path, processes: int) -> list[str]:
    """The command that prepares the texts."""
    command = [sys.executable, "-m", "data", "prepare", str(texts), "--out", str(out)]
    return [*command, "--processes", str(processes)]


def run_and_sample(
    command: list[str], expected: tuple[int, ...] = (0,)
) -> tuple[float, float, int]:
    """Runs a command; returns (seconds, peak resident memory in MB, exit code).

    Raises:
        UserError: if the exit code is not an expected one.
    """
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
    """CPU time of all child processes that have ended; on a busy machine wall time varies more."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def kill(command: list[str], options, seconds: float) -> str:
    """Kills a command repeatedly, then lets it end; returns the moments in seconds.

    The moments add up to more than one run of the command.
    """
    source, moments = random.Random(options.seed), []
    for _ in range(options.kills):
        moments.append(source.uniform(0, max(2.0, 3 * seconds / options.kills)))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments[-1])
        process.kill()
        process.wait()
    run_and_sample(command)
    return ", ".join(f"{moment:.1f}" for moment in moments)


def compare(one: pathlib.Path, other: pathlib.Path) -> None:
    """Raises `UserError` if two corpora differ in anything but the command that made them."""
    manifests = [json.loads((folder / MANIFEST).read_text()) for folder in (one, other)]
    for manifest in manifests:
        del manifest["command"]
    if manifests[0] != manifests[1]:
        raise UserError("the manifests differ")
    for name in manifests[0]["files"]:
        if subprocess.run(["cmp", one / name, other / name]).returncode:
            raise UserError(f"{name} differs")


def generate(folder: pathlib.Path, size: int, shows: int, seed: int, processes: int) -> None:
    """Writes `shows` files of `size` bytes in total; the same files for the same seed."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        tasks = [(folder, number, size // shows, seed) for number in range(shows)]
        with Workers(processes) as workers:
            workers.run_all(generate_show, tasks, "generating shows")


def generate_show(folder: pathlib.Path, number: int, size: int, seed: int) -> None:
    """Writes one show with speakers, directions and Zipf-distributed words.

    Every tenth show is a CSV, every seventh has Windows line ends.
    """
    source = np.random.default_rng([seed, number])
    words = np.array(
        [*generate_words(COMMON, np.random.default_rng(seed)), *generate_words(OWN, source)], object
    )
    chances = 1 / (np.arange(len(words)) + 2.7)
    # A show's own words get middle ranks, neither frequent nor rare.
    order = np.argsort(np.concatenate([np.arange(COMMON), source.uniform(20, COMMON, OWN)]))
    words, bounds = words[order], np.cumsum(chances / chances.sum())
    speakers = [word.capitalize() for word in generate_words(12, source)]
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


def generate_words(count: int, source: np.random.Generator) -> list[str]:
    """Words of one to four syllables; the first ones, which are the most frequent, are short."""
    lengths = 1 + np.minimum(3, np.arange(count) // 400 + source.integers(2, size=count))
    picked = source.integers(len(SYLLABLES), size=(count, 4)).tolist()
    return [
        "".join(SYLLABLES[place] for place in row[:length])
        for row, length in zip(picked, lengths.tolist(), strict=True)
    ]


if __name__ == "__main__":
    run(main)
