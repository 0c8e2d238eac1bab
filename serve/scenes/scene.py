"""What is asked of a model, checked; as JSON it writes the same scene again."""

import dataclasses
import json
import math
from typing import Any

from data import versions
from data.command_line import UserError

MAX_NEW_TOKENS = 1000
MAX_TEXT = 12_000  # characters of a scene
MAX_CAST = 40
# (lowest, highest) of each number; whole ones are the fields of type int.
RANGES = {
    "max_new_tokens": (0, MAX_NEW_TOKENS),
    "temperature": (0, 2),
    "top_k": (0, 1000),
    "top_p": (0.01, 1),
    "min_p": (0, 1),
    "repetition_penalty": (1, 2),
    "no_repeat_ngram_size": (0, 100),
    "seed": (0, 2**31 - 1),
}
PRESETS: dict[str, dict[str, float]] = {
    "faithful": {"temperature": 0.6, "top_p": 0.9},
    "balanced": {"temperature": 0.8, "top_p": 0.95},
    "wild": {"temperature": 1.15, "top_p": 0.98},
}
FORMAT = "cold-open-scene"


@dataclasses.dataclass(frozen=True)
class Scene:
    """One piece of writing. Names of numbers are those of the exported model's `generate`.

    Raises:
        UserError: for a value that is no text or number, or out of its range; names it.
    """

    prompt: str = ""
    after: str = ""  # put behind what is written: the rest of a scene whose line is rewritten
    one_line: bool = False  # end before the first new line
    cast: tuple[str, ...] = ()  # who may speak; empty is everyone
    max_new_tokens: int = 200
    temperature: float = PRESETS["balanced"]["temperature"]
    top_k: int = 0
    top_p: float = PRESETS["balanced"]["top_p"]
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    seed: int = 0
    model: str = ""  # which bundle; empty is the first
    weights: str = ""  # beginning of the checksum of the weights that wrote it, for the reader

    def __post_init__(self) -> None:
        for name in ("prompt", "after", "model", "weights"):
            object.__setattr__(self, name, clean_text(getattr(self, name), name))
        if len(self.prompt) + len(self.after) > MAX_TEXT:
            raise UserError(
                f"the scene is full ({MAX_TEXT:,} characters): keep it and start another"
            )
        if not isinstance(self.one_line, bool):
            raise UserError("one_line must be true or false")
        if not isinstance(self.cast, list | tuple) or len(self.cast) > MAX_CAST:
            raise UserError(f"cast must be a list of at most {MAX_CAST} names")
        cast = tuple(clean_text(name, "cast") for name in self.cast)
        object.__setattr__(self, "cast", cast)
        for name in RANGES:
            object.__setattr__(self, name, self._number(name))

    def _number(self, name: str) -> float:
        value, (low, high) = getattr(self, name), RANGES[name]
        whole = type(self).__dataclass_fields__[name].type is int
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{name} must be a number, not {shortened(value)}")
        if not low <= value <= high:  # also where it is no number at all
            raise UserError(f"{name} must be from {low} to {high}, not {shortened(value)}")
        if whole and value != math.floor(value):
            raise UserError(f"{name} must be a whole number, not {shortened(value)}")
        return int(value) if whole else float(value)

    def to_json(self) -> str:
        """The scene as JSON."""
        fields = {"format": FORMAT, "version": versions.SCENE, **dataclasses.asdict(self)}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: Any) -> "Scene":
        """Reads `to_json`'s text.

        Raises:
            UserError: for anything else, naming what is wrong.
        """
        if not isinstance(text, str) or len(text) > 8 * MAX_TEXT:
            raise UserError("a scene's JSON must be a text, of a scene's length")
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            raise UserError("this is not a scene's JSON: copy the whole of it") from None
        if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
            raise UserError(f"this JSON is not a scene: it lacks format = {FORMAT!r}")
        if fields.pop("version", None) != versions.SCENE:
            raise UserError("this scene's version is not 1: it is of a newer program")
        names = {field.name for field in dataclasses.fields(cls)}
        if strange := set(fields) - names:
            raise UserError(f"a scene has no {shortened(min(strange))}")
        return cls(**fields)


def clean_text(value: Any, name: str) -> str:
    """A text with plain new lines and no half characters, at most `MAX_TEXT` long."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise UserError(f"{name} must be a text of at most {MAX_TEXT:,} characters")
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return value.encode("utf-8", "replace").decode("utf-8")


def shortened(value: Any) -> str:
    """A strange value as it is shown to whoever sent it."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4,300 digits, or nested too deep
        return "so long a number"
    return shown if len(shown) <= 40 else shown[:40] + "..."
