"""The figures of a report: losses on real text, and measurements of generated scenes."""

import collections
import dataclasses
import datetime
import math
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import torch

from data import strict_json, tokens, versions
from data.checksum import file_sha256
from data.spacing import Spacing
from data.texts import texts_of
from data.vocab import Vocabulary
from job.checkpoint import git_commit, library_versions, load_network
from job.config import Config
from job.engine.distributed import choose_device
from job.evaluate import (
    TokenizedText,
    bits_per_character,
    held_out_loss,
    token_losses,
    unigram_loss,
)
from job.layers.cache import NO_CACHE, CacheConfig
from job.layers.sampling import Options
from job.layers.speller import Speller, unpack_speller
from job.model import RNN
from job.report import structure
from job.report.copying import copying, marked
from job.report.samples import sample

TEMPERATURES = (0.5, 0.8, 1.0, 1.2)
TOP_P = 0.95  # default of the exported model
SCENE = 250  # words of a scene, punctuation included
PROMPTS = 4  # scenes start with the most frequent speakers in turn
EXCERPTS = 200  # excerpts of a real text to compare with, at most
TRAINING, HELD_OUT = "training text", "held-out text"


@dataclasses.dataclass(frozen=True)
class ReportTexts:
    """The training and the validation text, raw and as `Vocabulary.split` gives them."""

    training_text: str
    held_out_text: str
    training: list[str]
    held_out: list[str]
    counts: list[int]  # count of each word of the vocabulary in the training text, by id
    same: bool  # whether the training text gives the model's vocabulary
    sampled: bool  # whether the training text is a sample of a prepared corpus

    @classmethod
    def read(cls, config: Config, vocabulary: Vocabulary) -> "ReportTexts":
        """Reads and splits them as training does."""
        texts = texts_of(config)
        training, held_out = map(vocabulary.split, (texts.train_text, texts.valid_text))
        same, counts = texts.vocabulary.words == vocabulary.words, list(texts.counts)
        if not same:
            seen = collections.Counter(vocabulary.numbers(training))
            counts = [seen[number] for number in range(len(vocabulary))]
        sampled = not isinstance(texts.train_ids, list)
        return cls(texts.train_text, texts.valid_text, training, held_out, counts, same, sampled)


def loss_by_kind(losses: Sequence[float], kinds: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each kind of token: count, mean loss, share of all tokens, share of the total loss."""
    grouped: dict[str, list[float]] = {kind: [] for kind in structure.KINDS}
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
    texts: ReportTexts,
    cache: CacheConfig = NO_CACHE,
    speller: Speller | None = None,
) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """(scores on held-out text, `loss_by_kind`).

    To add a score, add an item here and a row to `job.report.page.SCORES`.
    """
    device = network.embedding.weight.device.type
    primer = vocabulary.encode(vocabulary.primer)
    text = TokenizedText.read(texts.held_out_text, vocabulary, device)
    losses = token_losses(network, text.ids, primer).tolist()
    # As much training text, from its middle: all of it would take minutes on a CPU.
    start = max(0, (len(texts.training) - len(losses)) // 2)
    known = vocabulary.numbers(texts.training[start : start + len(losses)])
    known_ids = torch.tensor(known, device=device)
    held_out = math.fsum(losses) / len(losses)
    scores = {
        "held_out_loss": held_out,
        "perplexity": math.exp(held_out),
        "unigram_loss": unigram_loss(texts.counts, text.ids.tolist()),
        "training_loss": held_out_loss(network, known_ids, primer),
    }
    if cache:
        with_cache = held_out_loss(network, text.ids, primer, cache=cache, labels=text.labels)
        scores["held_out_loss_with_cache"] = with_cache
    if speller is not None:
        spacing = Spacing.learn(tokens.normalize(texts.training_text, vocabulary.normalization))
        scores |= bits_per_character(network, vocabulary, text, cache, speller, spacing)
    counts = dict(zip(vocabulary.words, texts.counts, strict=True))
    kinds = structure.token_kinds(texts.held_out, set(vocabulary.words), counts)
    return scores, loss_by_kind(losses, kinds)


def write_scenes(
    network: RNN,
    vocabulary: Vocabulary,
    cache: CacheConfig,
    words: int,
    temperature: float,
    seed: int,
) -> list[list[str]]:
    """Scenes of `SCENE` words, `words` in total, that start with the most frequent speakers.

    Written as by the exported model without its speller.
    """
    speakers = [f"{name}:" for name, _ in vocabulary.speakers[:PROMPTS]] or [""]
    length = min(SCENE, words)
    prompts = [
        vocabulary.encode(speakers[number % len(speakers)]) for number in range(words // length)
    ]
    options = Options(temperature=temperature, top_p=TOP_P)
    scenes = sample(network, vocabulary, prompts, length, options=options, cache=cache, seed=seed)
    return [[vocabulary.words[number] for number in scene] for scene in scenes]


def measure(
    scenes: Sequence[Sequence[str]], known: set[str], training: Sequence[str] | None
) -> dict[str, Any]:
    """All figures of a text.

    Args:
        scenes: its scenes, as words.
        known: names of the show's speakers.
        training: the words of the training text without punctuation; None: copying is not measured.
    """
    figures: dict[str, Any] = {
        "words": sum(map(len, scenes)),
        "scenes": len(scenes),
        **structure.structure(scenes, known),
        **structure.repetition(scenes),
        "copied_share": None,
        "longest_copied_run": None,
        "longest_copied_text": "",
        "line_lengths": structure.line_lengths(scenes),
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
    path: pathlib.Path, options: dict[str, str], words: int, seed: int, device: str
) -> dict[str, Any]:
    """The content of report.json, as plain values.

    Args:
        path: the checkpoint.
        options: settings that replace the checkpoint's own: data, valid.
        words: words to generate at each temperature.
        seed: random seed of scenes and excerpts.
        device: "auto", "cpu" or "cuda".
    """
    device = choose_device(device)
    network, vocabulary, checkpoint = load_network(path)
    if "data" in options:  # another file may be in another format
        options = {"format": "", "columns": "", **options}
    config = dataclasses.replace(Config(**checkpoint.config), **options)
    progress(f"reading {config.data}" + (f" and {config.valid}" if config.valid else ""))
    texts = ReportTexts.read(config, vocabulary)
    if not texts.same:
        progress(f"note: {config.data} is not the text that the model was trained on")
    if texts.sampled:
        progress(f"note: {config.data} is a prepared corpus: copies are searched in a sample of it")
    network = network.to(device)
    progress(f"computing the loss of {len(texts.held_out):,} held-out tokens")
    cache = CacheConfig(**checkpoint.cache) if checkpoint.cache else NO_CACHE
    speller = unpack_speller(checkpoint.speller)
    speller = speller and speller.to(device)
    scores, kinds = scores_of(network, vocabulary, texts, cache, speller)
    # Measured once, at the end of the run.
    scores |= {key: value for key, value in checkpoint.scores.items() if key.startswith("test_")}

    known = structure.known_names(vocabulary.speakers)
    training = structure.without_marks(texts.training)
    columns = {}
    for name, text in ((TRAINING, texts.training), (HELD_OUT, texts.held_out)):
        scenes = structure.excerpts(text, EXCERPTS, min(SCENE, words), seed)
        columns[name] = measure(scenes, known, None if name == TRAINING else training)
        del columns[name]["copied_spans"]
    samples = {}
    for temperature in TEMPERATURES:
        progress(f"generating {words:,} words at temperature {temperature}")
        name = f"temperature {temperature}"
        scenes = write_scenes(network, vocabulary, cache, words, temperature, seed)
        columns[name] = measure(scenes, known, training)
        spans = columns[name].pop("copied_spans")
        samples[name] = [
            marked(scene, [span[1:] for span in spans if span[0] == number])
            for number, scene in enumerate(scenes[:PROMPTS])
        ]
    return {
        "format": "cold-open-report",
        "version": versions.REPORT,
        "show": vocabulary.show,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "checkpoint": {
            "path": str(path),
            "sha256": file_sha256(path),
            "parameters": sum(weight.numel() for weight in network.parameters()),
            "created": checkpoint.created,
            "scores": checkpoint.scores,
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
        "history": history(path.with_name("metrics.jsonl")),
        "seed": seed,
        "sampling": {"words": words, "scene_words": min(SCENE, words), "top_p": TOP_P},
        "config": {**checkpoint.config, **options},
        "versions": {"trained": checkpoint.versions, "evaluated": library_versions()},
        "git_commit": {"trained": checkpoint.git_commit, "evaluated": git_commit()},
    }


def history(path: pathlib.Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl; an empty list if there is no such file, or it is another kind."""
    try:
        rows = [strict_json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
    return [row for row in rows if {"epoch", "train_loss", "valid_loss"} <= set(row)]


def progress(line: str) -> None:
    """Prints a line on stderr."""
    sys.stderr.write(line + "\n")
