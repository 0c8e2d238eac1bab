"""python -m tests.bench.presets: scenes of each preset of the page, and at temperature 0, measured.

Scenes are written as the server writes them. A scene begins with a setting, which the model's show
need not have. Casts are everyone and the two speakers with the most lines.
"""

import itertools
import json
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

from data.command_line import Parser, run
from data.speakers import speaker_of
from job.report.structure import SYMBOLS
from serve.models.backends import load_writer
from serve.models.bundles import find_bundles, open_bundle
from serve.scenes.cast import Writer
from serve.scenes.generation import Generation, generate_word
from serve.scenes.scene import PRESETS, build_scene
from serve.scenes.script import opening
from tests.bench.runs import machine
from tests.bench.scene_metrics import Scene, repeated_lines, share

SETTINGS = ("the lighthouse", "the kitchen", "a street at night", "the office", "the hotel bar")
NGRAM = 8  # words, punctuation included; a scene that repeats this many goes in circles
# Name, preset, options. A no-repeat size above the scene's length is no rule.
VARIANTS: list[tuple[str, str, dict[str, Any]]] = [
    *((name, name, {}) for name in PRESETS),
    ("temperature 0", "", {"temperature": 0, "top_p": 1}),
    ("temperature 0, no rule", "", {"temperature": 0, "top_p": 1, "no_repeat_ngram_size": 100}),
]
COLUMNS = {
    "same_speaker_twice": "same speaker twice",
    "invented_words": "invented words",
    "repeated_lines": "repeated lines",
    "repeated_ngrams": f"repeated {NGRAM}-grams",
    "distinct_words": "distinct words",
}


def main() -> None:
    """Prints one Markdown table for each cast."""
    parser = Parser(prog="python -m tests.bench.presets", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=pathlib.Path, help="bundle (default: the newest)")
    parser.add_argument("--runtime", choices=("torchscript", "onnx"), default="torchscript")
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--scenes", type=int, default=20, help="scenes of each row")
    parser.add_argument("--length", type=int, default=200, help="words of a scene, about")
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    folder = options.model or find_bundles(pathlib.Path("artifacts"))[0]
    bundle = open_bundle(folder, options.runtime, options.precision)
    writer = load_writer(bundle)
    names = [name for name, _ in writer.vocabulary.speakers[:2]]
    report: dict[str, Any] = {"machine": machine(), "model": folder.name, "scenes": options.scenes}
    report["speaker_repeat"] = writer.vocabulary.speaker_repeat
    print(json.dumps(report))
    for cast in ([], names):
        for invent_words in (False, True):
            title = f"cast: {', '.join(cast) or 'everyone'}; invented words: {invent_words}"
            rows = {
                name: figures(writer, preset, {**extra, "cast": cast, "invent_words": invent_words,
                              "length": options.length}, options.scenes)
                for name, preset, extra in VARIANTS
            }  # fmt: skip
            report[title] = rows
            print("\n".join(["", title, "", *table(rows)]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def figures(writer: Writer, preset: str, options: dict[str, Any], count: int) -> dict[str, Any]:
    """The figures of `count` scenes with the seeds 0, 1, 2, ... in one batch."""
    prompts = itertools.cycle(opening(setting, "") for setting in SETTINGS)
    batch = [
        Generation(writer, build_scene(preset, seed, prompt=prompt, **options))
        for seed, prompt in zip(range(count), prompts, strict=False)
    ]
    for generation in batch:
        generation.start()
    while active := [generation for generation in batch if generation.active]:
        generate_word(active)
    vocabulary = writer.vocabulary
    texts = [generation.text.lower() for generation in batch]
    scenes = [
        Scene(vocabulary.split(text), len(vocabulary.split(generation.prompt)))
        for text, generation in zip(texts, batch, strict=True)
    ]
    known = {*vocabulary.words, *SYMBOLS.values()}
    turns = [speaker_turns(text) for text in texts]
    words = sum(len(scene.written()) for scene in scenes)
    return {
        "turns": sum(len(each) for each in turns),
        "same_speaker_twice": share(sum(map(sum, turns)), sum(map(len, turns))),
        "invented_words": share(sum(len(scene.new_words(known)) for scene in scenes), words),
        "repeated_lines": repeated_lines(scenes),
        "repeated_ngrams": repeated_ngrams([scene.words for scene in scenes]),
        "distinct_words": share(sum(len(set(scene.written())) for scene in scenes), words),
    }


def speaker_turns(text: str) -> list[bool]:
    """For each speech after the first: whether its speaker spoke the one before too."""
    speakers = [name for line in text.split("\n") if (name := speaker_of(line))]
    return [one == other for one, other in itertools.pairwise(speakers)]


def repeated_ngrams(scenes: Sequence[Sequence[str]]) -> float | None:
    """The share of n-grams that occur earlier in their scene."""
    total = distinct = 0
    for words in scenes:
        found = [tuple(words[start : start + NGRAM]) for start in range(len(words) - NGRAM + 1)]
        total, distinct = total + len(found), distinct + len(set(found))
    return share(total - distinct, total)


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """The figures as Markdown, shares in percent."""
    lines = [f"| {' | '.join(['', 'turns', *COLUMNS.values()])} |", "|" + " --- |" * 7]
    for name, row in rows.items():
        cells = [f"{100 * (row[key] or 0):.1f} %" for key in COLUMNS]
        lines.append(f"| {' | '.join([name, str(row['turns']), *cells])} |")
    return lines


if __name__ == "__main__":
    run(main)
