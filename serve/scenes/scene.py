"""A request for one scene, with all its values checked; its JSON reproduces the scene."""

import dataclasses
import math
import random
from typing import Any

from data import strict_json, versions
from data.command_line import UserError
from serve.arguments import ArgumentError, clean_text, name_list, shortened
from serve.limits import (
    LOW_TEMPERATURE,
    LOW_TEMPERATURE_NO_REPEAT,
    MAX_CAST,
    MAX_NEXT_SPEAKERS,
    MAX_SCENE_JSON,
    MAX_TEXT,
    OPTION_RANGES,
    RANDOM_SEEDS,
)

PRESETS: dict[str, dict[str, float]] = {
    "safe": {"temperature": 0.6, "top_p": 0.9},
    "balanced": {"temperature": 0.8, "top_p": 0.95},
    "wild": {"temperature": 1.15, "top_p": 0.98},
}
FORMAT = "cold-open-scene"


@dataclasses.dataclass(frozen=True)
class Scene:
    """The prompt and the options of one scene, named as in the exported model's `generate`.

    Raises:
        ArgumentError: for a value of the wrong type or out of range; names the field.
        UserError: if the texts are too long together.
    """

    prompt: str = ""
    typed: str | None = None  # what a person typed of the prompt; None is all of it
    after: str = ""  # text behind the generated part: the rest of a script whose line is rewritten
    one_line: bool = False  # stop before the first new line
    cast: tuple[str, ...] = ()  # names of those who may speak; empty is everyone
    next_speakers: tuple[str, ...] = ()  # who may speak the first new line; empty is the cast
    # Words, punctuation included, after which the scene ends with the line; 0 writes nothing.
    length: int = 200
    temperature: float = PRESETS["balanced"]["temperature"]
    top_k: int = 0
    top_p: float = PRESETS["balanced"]["top_p"]
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    invent_words: bool = False  # whether the speller may write words that are not in the show
    seed: int = 0
    model: str = ""  # name of a bundle; empty is the first
    weights: str = ""  # first digits of the SHA-256 of the weights; informative

    def __post_init__(self) -> None:
        for name in ("prompt", "after", "model", "weights"):
            object.__setattr__(self, name, clean_text(getattr(self, name), name))
        if self.typed is not None:
            object.__setattr__(self, "typed", clean_text(self.typed, "typed"))
        if len(self.prompt) + len(self.after) > MAX_TEXT:
            raise UserError(
                f"the scene is full ({MAX_TEXT:,} characters): save it and start another one"
            )
        for name in ("one_line", "invent_words"):
            if not isinstance(getattr(self, name), bool):
                raise ArgumentError(name, "must be true or false")
        for name, most in (("cast", MAX_CAST), ("next_speakers", MAX_NEXT_SPEAKERS)):
            object.__setattr__(self, name, name_list(getattr(self, name), name, most))
        for name in OPTION_RANGES:
            object.__setattr__(self, name, self._number(name))
        free = self.repetition_penalty == 1 and self.no_repeat_ngram_size == 0
        if free and self.temperature < LOW_TEMPERATURE:
            object.__setattr__(self, "no_repeat_ngram_size", LOW_TEMPERATURE_NO_REPEAT)

    def _number(self, name: str) -> float:
        value, (low, high) = getattr(self, name), OPTION_RANGES[name]
        is_integer = type(self).__dataclass_fields__[name].type is int
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ArgumentError(name, f"must be a number, not {shortened(value)}")
        if not low <= value <= high:  # also true of nan
            raise ArgumentError(name, f"must be from {low} to {high}, not {shortened(value)}")
        if is_integer and value != math.floor(value):
            raise ArgumentError(name, f"must be a whole number, not {shortened(value)}")
        return int(value) if is_integer else float(value)

    def to_json(self) -> str:
        """The scene as JSON."""
        fields = {"format": FORMAT, "version": versions.SCENE, **dataclasses.asdict(self)}
        return strict_json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: Any) -> "Scene":
        """Reads the output of `to_json`.

        Raises:
            UserError: for any other text; says what is wrong.
        """
        if not isinstance(text, str) or len(text) > MAX_SCENE_JSON:
            raise UserError(
                f"a scene's JSON must be a text of at most {MAX_SCENE_JSON:,} characters"
            )
        try:
            fields = strict_json.loads(text)
        except ValueError:
            raise UserError("this is not a scene's JSON: copy all of it") from None
        if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
            raise UserError(f"this JSON is not a scene: it lacks format = {FORMAT!r}")
        if (version := fields.pop("version", None)) != versions.SCENE:
            raise UserError(
                f"this scene has version {shortened(version)}, this program reads "
                f"{versions.SCENE}: write the scene again"
            )
        names = {field.name for field in dataclasses.fields(cls)}
        if unknown := set(fields) - names:
            raise UserError(f"a scene has no field {shortened(min(unknown))}")
        return cls(**fields)


def build_scene(preset: Any = "", seed: Any = None, **options: Any) -> Scene:
    """A scene from a caller's values.

    Args:
        preset: key of `PRESETS`; its numbers apply where `options` has none. Empty is no preset.
        seed: a number, or the text of a form field; None or empty draws a random seed.
        options: fields of `Scene`; None is the default.

    Raises:
        UserError: for an unknown preset or a value out of range.
    """
    numbers: dict[str, Any] = {}
    if preset not in ("", None):
        if not isinstance(preset, str) or preset not in PRESETS:
            raise ArgumentError(
                "preset", f"must be one of {', '.join(PRESETS)}, not {shortened(preset)}"
            )
        numbers = dict(PRESETS[preset])
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(seed, str):
        seed = seed.strip()
        if seed and not (seed.isascii() and seed.isdigit() and len(seed) < 20):
            raise ArgumentError("seed", f"must be a whole number, not {shortened(seed)}")
        seed = int(seed) if seed else None
    if seed is None:
        seed = random.randrange(RANDOM_SEEDS)
    return Scene(**{**numbers, **given, "seed": seed})
