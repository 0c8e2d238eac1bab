"""Examples of settings and first lines, which the model itself writes when the server starts."""

import dataclasses

from serve.scenes.cast import Writer
from serve.scenes.generation import Generation, generate_word
from serve.scenes.scene import Scene
from serve.scenes.script import display_name

HEADING = "[setting:"
TEMPERATURE = 0.5  # low: settings and lines that are common in the show
SEEDS = 6  # tries for each kind
MAX_WORDS = 14  # of a setting or of a line
MIN_LINE_WORDS = 3
MAX_SETTING_LETTERS = 30  # fits in a button


@dataclasses.dataclass(frozen=True)
class Example:
    """A scene that one button writes: who speaks, where, and the first line."""

    label: str
    cast: list[str]
    setting: str
    line: str


@dataclasses.dataclass(frozen=True)
class Examples:
    """Texts of one show. All are empty if the model writes none."""

    setting: str  # placeholders
    line: str
    scenes: list[Example]


def show_examples(writer: Writer) -> Examples:
    """Examples of the show that a model is trained on; they are the same at every start."""
    speakers = [display_name(name) for name, _ in writer.vocabulary.speakers[:3]]
    prompts = [HEADING, *(f"{name}:" for name in speakers)]
    scenes = [
        Scene(prompt=prompt, one_line=True, temperature=TEMPERATURE, seed=seed)
        for prompt in prompts
        for seed in range(SEEDS)
    ]
    written = _write(writer, scenes)
    has_headings = set(writer.vocabulary.split(HEADING)) <= set(writer.vocabulary.words)
    settings = _settings(written[:SEEDS]) if has_headings else []
    lines = [_line(written[start : start + SEEDS]) for start in range(SEEDS, len(written), SEEDS)]
    settings += [""] * 3
    lines += [""] * 3
    return Examples(settings[2] or settings[0], lines[0], _scenes(speakers, settings, lines))


def _write(writer: Writer, scenes: list[Scene]) -> list[Generation]:
    generations = [Generation(writer, scene) for scene in scenes]
    for generation in generations:
        generation.start()
    for _ in range(MAX_WORDS):
        if active := [generation for generation in generations if generation.active]:
            generate_word(active)
    return generations


def _settings(written: list[Generation]) -> list[str]:
    """The places of some headings: what comes before the first comma, each once."""
    places: dict[str, None] = {}
    for generation in written:
        heading, bracket, _ = generation.text.partition(":")[2].partition("]")
        place, comma, _ = heading.partition(",")
        if (bracket or comma) and 0 < len(place.strip()) <= MAX_SETTING_LETTERS:
            places.setdefault(place.strip())
    return list(places)


def _line(written: list[Generation]) -> str:
    """The first whole line with some words and no direction."""
    for generation in written:
        if generation.done and generation.words > MIN_LINE_WORDS and "(" not in generation.text:
            return generation.text
    return ""


def _scenes(speakers: list[str], settings: list[str], lines: list[str]) -> list[Example]:
    if len(speakers) < 2:
        return []
    first, second = speakers[:2]

    def label(who: str, setting: str) -> str:
        return f"{who}, {setting}" if setting else who

    scenes = [
        Example(label(f"{first} and {second}", settings[0]), [first, second], settings[0], "")
    ]
    if line := next(filter(None, reversed(lines)), ""):
        scenes.append(Example(line, [], "", line))
    setting = settings[1] or settings[0]
    scenes.append(Example(label(f"{second} alone", setting), [second], setting, ""))
    return scenes
