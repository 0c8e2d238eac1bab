"""A request for one scene, with all its values checked; its JSON reproduces the scene."""

import dataclasses
import math
import random
from typing import Any

from data import strict_json, versions
from data.command_line import UserError
from serve.limits import (
    MAX_CAST,
    MAX_SCENE_JSON,
    MAX_SHOWN_VALUE,
    MAX_TEXT,
    OPTION_RANGES,
    RANDOM_SEEDS,
)

PRESETS: dict[str, dict[str, float]] = {
    "faithful": {"temperature": 0.6, "top_p": 0.9},
    "balanced": {"temperature": 0.8, "top_p": 0.95},
    "wild": {"temperature": 1.15, "top_p": 0.98},
}
FORMAT = "cold-open-scene"


@dataclasses.dataclass(frozen=True)
class Scene:
    """The prompt and the options of one scene, named as in the exported model's `generate`.

    Raises:
        UserError: for a value of the wrong type or out of range; names the field.
    """

    prompt: str = ""
    after: str = ""  # text behind the generated part: the rest of a script whose line is rewritten
    one_line: bool = False  # stop before the first new line
    cast: tuple[str, ...] = ()  # names of those who may speak; empty is everyone
    max_new_tokens: int = 200
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
        if len(self.prompt) + len(self.after) > MAX_TEXT:
            raise UserError(
                f"the scene is full ({MAX_TEXT:,} characters): save it and start another one"
            )
        for name in ("one_line", "invent_words"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"{name} must be true or false")
        if not isinstance(self.cast, list | tuple) or len(self.cast) > MAX_CAST:
            raise UserError(f"cast must be a list of at most {MAX_CAST} names")
        cast = tuple(clean_text(name, "cast") for name in self.cast)
        object.__setattr__(self, "cast", cast)
        for name in OPTION_RANGES:
            object.__setattr__(self, name, self._number(name))

    def _number(self, name: str) -> float:
        value, (low, high) = getattr(self, name), OPTION_RANGES[name]
        is_integer = type(self).__dataclass_fields__[name].type is int
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{name} must be a number, not {shortened(value)}")
        if not low <= value <= high:  # also true of nan
            raise UserError(f"{name} must be from {low} to {high}, not {shortened(value)}")
        if is_integer and value != math.floor(value):
            raise UserError(f"{name} must be a whole number, not {shortened(value)}")
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
            raise UserError(f"there is no preset {shortened(preset)}: {', '.join(PRESETS)}")
        numbers = dict(PRESETS[preset])
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(seed, str):
        seed = seed.strip()
        if seed and not (seed.isascii() and seed.isdigit() and len(seed) < 20):
            raise UserError(f"seed must be a whole number, 0 or above, not {shortened(seed)}")
        seed = int(seed) if seed else None
    if seed is None:
        seed = random.randrange(RANDOM_SEEDS)
    return Scene(**{**numbers, **given, "seed": seed})


def clean_text(value: Any, name: str) -> str:
    """A text with "\\n" as its only line end, without null characters and lone surrogates.

    Raises:
        UserError: if it is no text or longer than `MAX_TEXT`.
    """
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise UserError(f"{name} must be a text of at most {MAX_TEXT:,} characters")
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return value.encode("utf-8", "replace").decode("utf-8")


def whole_number(value: Any, name: str, largest: int) -> int:
    """A caller's value as an int from 0 to `largest`; raises `UserError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise UserError(f"{name} must be a whole number, not {shortened(value)}")
    if not 0 <= value <= largest or value != int(value):
        raise UserError(
            f"{name} must be a whole number from 0 to {largest}, not {shortened(value)}"
        )
    return int(value)


def shortened(value: Any) -> str:
    """A wrong value as an error message shows it."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4,300 digits, or nested too deep
        return "a number this long"
    return shown if len(shown) <= MAX_SHOWN_VALUE else shown[:MAX_SHOWN_VALUE] + "..."
