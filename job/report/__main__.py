"""python -m job.report: judge a trained model in figures, and show them on one page."""

import collections
import dataclasses
import datetime
import hashlib
import json
import math
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import torch

from data import tokens
from data.command_line import Parser, UserError, run
from data.spacing import Spacing
from data.texts import texts_of
from data.vocab import Vocabulary
from job.checkpoint import describe_run, load_network
from job.config import Config
from job.engine.monitor import write_text
from job.evaluate import held_out_loss, token_losses, unigram_loss
from job.finalize import score_characters, unpack_speller
from job.layers.cache_config import NO_CACHE, CacheConfig
from job.layers.speller import Speller
from job.model import RNN
from job.report import structure as anatomy
from job.report.copying import copying, marked
from job.report.page import render, verdict
from job.report.samples import sample
from job.train import choose_device

TEMPERATURES = (0.5, 0.8, 1.0, 1.2)
TOP_P = 0.95  # as the exported model writes unless told otherwise
SCENE = 250  # words of a scene, punctuation counted
PROMPTS = 4  # the most frequent speakers begin the scenes in turn
EXCERPTS = 200  # at most, of a text to compare with
TRAINING, HELD_OUT = "training text", "held-out text"


@dataclasses.dataclass(frozen=True)
class Texts:
    """The two texts a model is judged by, as they are and as `Vocabulary.split` gives them."""

    training_text: str
    held_out_text: str
    training: list[str]
    held_out: list[str]
    counts: list[int]  # how often each word of the vocabulary stands in the training text, by id
    same: bool  # whether the training text gives the model's own vocabulary
    sampled: bool  # whether the training text is but a sample of a prepared corpus

    @classmethod
    def read(cls, config: Config, vocabulary: Vocabulary) -> "Texts":
        """Reads and splits them exactly as training does."""
        texts = texts_of(config)
        training, held_out = map(vocabulary.split, (texts.train_text, texts.valid_text))
        same, counts = texts.vocabulary.words == vocabulary.words, list(texts.counts)
        if not same:
            seen = collections.Counter(vocabulary.numbers(training))
            counts = [seen[number] for number in range(len(vocabulary))]
        sampled = not isinstance(texts.train_ids, list)
        return cls(texts.train_text, texts.valid_text, training, held_out, counts, same, sampled)


def loss_by_kind(losses: Sequence[float], kinds: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Count, mean loss, and share of all tokens and of all loss, for each kind of token."""
    grouped: dict[str, list[float]] = {kind: [] for kind in anatomy.KINDS}
    for loss, kind in zip(losses, kinds, strict=True):
        grouped[kind].append(loss)
    total = math.fsum(losses)
    return {
        kind: {
            "tokens": len(group),
            "loss": math.fsum(group) / len(group) if group else None,
            "share_of_tokens": len(group) / len(losses),
            "share_of_loss": math.fsum(group) / total if total else 0.0,
        }
        for kind, group in grouped.items()
    }


def scores_of(
    network: RNN,
    vocabulary: Vocabulary,
    texts: Texts,
    cache: CacheConfig = NO_CACHE,
    speller: Speller | None = None,
) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """(what the model is judged by on text it did not write, `loss_by_kind`).

    A further score is one more item here, and one row in `report_page.SCORES`.
    """
    device = next(network.parameters()).device
    primer = vocabulary.encode(vocabulary.primer)
    train_ids, valid_ids = vocabulary.numbers(texts.training), vocabulary.numbers(texts.held_out)
    ids = torch.tensor(valid_ids, device=device)
    losses = token_losses(network, ids, primer).tolist()
    # As much of the training text, from its middle: all of it would take minutes on a CPU.
    start = max(0, (len(train_ids) - len(valid_ids)) // 2)
    known = torch.tensor(train_ids[start : start + len(valid_ids)], device=device)
    held_out = math.fsum(losses) / len(losses)
    scores = {
        "held_out_loss": held_out,
        "perplexity": math.exp(held_out),
        "unigram_loss": unigram_loss(texts.counts, valid_ids),
        "training_loss": held_out_loss(network, known, primer),
    }
    if cache:
        remembering = held_out_loss(network, ids, primer, cache=cache)
        scores["held_out_loss_with_cache"] = remembering
    if speller is not None:
        spacing = Spacing.learn(tokens.normalize(texts.training_text, vocabulary.normalization))
        scores |= score_characters(
            network, speller, vocabulary, spacing, texts.held_out_text, cache
        )
    counts = dict(zip(vocabulary.words, texts.counts, strict=True))
    kinds = anatomy.token_kinds(texts.held_out, set(vocabulary.words), counts)
    return scores, loss_by_kind(losses, kinds)


def write_scenes(
    network: RNN,
    vocabulary: Vocabulary,
    cache: CacheConfig,
    words: int,
    temperature: float,
    seed: int,
) -> list[list[str]]:
    """Scenes of `SCENE` words, so many words in all, begun by the most frequent speakers.

    As the exported model writes them, but that no new word is spelled.
    """
    speakers = [f"{name}:" for name, _ in vocabulary.speakers[:PROMPTS]] or [""]
    length = min(SCENE, words)
    prompts = [
        vocabulary.encode(speakers[number % len(speakers)]) for number in range(words // length)
    ]
    scenes = sample(
        network,
        vocabulary.encode(vocabulary.primer),
        prompts,
        length,
        unknown_id=vocabulary.unknown_id,
        temperature=temperature,
        top_p=TOP_P,
        cache=cache,
        seed=seed,
    )
    return [[vocabulary.words[number] for number in scene] for scene in scenes]


def measure(
    scenes: Sequence[Sequence[str]], known: set[str], training: Sequence[str] | None
) -> dict[str, Any]:
    """All figures of a text; without copying where `training`, its bare words, is None."""
    figures: dict[str, Any] = {
        "words": sum(map(len, scenes)),
        "scenes": len(scenes),
        **anatomy.structure(scenes, known),
        **anatomy.repetition(scenes),
        "copied_share": None,
        "longest_copied_run": None,
        "longest_copied_text": "",
        "line_lengths": anatomy.line_lengths(scenes),
        "copied_spans": [],
    }
    if training is not None:
        found = copying(scenes, training)
        figures["copied_share"] = found.rate
        figures["longest_copied_run"] = found.longest
        figures["longest_copied_text"] = found.longest_text
        figures["copied_spans"] = found.spans
    return figures


def build(
    checkpoint: pathlib.Path, options: dict[str, str], words: int, seed: int, device: str
) -> dict[str, Any]:
    """All that report.json tells about a checkpoint, as plain values.

    Args:
        checkpoint: what job wrote.
        options: settings that replace the checkpoint's own: data, valid.
        words: to write at each temperature.
    """
    device = choose_device(device)
    network, vocabulary, content = load_network(checkpoint)
    config = dataclasses.replace(Config(**content["config"]), **options)
    progress(f"reads {config.data}" + (f" and {config.valid}" if config.valid else ""))
    texts = Texts.read(config, vocabulary)
    if not texts.same:
        progress(f"note: {config.data} is not the text that the model was trained on")
    if texts.sampled:
        progress(f"note: of {config.data}, a prepared corpus, a sample is searched for copies")
    network = network.to(device)
    progress(f"takes the loss of {len(texts.held_out):,} held-out tokens")
    cache = CacheConfig(**content["scores"].get("cache", {"size": 0}))
    speller = unpack_speller(content.get("speller", {}))
    speller = speller and speller.to(device)
    scores, kinds = scores_of(network, vocabulary, texts, cache, speller)

    known = anatomy.known_names(vocabulary.speakers)
    training = anatomy.without_marks(texts.training)
    columns = {}
    for name, text in ((TRAINING, texts.training), (HELD_OUT, texts.held_out)):
        scenes = anatomy.excerpts(text, EXCERPTS, min(SCENE, words), seed)
        columns[name] = measure(scenes, known, None if name == TRAINING else training)
        del columns[name]["copied_spans"]
    samples = {}
    for temperature in TEMPERATURES:
        progress(f"writes {words:,} words at temperature {temperature}")
        name = f"temperature {temperature}"
        scenes = write_scenes(network, vocabulary, cache, words, temperature, seed)
        columns[name] = measure(scenes, known, training)
        spans = columns[name].pop("copied_spans")
        samples[name] = [
            marked(scene, [span[1:] for span in spans if span[0] == number])
            for number, scene in enumerate(scenes[:PROMPTS])
        ]
    ran = describe_run(config)
    return {
        "format": "cold-open-report",
        "version": 1,
        "show": vocabulary.show,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "checkpoint": {
            "path": str(checkpoint),
            "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
            "parameters": sum(weight.numel() for weight in network.parameters()),
            "created": content.get("created", ""),
            "scores": content.get("scores", {}),
        },
        "texts": {
            "training_tokens": sum(texts.counts),
            "held_out_tokens": len(texts.held_out),
            "vocabulary": len(vocabulary),
            "training_text_is_the_models": texts.same,
            "training_text_is_a_sample": texts.sampled,
        },
        "scores": scores,
        "loss_by_kind": kinds,
        "columns": columns,
        "samples": samples,
        "history": history(checkpoint.with_name("metrics.jsonl")),
        "seed": seed,
        "sampling": {"words": words, "scene_words": min(SCENE, words), "top_p": TOP_P},
        "config": {**content["config"], **options},
        "versions": {"trained": content.get("versions", {}), "evaluated": ran["versions"]},
        "git_commit": {"trained": content.get("git_commit", ""), "evaluated": ran["git_commit"]},
    }


def history(path: pathlib.Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl; none if there is no such file or it is another kind."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
    return [row for row in rows if {"epoch", "train_loss", "valid_loss"} <= set(row)]


def newest_checkpoint(root: pathlib.Path) -> pathlib.Path:
    """The checkpoint under `root` that was written last."""
    found = sorted(root.glob("*/checkpoint.pt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(f"{root} holds no model: train one first (make train, or make demo)")
    return found[-1]


def progress(line: str) -> None:
    """Tells the person who waits what is being done."""
    sys.stderr.write(line + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes report.html and report.json as the command line says."""
    parser = Parser(prog="python -m job.report", description="Judges a trained model.")
    parser.add_argument(
        "--checkpoint", type=pathlib.Path, help="what job wrote (default: the newest in artifacts/)"
    )
    parser.add_argument("--data", default="", help="training script (default: the checkpoint's)")
    parser.add_argument("--valid", default="", help="held-out script (default: the checkpoint's)")
    parser.add_argument("--out", type=pathlib.Path, help="folder (default: the checkpoint's)")
    parser.add_argument("--words", type=int, default=10000, help="to write at each temperature")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where")
    given = parser.parse_args(arguments)
    if given.words < 1:
        raise UserError(f"--words must be at least 1, not {given.words}")
    if not 0 <= given.seed < 2**31:
        raise UserError(f"--seed must be from 0 to 2147483647, not {given.seed}")
    options = {name: getattr(given, name) for name in ("data", "valid") if getattr(given, name)}
    checkpoint = given.checkpoint or newest_checkpoint(pathlib.Path("artifacts"))
    report = build(checkpoint, options, given.words, given.seed, given.device)
    folder = given.out or checkpoint.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "report.html", render(report))
        text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        write_text(folder / "report.json", text)
    except OSError as error:
        raise UserError(f"{folder} could not be written to: {error.strerror}") from None
    rows = [f"{row.label:<34} {row.value:>9}  {row.beside}" for row in verdict(report)]
    sys.stdout.write("\n".join([*rows, str(folder / "report.html"), str(folder / "report.json")]))
    sys.stdout.write("\n")


if __name__ == "__main__":
    run(main)
