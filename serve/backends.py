"""A loaded model behind a small interface: checked settings in, pieces of text out."""

import dataclasses
import pathlib
from collections.abc import Iterator

import torch

from data.command_line import UserError
from data.vocab import Vocabulary

MAX_NEW_TOKENS = 1000
MAX_PROMPT = 2000  # characters
# The page and its API are open to anyone: (lowest, highest) of each number, checked on the server.
RANGES = {
    "max_new_tokens": (1, MAX_NEW_TOKENS),
    "temperature": (0, 2),
    "top_k": (0, 1000),
    "top_p": (0.01, 1),
    "min_p": (0, 1),
    "repetition_penalty": (1, 2),
    "seed": (0, 2**31 - 1),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to write and how; names and meanings are those of the exported model's `generate`."""

    prompt: str = ""
    max_new_tokens: int = 200
    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 0.95
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str) or len(self.prompt) > MAX_PROMPT:
            raise UserError(f"the prompt must be a text of at most {MAX_PROMPT} characters")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            whole = isinstance(low, int) and isinstance(getattr(type(self), name), int)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UserError(f"{name} must be a number, not {value!r}")
            if not low <= value <= high:
                raise UserError(f"{name} must be from {low} to {high}, not {value}")
            if whole and value != int(value):
                raise UserError(f"{name} must be a whole number, not {value}")
            object.__setattr__(self, name, int(value) if whole else float(value))


class TorchScriptBackend:
    """The exported TorchScript file. Any number of threads may write with one loaded file.

    Raises:
        UserError: if there is no such file, or it is not one that export wrote.
    """

    def __init__(self, path: pathlib.Path):
        if not path.is_file():
            raise UserError(f"{path}: there is no such model; make one first (make demo)")
        extra = {"vocab.json": ""}
        try:
            self.writer = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().split("\n")[0][:120]
            raise UserError(f"{path} is damaged, or not a TorchScript file ({reason})") from None
        if not extra["vocab.json"] or not hasattr(self.writer, "stream_next"):
            raise UserError(f"{path} is a TorchScript file, but not one that export wrote")
        text = extra["vocab.json"]
        self.vocabulary = Vocabulary.from_json(
            text.decode("utf-8") if isinstance(text, bytes) else text
        )
        self.show = self.vocabulary.show

    @property
    def speakers(self) -> list[str]:
        """Who speaks in the show, the most talkative first."""
        return [name for name, _count in self.vocabulary.speakers]

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that the model has never seen."""
        return list(self.writer.unknown_words(text))

    @torch.inference_mode()
    def stream(self, settings: Settings) -> Iterator[str]:
        """The prompt, then the pieces of what is written after it, one word at a time."""
        yield settings.prompt.rstrip(" ")
        state = self.writer.stream_start(settings.prompt, settings.seed)
        options = (
            settings.temperature,
            settings.top_k,
            settings.top_p,
            settings.min_p,
            settings.repetition_penalty,
        )
        for _ in range(settings.max_new_tokens):
            piece, state = self.writer.stream_next(state, *options)
            yield piece


def newest_model(root: pathlib.Path) -> pathlib.Path:
    """The exported model under `root` that was written last."""
    found = sorted(root.glob("*/model.torchscript.pt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(
            f"{root} holds no exported model: run make demo, or make train and make export"
        )
    return found[-1]
