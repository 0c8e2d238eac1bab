"""python -m tests.bench.scenes: scenes of exported models, measured beside real scenes of the show.

Each model is read from its TorchScript file alone and writes with its default settings. A prompt is
the opening of a real scene: all up to the first speaker's name, such as a scene heading, a stage
direction and "odette:". A real scene is an excerpt of held-out text of the same length, and its
opening counts as its prompt. Another network, the judge, gives the perplexity of all scenes.
"""

import argparse
import collections
import itertools
import json
import pathlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from data.command_line import Parser, UserError, run
from data.show.read import show_name
from data.texts import TrainingText, load_texts
from data.vocab import Vocabulary
from job.checkpoint import load_network
from job.model import RNN
from job.report.structure import excerpts, without_marks
from tests.bench import scene_tables
from tests.bench.runs import machine
from tests.bench.scene_metrics import Scene, measure, opening, perplexity

FILES = ("model.int8.torchscript.pt", "model.torchscript.pt")  # the first that is in the folder
REAL = "real scenes"
SHUFFLE_SEED = 0  # order of the real scenes
MIN_WORDS = 10  # of a scene
MAX_INVENTED = 20  # invented words in the report, with their counts
DOCUMENT_SCENES = 10  # whole scenes of each model in docs/scenes.md


def main() -> None:
    """Prints a Markdown table; with --markdown a section of docs/scenes.md."""
    options = parse()
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
    torch.set_num_threads(options.threads)
    report = build(options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.markdown or options.update:
        shown = DOCUMENT_SCENES if options.show is None else options.show
        section = scene_tables.section(report, shown)
        if options.update:
            scene_tables.update(options.update, section)
        if options.markdown:
            print(section)
        return
    print(json.dumps(report["machine"]))
    print("\n".join([*scene_tables.facts(report), "", *scene_tables.table(report["columns"])]))
    if options.show:
        print("\n" + "\n".join(scene_tables.scenes(report, options.show)))


def parse() -> argparse.Namespace:
    """The command line; raises `UserError` for values out of range."""
    parser = Parser(prog="python -m tests.bench.scenes", description=__doc__.split("\n")[0])
    parser.add_argument(
        "models",
        nargs="+",
        type=pathlib.Path,
        metavar="MODEL",
        help="folder of an exported model, of which the int8 file is read if there is one; or a "
        "TorchScript file",
    )
    parser.add_argument("--names", nargs="+", help="a name for each model (default: its folder's)")
    parser.add_argument(
        "--data",
        default="",
        help="the show's script, for all models (default: the texts that the last model's manifest "
        "names)",
    )
    parser.add_argument("--valid", default="", help="held-out text (default: the end of --data)")
    parser.add_argument("--test", default="", help="held-out text to use instead of --valid")
    parser.add_argument(
        "--judge",
        type=pathlib.Path,
        default=pathlib.Path("artifacts/base/checkpoint.pt"),
        help="checkpoint of the network that gives the scenes' perplexity",
    )
    parser.add_argument("--scenes", type=int, default=100, help="scenes of each model")
    parser.add_argument(
        "--words", type=int, default=200, help="words and punctuation marks of a scene"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first scene; then one more each"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument(
        "--show",
        type=int,
        help=f"scenes of each model to print whole (with --markdown {DOCUMENT_SCENES}, else none)",
    )
    parser.add_argument(
        "--markdown",
        action="store_true",
        help=f"print a section of docs/scenes.md, with {DOCUMENT_SCENES} scenes of each model",
    )
    parser.add_argument(
        "--update", type=pathlib.Path, help="file in which to replace that section, or to append it"
    )
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures and all scenes")
    options = parser.parse_args()
    for name, least in (("scenes", 1), ("words", MIN_WORDS), ("seed", 0), ("threads", 1)):
        if getattr(options, name) < least:
            raise UserError(f"--{name} must be at least {least}, not {getattr(options, name)}")
    if options.seed + options.scenes > 2**31:
        raise UserError("--seed must leave a seed up to 2147483647 for every scene")
    options.names = options.names or names_of(options.models)
    count = len(options.models)
    if len(options.names) != count or len({*options.names, REAL}) != count + 1:
        raise UserError(f"--names needs {count} different names, one for each MODEL")
    return options


def names_of(models: Sequence[pathlib.Path]) -> list[str]:
    """The names of the models' folders; their paths, if two of them are equal."""
    names = [(path.parent if path.is_file() else path).resolve().name for path in models]
    return names if len(set(names)) == len(names) else [str(path) for path in models]


def build(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of the real scenes and of every model, and all generated scenes."""
    writers = [load_writer(path) for path in options.models]
    manifests = [read_manifest(path) for path in options.models]
    judge = load_judge(options.judge)
    texts, show = read_texts(options, manifests[-1])
    for name, manifest in zip(options.names, manifests, strict=True):
        if not options.data and (split := split_of(manifest)) != split_of(manifests[-1]):
            progress(f"note: {name} was trained on another text or split: {split or 'unknown'}")
    if not isinstance(texts.train_ids, list):
        progress("note: the text is a prepared corpus: copies are searched for in a sample of it")
    held_out = texts.vocabulary.split(texts.test_text or texts.valid_text)
    chosen = excerpts(held_out, options.scenes, options.words, SHUFFLE_SEED)
    real = [Scene(words, opening(words)) for words in chosen]
    prompts = list(itertools.islice(itertools.cycle(real), options.scenes))

    columns = {REAL: (real, {word for writer in writers for word in writer.words})}
    written: dict[str, list[str]] = {}
    for name, writer in zip(options.names, writers, strict=True):
        progress(f"{name} writes {options.scenes} scenes")
        written[name] = write_scenes(writer, prompts, options.words, options.seed)
        scenes = [
            Scene(texts.vocabulary.split(text), prompt.prompt)
            for text, prompt in zip(written[name], prompts, strict=True)
        ]
        columns[name] = (scenes, set(writer.words))

    training = without_marks(texts.vocabulary.split(texts.train_text))
    figures, invented = {}, {}
    for name, (scenes, vocabulary) in columns.items():
        progress(f"measuring {name}")
        figures[name] = measure(scenes, vocabulary, training)
        if judge:
            figures[name] |= perplexity(scenes, *judge)
        if name != REAL:
            words = [word for scene in scenes for word in scene.new_words(vocabulary)]
            invented[name] = dict(collections.Counter(words).most_common(MAX_INVENTED))
    return {
        "machine": machine(),
        "show": show,
        "held_out": {
            "part": "test" if texts.test_text else "validation",
            "words": len(held_out),
            "scenes": len(real),
        },
        "settings": {name: getattr(options, name) for name in ("scenes", "words", "seed")},
        "judge": judge and {"path": str(options.judge), "vocabulary": len(judge[1])},
        "columns": figures,
        "invented": invented,
        "prompts": [prompt.prompt_text for prompt in prompts],
        "scenes": written,
    }


def load_judge(path: pathlib.Path) -> tuple[RNN, Vocabulary] | None:
    """The network and the vocabulary of a checkpoint; None, with a message, if there is none."""
    if not path.is_file():
        progress(f"there is no {path}: the perplexity under a judge is left out")
        return None
    network, vocabulary, _ = load_network(path)
    return network, vocabulary


def load_writer(model: pathlib.Path) -> Any:
    """The TorchScript module of a folder, or a file; raises `UserError` if there is none."""
    paths = [model] if model.is_file() else [model / name for name in FILES]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise UserError(f"{model} has no {FILES[1]}: export the model first (python -m export)")
    try:
        return torch.jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        reason = str(error).split("\n")[0][:120]
        raise UserError(f"{path} cannot be read as a TorchScript file: {reason}") from None


def write_scenes(writer: Any, prompts: Sequence[Scene], words: int, seed: int) -> list[str]:
    """One scene for each prompt with the default settings, `words` words with the prompt."""
    return [
        writer.generate(scene.prompt_text, words - scene.prompt, seed=seed + number)
        for number, scene in enumerate(prompts)
    ]


def read_manifest(model: pathlib.Path) -> dict[str, Any]:
    """The manifest beside a model; {} if there is none.

    Its format version is not checked: models of an earlier version can be compared too.
    """
    path = (model.parent if model.is_file() else model) / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def split_of(manifest: dict[str, Any]) -> str:
    """The settings of a run that determine its training text, as text."""
    names = ("data", "valid", "valid_fraction", "test", "test_fraction")
    config = manifest.get("config", {})
    return ", ".join(f"{name} {config[name]}" for name in names if config.get(name))


def read_texts(options: argparse.Namespace, manifest: dict[str, Any]) -> tuple[TrainingText, str]:
    """The show's texts and its name: those of the flags, else those of a manifest.

    Raises:
        UserError: if neither names a text, or a text cannot be read.
    """
    config = manifest.get("config", {})
    data = options.data or config.get("data")
    if not data:
        raise UserError(f"{options.models[-1]} has no manifest that names its script: give --data")
    files = {name: getattr(options, name) for name in ("valid", "test")}
    if not options.data:
        files = {name: path or config.get(name, "") for name, path in files.items()}
    names = ("valid_fraction", "test_fraction", "min_count")
    names += () if options.data else ("format", "columns")
    fractions = {name: config[name] for name in names if name in config}
    show = manifest.get("show") or show_name(data)
    return load_texts(data, show, **files, **fractions), show


def progress(line: str) -> None:
    """Prints a line on stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)
